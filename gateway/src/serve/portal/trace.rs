//! From a cell to the batch that it came with, the record of that, and the proof; and back.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::Response,
};
use birge_proto::{
    manifest::{BatchId, Cause},
    problem::{Kind, Problem},
    wire::{AskRequest, ListVersionsRequest, Selection, Version, VersionState},
};
use birge_schemas::structure::Structure;
use form_urlencoded::parse;

use super::{
    Portal, Shared, answer,
    answered::Answered,
    find,
    guard::Visit,
    page::{Frame, page},
    proof::Proved,
    wanted::Wanted,
};
use crate::{
    query::{Answer, versions},
    view::pivot::{Layout, Pivot, TIME},
};

#[derive(Template)]
#[template(path = "portal/cell.html")]
struct CellPage {
    frame: Frame,
    dataset: String,
    name: String,
    /// Dimensions and the codes' names.
    key: Vec<(String, String)>,
    value: String,
    status: String,
    is_withheld: bool,
    answered: Answered,
    versions: Vec<Stood>,
    /// The table that the cell stands in.
    table: String,
}

/// A version of a period.
pub(super) struct Stood {
    pub(super) period: String,
    pub(super) batch: String,
    pub(super) exchange: u64,
    pub(super) exchange_said: String,
    pub(super) accepted: String,
    pub(super) public: String,
    pub(super) state: String,
    pub(super) cause: String,
}

#[derive(Template)]
#[template(path = "portal/batch.html")]
struct BatchPage {
    frame: Frame,
    batch: String,
    agency: String,
    dataset: String,
    name: String,
    stood: Vec<Stood>,
    index: u64,
    index_said: String,
    proved: Option<Proved>,
    /// The tables of its periods.
    table: String,
}

/// Shows where a cell comes from.
pub(super) async fn cell(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
    Path((dataset, key)): Path<(String, String)>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        let asker = portal.admit(&visit, "query/ask").await?;
        let structures = portal.structures();
        let asked = find::dataset(&structures, &dataset).and_then(|structure| {
            Ok((Arc::clone(structure), question(structure, &key, &visit.query)?))
        });
        let (structure, (wanted, request)) = portal.gate.told("query/ask", &asker, asked).await?;
        let answer = portal.query.ask(&asker, request).await?;
        show_cell(&portal, &visit, (&structure, &wanted), &answer)
    })
    .await
}

/// The question for one cell: `KG.MIG_STOCK.F.….2024`, codes in the structure's order and the period.
fn question(
    structure: &Structure,
    key: &str,
    query: &str,
) -> Result<(Wanted, AskRequest), Problem> {
    let parts: Vec<&str> = key.split('.').collect();
    let dimensions: Vec<_> = structure.coded().map(|own| own.id.as_str()).chain([TIME]).collect();
    if parts.len() != dimensions.len() || parts.contains(&"") {
        let expected = format!("expected a code of each: {}", dimensions.join("."));
        let detail = format!("{key:?} is no key of a cell of {}", structure.id);
        return Err(Problem::new(Kind::Malformed, detail).hint(expected));
    }
    let named = dimensions.iter().zip(&parts);
    let as_of = parse(query.as_bytes()).find(|(name, _)| name == "asOf");
    let as_of = as_of.map(|(_, value)| value.into_owned()).unwrap_or_default();
    let mut wanted = Wanted { chosen: true, as_of: as_of.clone(), ..Wanted::default() };
    let select = |(dimension, code): (&&str, &&str)| Selection {
        dimension: (*dimension).to_owned(),
        codes: vec![(*code).to_owned()],
        ..Selection::default()
    };
    let selections = named.clone().map(select).collect();
    for (dimension, code) in named {
        match *dimension {
            TIME => (wanted.from, wanted.to) = ((*code).to_owned(), (*code).to_owned()),
            coded => drop(wanted.codes.insert(coded.to_owned(), vec![(*code).to_owned()])),
        }
    }
    let dataset = structure.id.clone();
    Ok((wanted, AskRequest { dataset, selections, as_of, ..AskRequest::default() }))
}

