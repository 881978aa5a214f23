//! How each source stands, for people.

use std::{collections::BTreeSet, fmt};

use birge_proto::clock::Timestamp;
use serde::Serialize;

use super::{
    missed,
    state::{Last, Open, State},
    times::Times,
};
use crate::{
    config::Source,
    node::Node,
    output::Failure,
    pull::taken::{self, Became},
};

/// How a source stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// When it is due next.
    next: Option<Timestamp>,
    last: Option<Last>,
    /// What is not met yet.
    pub open: Option<Open>,
    became: Option<Became>,
    /// Periods that were passed over.
    pub missed: BTreeSet<String>,
    /// Why nothing can be told of it, or it is never asked.
    pub trouble: Option<String>,
    #[serde(skip)]
    lines: Vec<String>,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "source {}", self.name)?;
        self.lines.iter().try_for_each(|line| write!(f, "\n  {}", line.replace('\n', "\n  ")))
    }
}

/// How the sources of a node stand that are asked, or that gave a file.
#[must_use]
pub fn standing(node: &Node) -> Vec<Standing> {
    let each = node.config.sources.iter().filter_map(|source| {
        of(node, source).unwrap_or_else(|failure| {
            let trouble = failure.to_string();
            Some(Standing {
                name: source.name.clone(),
                next: None,
                last: None,
                open: None,
                became: None,
                missed: BTreeSet::new(),
                lines: vec![trouble.clone()],
                trouble: Some(trouble),
            })
        })
    });
    each.collect()
}

fn of(node: &Node, source: &Source) -> Result<Option<Standing>, Failure> {
    let became = taken::of(&node.home, &source.name)?;
    let times = Times::of(source)?;
    if times.is_none() && became.is_none() {
        return Ok(None);
    }
    let State { open, last, .. } = State::load(&node.home, &source.name)?;
    let open = open.filter(|_| times.is_some());
    let shown = |time| times.as_ref().map_or_else(|| format!("{time}"), |it| it.shown(time));
    let mut lines = vec![];
    if let Some(Last { at, period, pulled, .. }) = &last {
        let period = period.as_ref().map(|it| format!(" for {it}")).unwrap_or_default();
        let rows = pulled.as_ref().and_then(|it| it.rows);
        let rows = rows.map(|rows| format!(", {rows} rows")).unwrap_or_default();
        lines.push(format!("asked    {}{period}{rows}", shown(*at)));
    }
    if let Some(became) = &became {
        lines.push(format!("taken    {}: {became}", shown(became.at)));
    }
    if let Some(Open { due, attempts, again, trouble, .. }) = &open {
        let due = shown(*due);
        lines.push(match trouble {
            None => format!("due      {due}: it is being asked"),
            Some(why) => format!(
                "FAILED   what was due on {due}, asked {attempts} times; again on {}\n{why}",
                shown(*again)
            ),
        });
    }
    let missed = missed::of(&node.home, &source.name)?;
    if !missed.is_empty() {
        let periods = missed.iter().cloned().collect::<Vec<_>>().join(", ");
        let name = &source.name;
        lines.push(format!(
            "MISSED   {periods}: due while the node was off\nnext: agency-node pull {name} --period \
             PERIOD"
        ));
    }
    let next = times.as_ref().and_then(|times| times.next(node.clock.now()));
    match (&times, next) {
        (Some(_), Some(next)) => lines.push(format!("next     {}", shown(next))),
        (Some(_), None) => lines.push("next     never: no day is as its schedule says".into()),
        (None, _) => {}
    }
    let name = source.name.clone();
    Ok(Some(Standing { name, next, last, open, became, missed, trouble: None, lines }))
}
