//! Sources that are asked at set times. What was asked is kept under `state/schedules`, so that a
//! time is met once whatever happens to the node and to its clock.
//!
//! | module | does |
//! |---|---|
//! | [`times`] | when a source is due, and for which period |
//! | [`mod@plan`] | what there is to do now: pure |
//! | [`state`] | what was asked, as a file that outlives a crash |
//! | [`missed`] | periods that were passed over, to be asked for by hand |
//! | [`told`] | how each source stands, for `status` and `doctor` |

pub mod missed;
pub mod plan;
pub mod state;
pub mod times;
pub mod told;

use std::{convert::Infallible, time::Duration};

use birge_proto::clock::Timestamp;
use futures::future::join_all;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use self::{
    plan::{Next, plan},
    state::State,
    times::Times,
};
use crate::{
    config::Source,
    node::Node,
    output::Failure,
    pull::{self, Place, Pulled},
};

/// The longest sleep. A clock that jumps is found out after it.
const GLANCE: Duration = Duration::from_secs(60);

/// Asks the sources of a node when they are due, for ever. None of them holds up another.
pub async fn run(node: Node) -> Infallible {
    let each = node.config.sources.iter().filter_map(|source| match Times::of(source) {
        Ok(times) => times.map(|times| keep(&node, source, times)),
        Err(failure) => {
            error!("the source {} is never asked: {failure}", source.name);
            None
        }
    });
    join_all(each).await;
    std::future::pending().await
}

/// Asks one source when it is due, for ever.
async fn keep(node: &Node, source: &Source, times: Times) -> Infallible {
    let mut said = String::new();
    loop {
        let pause = match step(node, source, &times).await {
            Ok(pause) => pause,
            Err(failure) => {
                let failure = failure.to_string();
                if said != failure {
                    error!("the source {} cannot be asked: {failure}", source.name);
                    said = failure;
                }
                GLANCE
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Does what there is to do now; how long there is nothing more.
async fn step(node: &Node, source: &Source, times: &Times) -> Result<Duration, Failure> {
    let now = node.clock.now();
    let mut state = load(node, source, times, now).await?;
    let due = match plan(&state, times, now) {
        Next::Ask(due) => due,
        Next::Wait(until) => {
            let left = until.map(|until| until.duration_since(now).unsigned_abs());
            return Ok(left.map_or(GLANCE, |left| left.min(GLANCE)));
        }
    };
    let asked = times.asked(due);
    let stem = pull::command::stem(source, &asked, &pull::command::mark(due));
    let before = state.begin(due, now);
    // Killed after the file had landed, and before that was noted.
    if before && landed(node, source, &stem).await? {
        info!("the source {} was asked for its time of {due} before", source.name);
        state.met(due, now, asked.period, None);
        save(node, source, state).await?;
        return Ok(Duration::ZERO);
    }
    save(node, source, state.clone()).await?;
    let place = Place::Folder(node.inbox(source), stem);
    let pulled = pull::pull(node, source, &asked, place, true).await;
    let now = node.clock.now();
    match pulled {
        Ok(pulled) => {
            tell(source, asked.period.as_deref(), pulled.as_ref());
            let passed = times.passed(due, |time| state.is_open(time));
            pass_over(node, source, asked.period.clone(), passed).await?;
            state.met(due, now, asked.period, pulled);
        }
        Err(failure) => {
            let again = state.failed(now, &failure);
            // What a database says may tell figures, which are nothing for a log.
            let why = match &failure {
                Failure::Unreachable(why) => why.as_str(),
                _ => "`agency-node status` says why",
            };
            warn!("the source {} failed and is asked again at {again}: {why}", source.name);
        }
    }
    save(node, source, state).await?;
    Ok(Duration::ZERO)
}

fn tell(source: &Source, period: Option<&str>, pulled: Option<&Pulled>) {
    let period = period.map(|period| format!(" for {period}")).unwrap_or_default();
    let came = match pulled {
        Some(pulled) => {
            let name = pulled.file.file_name().unwrap_or_default().to_string_lossy();
            format!("{name}, {} bytes", pulled.bytes)
        }
        None => "it has what it gave before".into(),
    };
    info!("the source {} was asked{period}: {came}", source.name);
}

/// Tells of periods that were due while the node was off, and are not asked for.
async fn pass_over(
    node: &Node,
    source: &Source,
    asked: Option<String>,
    passed: Vec<String>,
) -> Result<(), Failure> {
    if !passed.is_empty() {
        let (name, periods) = (&source.name, passed.join(", "));
        warn!("the source {name} was not asked for {periods}: agency-node pull {name} --period");
    }
    let (home, name) = (node.home.clone(), source.name.clone());
    let note = spawn_blocking(move || {
        missed::add(&home, &name, passed)?;
        asked.map_or(Ok(()), |period| missed::settle(&home, &name, &period))
    });
    note.await.map_err(anyhow::Error::from)?
}

/// Does a file of this name lie wherever files of the inbox go?
async fn landed(node: &Node, source: &Source, stem: &str) -> Result<bool, Failure> {
    let folders = [node.inbox(source), node.home.join("sent"), node.home.join("rejected")];
    let (node, name, start) = (node.clone(), source.name.clone(), format!("{stem}."));
    let look = spawn_blocking(move || {
        let names = folders.iter().flat_map(std::fs::read_dir).flatten().flatten();
        let mut names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        // What is half stays under its temporary name when the node is killed.
        let lies = names.any(|name| name.starts_with(&start) && !name.ends_with(".tmp"));
        let taken = pull::taken::of(&node.home, &name)?;
        Ok(lies || taken.is_some_and(|taken| taken.file.starts_with(&start)))
    });
    look.await.map_err(anyhow::Error::from)?
}

async fn load(
    node: &Node,
    source: &Source,
    times: &Times,
    now: Timestamp,
) -> Result<State, Failure> {
    let (home, name, text) = (node.home.clone(), source.name.clone(), times.text().to_owned());
    let state = spawn_blocking(move || State::load(&home, &name)?.seen(&home, &name, &text, now));
    state.await.map_err(anyhow::Error::from)?
}

async fn save(node: &Node, source: &Source, state: State) -> Result<(), Failure> {
    let (home, name) = (node.home.clone(), source.name.clone());
    spawn_blocking(move || state.save(&home, &name)).await.map_err(anyhow::Error::from)?
}

#[cfg(test)]
mod tests;