fn show_cell(
    portal: &Portal,
    visit: &Visit,
    (structure, wanted): (&Structure, &Wanted),
    answer: &Answer,
) -> super::Outcome {
    let (say, structures) = (&visit.say, portal.structures());
    let layout = Layout { across: &[], gap: false, only: None, newest: false, most: 1 };
    let (pivot, _) = Pivot::of(structure, &answer.table, layout);
    if pivot.is_empty() {
        let problem = Problem::new(Kind::NotFound, "there is no such cell");
        return Err(problem.recorded_as(answer.provenance.exchange));
    }
    let cell = pivot.cell(0, 0);
    let named = pivot.fixed.iter();
    let key =
        named.map(|(id, code)| (say.concept(&structures, id), say.code_name(structure, id, code)));
    let request =
        ListVersionsRequest { dataset: structure.id.clone(), period: wanted.from.clone() };
    let versions = portal.catalog.read(|state| versions(state, &request))?;
    // The table in which it stands beside others: everything of its period but its own breakdown.
    let mut table = Wanted { across: vec!["SEX".to_owned()], gap: true, ..wanted.clone() };
    table.codes.remove("SEX");
    table.across.retain(|id| structure.position(id).is_some());
    page(&CellPage {
        frame: Frame::of(portal, visit, "find", say.it("trace")),
        dataset: structure.id.clone(),
        name: structure.name(say.code()).to_owned(),
        key: key.collect(),
        value: say.value(cell.value),
        status: match cell.status.is_empty() {
            true => String::new(),
            false => say.code_name(structure, "OBS_STATUS", &cell.status),
        },
        is_withheld: cell.value == crate::view::pivot::Value::Withheld,
        answered: Answered::of(portal, visit, &structures, wanted, answer),
        versions: versions.into_iter().map(|version| stood(visit, version)).collect(),
        table: format!("/table/{}?{}", structure.id, table.query()),
    })
}

fn stood(visit: &Visit, version: Version) -> Stood {
    let state = match version.state() {
        VersionState::Superseded => "superseded",
        VersionState::Withdrawn => "withdrawn",
        VersionState::Withdrawal => "withdrawal",
        VersionState::Current | VersionState::Unspecified => "current",
    };
    let cause = version.cause.parse::<Cause>().ok();
    Stood {
        period: version.period,
        batch: version.batch,
        exchange: version.exchange,
        exchange_said: visit.say.count(version.exchange),
        accepted: visit.say.moment_of(&version.accepted),
        public: match version.public.is_empty() {
            true => String::new(),
            false => visit.say.moment_of(&version.public),
        },
        state: visit.say.it(&format!("version-{state}")),
        cause: cause
            .map(|cause| visit.say.it(&format!("cause-{}", cause.as_str())))
            .unwrap_or_default(),
    }
}

/// Shows a batch: what it brought, its record, and the proof that this stands in the log.
pub(super) async fn batch(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
    Path(batch): Path<String>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        let asker = portal.admit(&visit, "query/list-versions").await?;
        let found = portal.brought(&batch);
        let (id, agency, index, versions) =
            portal.gate.told("query/list-versions", &asker, found).await?;
        let structures = portal.structures();
        let dataset = versions.first().map(|(dataset, _)| dataset.clone()).unwrap_or_default();
        let structure = structures.get(&dataset);
        let decree = portal.decree().ok();
        let proved = portal.prove(&visit, index, None).await?;
        let periods: Vec<String> = versions.iter().map(|(_, own)| own.period.clone()).collect();
        let wanted = Wanted {
            from: periods.iter().min().cloned().unwrap_or_default(),
            to: periods.iter().max().cloned().unwrap_or_default(),
            across: vec!["SEX".to_owned()],
            gap: true,
            ..Wanted::default()
        };
        page(&BatchPage {
            frame: Frame::of(&portal, &visit, "find", visit.say.it("batch")),
            batch: id.to_string(),
            agency: visit.say.identity(decree.as_deref(), &agency),
            name: structure.map(|own| own.name(visit.say.code()).to_owned()).unwrap_or_default(),
            table: format!("/table/{dataset}?{}", wanted.query()),
            dataset,
            stood: versions.into_iter().map(|(_, version)| stood(&visit, version)).collect(),
            index,
            index_said: visit.say.count(index),
            proved,
        })
    })
    .await
}

/// A batch: who handed it in, where its record stands, and what of which dataset it made.
type Brought = (BatchId, birge_proto::identity::Identity, u64, Vec<(String, Version)>);

impl Portal {
    fn brought(&self, text: &str) -> Result<Brought, Problem> {
        let nothing =
            || Problem::new(Kind::NotFound, "there is no batch of this name that was accepted");
        let id: BatchId = text.parse().map_err(|_| nothing())?;
        let submission = self.catalog.submission(&id)?.ok_or_else(nothing)?;
        let versions = self.catalog.read(|state| {
            let mut brought = vec![];
            for structure in state.structures.iter() {
                let holding = state.holding(&structure.id);
                for period in &submission.periods {
                    let held = holding.period(period);
                    if !held.is_some_and(|own| own.versions().iter().any(|it| it.batch == id)) {
                        continue;
                    }
                    let (dataset, period) = (structure.id.clone(), period.clone());
                    let request = ListVersionsRequest { dataset, period };
                    let found = versions(state, &request).unwrap_or_default().into_iter();
                    let own = found.filter(|version| version.batch == id.to_string());
                    brought.extend(own.map(|version| (structure.id.clone(), version)));
                }
            }
            brought
        });
        Ok((id, submission.agency, submission.index, versions))
    }
}
