//! What is due, what came, and what it lacks: agency by dataset by period (articles 4(1) to 4(3)).

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::{Extension, body::Body, extract::State, http::Response};
use birge_proto::{
    clock::Timestamp,
    wire::{Dataset, Period, PeriodState},
};
use birge_schemas::structure::Structures;
use form_urlencoded::parse;

use super::{
    Shared, answer,
    guard::Visit,
    page::{Frame, page},
};
use crate::{catalog::overview, decree::Decree};

/// Years that are shown where nothing is said of them.
const YEARS: usize = 6;

#[derive(Template)]
#[template(path = "portal/availability.html")]
struct Page {
    frame: Frame,
    agency: String,
    agencies: Vec<(String, String)>,
    years: Vec<String>,
    rows: Vec<Row>,
    /// What comes next: dataset, agency, period, until when.
    next: Vec<[String; 4]>,
    /// How many periods are in each state, by its name.
    sums: Vec<(&'static str, String)>,
    all_years: bool,
}

struct Row {
    agency: String,
    dataset: String,
    name: String,
    article: String,
    /// One for each year.
    cells: Vec<Vec<Mark>>,
}

/// How it stands with a period.
pub(super) struct Mark {
    pub(super) period: String,
    /// `on-time`, `late`, `due`, `missing`
    pub(super) state: &'static str,
    /// The breakdowns that it lacks.
    pub(super) gaps: Vec<String>,
    pub(super) no_sex: bool,
    pub(super) due: String,
}

/// Shows the matrix.
pub(super) async fn availability(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        portal.admit(&visit, "query/list-datasets").await?;
        let (say, decree) = (&visit.say, portal.decree()?);
        let (now, structures) = (portal.clock.now(), portal.structures());
        let mut datasets = portal.catalog.read(|state| overview(state, now))?;
        datasets.sort_by(|one, other| (&one.agency, &one.id).cmp(&(&other.agency, &other.id)));
        let own = |name: &str| {
            let mut all = parse(visit.query.as_bytes());
            all.find(|(own, _)| own == name)
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        let (agency, all_years) = (own("agency"), own("years") == "all");
        let agencies: BTreeSet<&String> =
            datasets.iter().map(|it| &it.agency).filter(|it| !it.is_empty()).collect();
        let agencies =
            agencies.into_iter().map(|id| (id.clone(), say.body(Some(&decree), id))).collect();
        let shown = datasets.iter().filter(|it| agency.is_empty() || it.agency == agency);
        let shown: Vec<&Dataset> = shown.collect();
        let years: BTreeSet<&str> =
            shown.iter().flat_map(|it| &it.periods).filter_map(|it| it.period.get(..4)).collect();
        let skipped = if all_years { 0 } else { years.len().saturating_sub(YEARS) };
        let years: Vec<String> = years.into_iter().skip(skipped).map(str::to_owned).collect();
        let rows: Vec<Row> =
            shown.iter().map(|it| row(&visit, (&structures, &decree), it, &years)).collect();
        page(&Page {
            frame: Frame::of(&portal, &visit, "availability", say.it("availability")),
            sums: sums(&visit, &rows),
            next: next(&visit, &decree, &shown),
            agency,
            agencies,
            years,
            rows,
            all_years,
        })
    })
    .await
}

fn row(
    visit: &Visit,
    (structures, decree): (&Structures, &Decree),
    dataset: &Dataset,
    years: &[String],
) -> Row {
    let mut cells: BTreeMap<&str, Vec<Mark>> = BTreeMap::new();
    for period in &dataset.periods {
        let year = period.period.get(..4).unwrap_or_default();
        cells.entry(year).or_default().push(mark(visit, structures, dataset, period));
    }
    let name = dataset.names.get(visit.say.code()).or(dataset.names.get("en"));
    Row {
        agency: visit.say.body(Some(decree), &dataset.agency),
        dataset: dataset.id.clone(),
        name: name.cloned().unwrap_or_default(),
        article: dataset.article.clone(),
        cells: years.iter().map(|year| cells.remove(year.as_str()).unwrap_or_default()).collect(),
    }
}

pub(super) fn mark(
    visit: &Visit,
    structures: &Structures,
    dataset: &Dataset,
    period: &Period,
) -> Mark {
    let state = match period.state() {
        PeriodState::OnTime | PeriodState::Unspecified => "on-time",
        PeriodState::Late => "late",
        PeriodState::Due => "due",
        PeriodState::Missing => "missing",
    };
    let came = matches!(period.state(), PeriodState::OnTime | PeriodState::Late);
    let named = |id: &String| visit.say.concept(structures, id);
    let gaps = period.gaps.iter().map(|gap| {
        let names: Vec<_> = gap.dimensions.iter().map(named).collect();
        names.join(" × ")
    });
    Mark {
        period: period.period.clone(),
        state,
        gaps: gaps.collect(),
        no_sex: came && dataset.persons && !period.by_sex,
        due: last_day(visit, &period.due),
    }
}

/// The last day in time: a deadline is the first moment after it.
fn last_day(visit: &Visit, deadline: &str) -> String {
    let deadline: Option<Timestamp> = deadline.parse().ok();
    let last = deadline.and_then(|at| Timestamp::from_second(at.as_second() - 1).ok());
    last.map(|at| visit.say.day(at)).unwrap_or_default()
}

fn next(visit: &Visit, decree: &Decree, datasets: &[&Dataset]) -> Vec<[String; 4]> {
    let periods =
        datasets.iter().flat_map(|dataset| dataset.periods.iter().map(move |it| (dataset, it)));
    let due = periods.filter(|(_, period)| period.state() == PeriodState::Due);
    let mut due: Vec<_> = due.collect();
    due.sort_by(|(_, one), (_, other)| one.due.cmp(&other.due));
    let told = due.into_iter().map(|(dataset, period)| {
        let agency = visit.say.body(Some(decree), &dataset.agency);
        [dataset.id.clone(), agency, period.period.clone(), last_day(visit, &period.due)]
    });
    told.collect()
}

fn sums(visit: &Visit, rows: &[Row]) -> Vec<(&'static str, String)> {
    let marks: Vec<&Mark> = rows.iter().flat_map(|row| row.cells.iter().flatten()).collect();
    let count = |is: &dyn Fn(&Mark) -> bool| marks.iter().filter(|mark| is(mark)).count() as u64;
    let states = ["on-time", "late", "missing", "due"];
    let states = states.map(|state| (state, count(&|mark| mark.state == state)));
    let partial = ("partial", count(&|mark| !mark.gaps.is_empty()));
    let no_sex = ("no-sex", count(&|mark| mark.no_sex));
    states
        .into_iter()
        .chain([partial, no_sex])
        .map(|(id, sum)| (id, visit.say.count(sum)))
        .collect()
}
