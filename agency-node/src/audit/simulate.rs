//! `agency-node audit simulate`: what the draft of a decree would change, decision by decision.
//! For auditors. It is what the gateway says; each exchange that it names stands in the log, and
//! `audit records` proves it.

use std::{fmt, path::PathBuf};

use birge_proto::wire::{
    ChangedDecision, Judgement, SimulateRequest, SimulateResponse, Simulated,
    simulate_response::Part,
};
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::{fault, wrong};
use crate::{
    node::Node,
    output::{Exit, Failure, Reply},
};

/// Decisions that one answer holds.
const MOST: usize = 100_000;

/// What is simulated.
#[derive(Debug, Clone, Args)]
pub struct Simulate {
    /// The draft's folder.
    pub folder: PathBuf,
    /// End with 1 where any decision would change, the protection of small counts, or another
    /// parameter.
    #[arg(long)]
    pub fail_on_change: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// The record of this look.
    exchange: u64,
    records: u64,
    replayed: u64,
    unknown: u64,
    changed: u64,
    protection: Vec<String>,
    /// Parameters of the decree that would change: what no decision shows.
    parameters: Vec<String>,
    /// The decree that the draft would follow.
    before: Before,
    decisions: Vec<Changed>,
    /// Are there more than are listed?
    more: bool,
}

#[derive(Serialize)]
struct Before {
    number: String,
    version: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    exchange: u64,
    time: String,
    actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<String>,
    effect: String,
    was: Judged,
    would_be: Judged,
}

#[derive(Default, Serialize)]
struct Judged {
    permit: bool,
    articles: Vec<String>,
    given: Vec<String>,
}

impl From<ChangedDecision> for Changed {
    fn from(changed: ChangedDecision) -> Self {
        let ChangedDecision { exchange, time, actor, dataset, effect, was, would_be } = changed;
        let dataset = Some(dataset).filter(|dataset| !dataset.is_empty());
        let [was, would_be] = [was, would_be].map(|judgement| {
            let judged = |Judgement { permit, articles, given }| Judged { permit, articles, given };
            judgement.map(judged).unwrap_or_default()
        });
        Self { exchange, time, actor, dataset, effect, was, would_be }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.permit { "permitted" } else { "refused" };
        write!(f, "{verdict} under {}", self.articles.join(", "))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exchange, records, replayed, unknown, changed, before, .. } = self;
        writeln!(
            f,
            "{replayed} decisions in {records} records were made once more, by decree {} of {} and \
             by the draft; this look is exchange {exchange}",
            before.number, before.version
        )?;
        if *unknown > 0 {
            writeln!(f, "{unknown} could not be: their words are not known")?;
        }
        if !self.protection.is_empty() {
            let protection = self.protection.join(", ");
            writeln!(f, "small counts would be protected in another way: {protection}")?;
        }
        if !self.parameters.is_empty() {
            writeln!(f, "parameters that would change: {}", self.parameters.join(", "))?;
        }
        if *changed == 0 {
            return write!(f, "no decision would change");
        }
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["exchange", "time", "who", "dataset", "effect", "was", "would be"]);
        table.add_rows(self.decisions.iter().map(|each| {
            let dataset = each.dataset.clone().unwrap_or_default();
            let (was, would_be) = (each.was.to_string(), each.would_be.to_string());
            let (time, actor, effect) =
                (each.time.clone(), each.actor.clone(), each.effect.clone());
            [each.exchange.to_string(), time, actor, dataset, effect, was, would_be]
        }));
        writeln!(f, "{table}")?;
        write!(f, "{changed} decisions would change")?;
        if self.more {
            write!(f, "; the first {} are listed", self.decisions.len())?;
        }
        write!(
            f,
            "\n`agency-node audit records --from N --to N+1` proves what stands at exchange N"
        )
    }
}

