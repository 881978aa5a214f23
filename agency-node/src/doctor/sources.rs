//! Whether what the ministry already has can be asked for, and explained.

use super::{Check, fine, of, wrong};
use crate::{
    config::Source,
    mapping::Mapping,
    node::Node,
    output::Failure,
    pull,
    schedule::{times::Times, told},
};

/// Looks at every source, and asks it.
pub(super) async fn all(node: &Node) -> Vec<Check> {
    let mut checks = vec![];
    for source in &node.config.sources {
        checks.push(self::source(node, source).await);
    }
    checks
}

/// What explains a source can be read, and what is asked for it answers.
async fn source(node: &Node, source: &Source) -> Check {
    let mapping = source.mapping.as_ref().map(|file| Mapping::load(&node.home.join(file)));
    let explained = match mapping.transpose() {
        Ok(Some(mapping)) => mapping.name,
        Ok(None) => "in the common template".into(),
        Err(failure) => return of_source(source, &failure),
    };
    let found = format!("{}: {explained}", source.name);
    let answers = match pull::probe(node, source).await {
        Ok(answers) => answers.map(|answers| format!("; {answers}")).unwrap_or_default(),
        Err(failure) => return of_source(source, &failure),
    };
    match Times::of(source) {
        Err(failure) => of_source(source, &failure),
        Ok(None) => fine("source", format!("{found}{answers}")),
        Ok(Some(times)) => match times.next(node.clock.now()) {
            Some(next) => {
                fine("source", format!("{found}{answers}; next on {}", times.shown(next)))
            }
            None => wrong(
                "source",
                format!("{found}; its schedule names no day that there is"),
                "correct schedule in node.toml",
            ),
        },
    }
}

fn of_source(source: &Source, failure: &Failure) -> Check {
    let check = of("source", failure);
    let named = check.found.contains(&source.name);
    let found = if named { check.found } else { format!("{}: {}", source.name, check.found) };
    Check { found, ..check }
}

/// What could not be had when it was due, and what was due while the node was off.
pub(super) fn unmet(node: &Node) -> Vec<Check> {
    let mut checks = vec![];
    for source in told::standing(node) {
        let name = &source.name;
        if let Some((due, trouble)) = source.open.and_then(|open| Some((open.due, open.trouble?))) {
            let found = format!("{name} was due on {due}: {trouble}");
            checks.push(of("schedule", &Failure::Wrong(found)));
        }
        if !source.missed.is_empty() {
            let periods = source.missed.iter().cloned().collect::<Vec<_>>().join(", ");
            let found = format!("{name} was not asked for {periods}, due while the node was off");
            checks.push(wrong(
                "schedule",
                found,
                format!("agency-node pull {name} --period PERIOD"),
            ));
        }
    }
    checks
}
