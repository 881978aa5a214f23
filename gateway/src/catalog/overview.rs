//! The datasets, what is due of them and what came (decree, articles 4(1) and 4(2)).

use std::collections::BTreeMap;

use birge_proto::{
    clock::Timestamp,
    problem::Problem,
    wire::{Dataset, Period, PeriodState},
};

use super::State;

/// Every dataset with its periods: those due by now, and those that came.
///
/// # Errors
/// When no decree is in force.
pub fn overview(state: &State, now: Timestamp) -> Result<Vec<Dataset>, Problem> {
    let now = state.registry.present(now);
    let decree = state.decree_at(now)?;
    let mut owed: BTreeMap<String, BTreeMap<String, Timestamp>> = BTreeMap::new();
    for obligation in decree.obligations(now) {
        owed.entry(obligation.dataset).or_default().insert(obligation.period, obligation.deadline);
    }
    let datasets = state.structures.iter().map(|structure| {
        let mandate = decree.mandate(&structure.id);
        let holding = state.holding(&structure.id);
        let mut periods: BTreeMap<String, (Option<Timestamp>, PeriodState)> = BTreeMap::new();
        for (period, deadline) in owed.remove(&structure.id).unwrap_or_default() {
            periods.insert(period, (Some(deadline), PeriodState::Missing));
        }
        for (period, held) in holding.periods() {
            let deadline = decree.deadline(&structure.id, period);
            let late = deadline.is_some_and(|deadline| held.first_accepted >= deadline);
            let came = if late { PeriodState::Late } else { PeriodState::OnTime };
            periods.insert(period.to_owned(), (deadline, came));
        }
        Dataset {
            id: structure.id.clone(),
            version: structure.version.clone(),
            names: structure
                .names
                .iter()
                .map(|(language, name)| (language.clone(), name.clone()))
                .collect(),
            agency: mandate.map(|mandate| mandate.agency.to_string()).unwrap_or_default(),
            article: mandate.map(|mandate| mandate.article.clone()).unwrap_or_default(),
            periods: periods
                .into_iter()
                .map(|(period, (due, state))| Period {
                    period,
                    due: due.map(|due| due.to_string()).unwrap_or_default(),
                    state: state.into(),
                })
                .collect(),
        }
    });
    Ok(datasets.collect())
}
