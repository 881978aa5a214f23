//! `agency-node obligations`: what the decree makes due, what came of it, and what it lacks
//! (articles 4(1) to 4(3)).

use std::{collections::BTreeMap, fmt};

use birge_proto::{
    clock::Timestamp,
    wire::{self, ListDatasetsRequest, PeriodState},
};
use clap::Args;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::{
    asker::{As, Asker},
    connect,
    output::{Exit, Failure, Reply},
};

/// Whose obligations are wanted.
#[derive(Debug, Clone, Args)]
pub struct Obligations {
    /// Those of every agency, not of this one alone.
    #[arg(long)]
    pub all: bool,
    /// End with 1 where something is missing or has gaps.
    #[arg(long)]
    pub fail_on_missing: bool,
    /// As whom it asks.
    #[command(flatten)]
    pub who: As,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Due {
    datasets: Vec<Dataset>,
    /// Of the periods that count persons, by agency.
    by_sex: BTreeMap<String, BySex>,
}

#[derive(Serialize)]
struct Dataset {
    dataset: String,
    agency: String,
    article: String,
    periods: Vec<Period>,
}

#[derive(Serialize)]
struct Period {
    period: String,
    /// First moment at which it is late; none where no deadline was set.
    due: Option<Timestamp>,
    state: &'static str,
    /// Breakdowns that are demanded and were not given.
    gaps: Vec<Vec<String>>,
}

/// Periods that were given, and those of them that were given by sex.
#[derive(Default, Serialize)]
struct BySex {
    given: usize,
    split: usize,
}

/// Asks the gateway what is due.
///
/// # Errors
/// When the node is not enrolled, or the gateway is away.
pub async fn obligations(asker: &Asker, wanted: &Obligations) -> Result<Reply, Failure> {
    let answer = asker.link.query().list_datasets(ListDatasetsRequest {}).await;
    let datasets = answer.map_err(|status| connect::problem(&status))?.into_inner().datasets;
    let agency = asker.identity.body.as_str();
    let named = |dataset: &wire::Dataset| match wanted.all {
        true => !dataset.agency.is_empty(),
        false => dataset.agency == agency,
    };
    let datasets: Vec<_> = datasets.into_iter().filter(named).collect();
    let mut by_sex: BTreeMap<String, BySex> = BTreeMap::new();
    for dataset in datasets.iter().filter(|dataset| dataset.persons) {
        let sums = by_sex.entry(dataset.agency.clone()).or_default();
        for period in dataset.periods.iter().filter(|period| came(period.state())) {
            sums.given += 1;
            sums.split += usize::from(period.by_sex);
        }
    }
    let due = Due { datasets: datasets.into_iter().map(Dataset::from).collect(), by_sex };
    let exit = if wanted.fail_on_missing && due.lacks() { Exit::Refused } else { Exit::Done };
    Reply::new(exit, &due)
}

fn came(state: PeriodState) -> bool {
    matches!(state, PeriodState::OnTime | PeriodState::Late)
}

/// What a period is, in a word. What no deadline was set for is neither in time nor late.
pub(crate) fn word_of(period: &wire::Period) -> &'static str {
    if period.due.is_empty() { "given" } else { word(period.state()) }
}

fn word(state: PeriodState) -> &'static str {
    match state {
        PeriodState::OnTime => "on time",
        PeriodState::Late => "late",
        PeriodState::Due => "due",
        PeriodState::Missing => "missing",
        PeriodState::Unspecified => "unknown",
    }
}

impl Due {
    fn lacks(&self) -> bool {
        let mut periods = self.datasets.iter().flat_map(|dataset| &dataset.periods);
        // What no deadline was set for may have gaps.
        periods.any(|period| {
            let gaps = period.due.is_some() && !period.gaps.is_empty();
            gaps || period.state == word(PeriodState::Missing)
        })
    }
}

impl From<wire::Dataset> for Dataset {
    fn from(dataset: wire::Dataset) -> Self {
        let wire::Dataset { id, agency, article, periods, .. } = dataset;
        let period = |period: wire::Period| Period {
            due: period.due.parse().ok(),
            state: word_of(&period),
            gaps: period.gaps.into_iter().map(|gap| gap.dimensions).collect(),
            period: period.period,
        };
        Self { dataset: id, agency, article, periods: periods.into_iter().map(period).collect() }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.datasets.is_empty() {
            return write!(f, "the decree demands nothing of this body");
        }
        for Dataset { dataset, agency, article, periods } in &self.datasets {
            writeln!(f, "{dataset}, of {agency} under article {article}")?;
            if periods.is_empty() {
                writeln!(f, "  nothing is due yet, and nothing came")?;
            }
            for period in periods {
                writeln!(f, "  {period}")?;
            }
        }
        let gave = self.by_sex.iter().filter(|(_, sums)| sums.given > 0);
        for (agency, BySex { given, split }) in gave {
            writeln!(f, "some figures by sex: {split} of {given} periods that {agency} gave")?;
        }
        Ok(())
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<9} {:<8}", self.period, self.state)?;
        if let Some(due) = &self.due {
            let here = due.to_zoned(TimeZone::system());
            write!(f, " before {}", here.strftime("%Y-%m-%d %H:%M %:z"))?;
        }
        if !self.gaps.is_empty() {
            let gaps = self.gaps.iter().map(|gap| format!("by {}", gap.join(" and ")));
            write!(f, "; lacks figures {}", gaps.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}