/// Simulates a draft.
///
/// # Errors
/// When the folder holds no decree, the gateway refuses or is away, or what it tells does not
/// add up.
pub async fn simulate(node: &Node, asked: Simulate) -> Result<Reply, Failure> {
    let Simulate { folder, fail_on_change } = asked;
    let draft = birge_schemas::decree::from_folder(&folder)
        .map_err(|error| Failure::Usage(format!("{}: {error}", folder.display())))?;
    let (link, _) = node.link()?;
    let answer = link.audit().simulate(SimulateRequest { draft }).await;
    let mut parts = answer.map_err(|status| fault(&status))?.into_inner();
    let first = parts.message().await.map_err(|status| fault(&status))?;
    let mut answer = Answer::begin(first)?;
    while !answer.more
        && let Some(part) = parts.message().await.map_err(|status| fault(&status))?
    {
        answer.take(part)?;
    }
    answer.adds_up()?;
    let beside = !answer.protection.is_empty() || !answer.parameters.is_empty();
    let fails = fail_on_change && (answer.changed > 0 || beside);
    let exit = if fails { Exit::Refused } else { Exit::Done };
    Reply::new(exit, &answer)
}

impl Answer {
    fn begin(first: Option<SimulateResponse>) -> Result<Self, Failure> {
        let Some(SimulateResponse { part: Some(Part::Simulated(simulated)) }) = first else {
            return Err(unsound("the gateway does not say what it comes to"));
        };
        let Simulated { exchange, records, replayed, unknown, changed, .. } = simulated;
        let Simulated { protection, parameters, .. } = simulated;
        let before = Before { number: simulated.number, version: simulated.version };
        let (decisions, more) = (vec![], false);
        Ok(Self {
            exchange,
            records,
            replayed,
            unknown,
            changed,
            protection,
            parameters,
            before,
            decisions,
            more,
        })
    }

    fn take(&mut self, part: SimulateResponse) -> Result<(), Failure> {
        let Some(Part::Changed(decision)) = part.part else {
            return Err(unsound("the gateway says twice what it comes to"));
        };
        let exchange = decision.exchange;
        let last = self.decisions.last().map(|decision| decision.exchange);
        if last >= Some(exchange) || exchange >= self.records {
            return Err(unsound(format!("exchange {exchange} is out of its place")));
        }
        self.more = self.decisions.len() == MOST;
        if !self.more {
            self.decisions.push(decision.into());
        }
        Ok(())
    }

    /// Whether every decision was told.
    fn adds_up(&self) -> Result<(), Failure> {
        let (told, changed) = (self.decisions.len() as u64, self.changed);
        match self.more || told == changed {
            true => Ok(()),
            false => Err(unsound(format!("{changed} decisions would change, and {told} are told"))),
        }
    }
}

fn unsound(what: impl fmt::Display) -> Failure {
    wrong("the simulation", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(changed: u64) -> Answer {
        let simulated = Simulated { records: 10, changed, ..Simulated::default() };
        let part = SimulateResponse { part: Some(Part::Simulated(simulated)) };
        Answer::begin(Some(part)).unwrap_or_else(|error| panic!("{error}"))
    }

    fn changed(exchange: u64) -> SimulateResponse {
        let decision = ChangedDecision { exchange, ..ChangedDecision::default() };
        SimulateResponse { part: Some(Part::Changed(decision)) }
    }

    #[test]
    fn what_does_not_add_up_is_found_wrong() {
        for empty in [None, Some(SimulateResponse::default()), Some(changed(1))] {
            assert!(Answer::begin(empty).is_err());
        }
        let mut answer = first(2);
        answer.take(changed(3)).unwrap();
        let kept_back = answer.adds_up().unwrap_err().to_string();
        assert!(kept_back.contains("2 decisions would change, and 1 are told"), "{kept_back}");
        for wrong in [changed(3), changed(2), changed(10), SimulateResponse::default()] {
            answer.take(wrong).unwrap_err();
        }
        answer.take(changed(9)).unwrap();
        answer.adds_up().unwrap();
    }
}
