//! The datasets, what is due of them and what came (decree, articles 4(1) and 4(2)).

use std::collections::{BTreeMap, BTreeSet};

use birge_proto::{
    clock::Timestamp,
    problem::Problem,
    wire::{Dataset, Gap, Period, PeriodState},
};
use birge_schemas::detail::{Breakdown, Detail};
use jiff::SignedDuration;

use super::{Held, State, Version};
use crate::decree::Mandate;

/// How far ahead the next deadline of a dataset is looked for.
const COMING: SignedDuration = SignedDuration::from_hours(24 * 400);

/// Every dataset with its periods: those due by now, the next, and those that came, with what
/// they lack of what the decree demands (articles 4(1), 4(3)).
///
/// # Errors
/// When no decree is in force.
pub fn overview(state: &State, now: Timestamp) -> Result<Vec<Dataset>, Problem> {
    let now = state.registry.present(now);
    let decree = state.decree_at(now)?;
    let mut owed: BTreeMap<String, BTreeMap<String, Timestamp>> = BTreeMap::new();
    let soon = now.checked_add(COMING).unwrap_or(now);
    for obligation in decree.obligations(soon) {
        let periods = owed.entry(obligation.dataset).or_default();
        // Of those to come only the next.
        if obligation.deadline > now {
            let sooner = |due: &Timestamp| *due <= now || *due < obligation.deadline;
            if periods.values().any(|due| *due > now && *due <= obligation.deadline) {
                continue;
            }
            periods.retain(|_, due| sooner(due));
        }
        periods.insert(obligation.period, obligation.deadline);
    }
    let datasets = state.structures.iter().map(|structure| {
        let mandate = decree.mandate(&structure.id);
        let holding = state.holding(&structure.id);
        let sex: Option<Detail> =
            structure.rules.persons.then(|| [Breakdown::Sex].into_iter().collect());
        let mut periods: BTreeMap<String, Period> = BTreeMap::new();
        for (period, deadline) in owed.remove(&structure.id).unwrap_or_default() {
            let state = if deadline > now { PeriodState::Due } else { PeriodState::Missing };
            periods.insert(period.clone(), of(period, Some(deadline), state));
        }
        for (period, version) in holding.periods() {
            let deadline = decree.deadline(&structure.id, period);
            // Timeliness is judged by the decree that was in force then (article 11).
            let first = holding.period(period).and_then(Held::first_accepted);
            let first = first.unwrap_or(version.accepted);
            let then = state.decree_then(first);
            let then = then.and_then(|then| then.deadline(&structure.id, period));
            let late = then.is_some_and(|deadline| first >= deadline);
            let due = mandate.filter(|_| deadline.is_some());
            let demanded: BTreeSet<Detail> =
                due.into_iter().flat_map(Mandate::demanded).chain(sex).collect();
            let came = if late { PeriodState::Late } else { PeriodState::OnTime };
            let gaps = demanded.iter().filter(|detail| !version.has(**detail));
            let gaps = gaps.map(|detail| Gap {
                dimensions: detail.iter().map(|each| each.dimension().to_owned()).collect(),
            });
            let (gaps, by_sex) = (gaps.collect(), sex.is_some_and(|sex| version.has(sex)));
            let public = public(version);
            let given = Period { gaps, by_sex, public, ..of(period.to_owned(), deadline, came) };
            periods.insert(period.to_owned(), given);
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
            periods: periods.into_values().collect(),
            persons: structure.rules.persons,
        }
    });
    Ok(datasets.collect())
}

fn of(period: String, due: Option<Timestamp>, state: PeriodState) -> Period {
    let due = due.map(|due| due.to_string()).unwrap_or_default();
    let public = String::new();
    Period { period, due, state: state.into(), gaps: vec![], by_sex: false, public }
}

fn public(version: &Version) -> String {
    version.public.map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use birge_schemas::decree as bundle;

    use super::*;
    use crate::decree::Decree;

    /// The order in which a decree names its rounds tells nothing.
    #[test]
    fn a_round_that_is_due_hides_none_that_is_missing() {
        let mut files = bundle::files(&bundle::model().unwrap()).unwrap();
        let text = files.get_mut("decree.json").unwrap();
        *text =
            text.replace("\"rounds\": [\"2024\"]", "\"rounds\": [\"2027\", \"2026\", \"2024\"]");
        let decree = Decree::from_bundle(&bundle::to_bundle(&files).unwrap()).unwrap();
        let state = State::under(decree);

        let datasets = overview(&state, "2026-11-25T00:00:00Z".parse().unwrap()).unwrap();
        let stock = datasets.into_iter().find(|dataset| dataset.id == "MIG_STOCK").unwrap();
        let told: Vec<_> =
            stock.periods.iter().map(|period| (period.period.as_str(), period.state())).collect();
        assert_eq!(told, [("2024", PeriodState::Missing), ("2026", PeriodState::Due)]);
    }
}
