//! A table: rows and columns as they are chosen, women and men side by side.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::Response,
};
use birge_proto::problem::{Kind as ProblemKind, Problem};
use birge_schemas::structure::{Structure, Structures};
use form_urlencoded::byte_serialize;

use super::{
    Portal, Shared, answer,
    answered::Answered,
    find,
    form::Form,
    guard::Visit,
    page::{Frame, page},
    wanted::Wanted,
};
use crate::{
    query::Answer,
    view::{
        chart::Kind,
        pivot::{Heading, Layout, Measure, Pivot, TIME, TOTAL, Value},
        words::Say,
    },
};

/// Cells of one page at most: so that it stays small on a slow line.
const CELLS: usize = 900;

#[derive(Template)]
#[template(path = "portal/table.html")]
struct Page {
    frame: Frame,
    dataset: String,
    form: Form,
    table: Option<Table>,
    answered: Answered,
    /// Charts of the same: kind and address.
    charts: Vec<(Kind, String)>,
    /// Where all of it is shown.
    everything: String,
}

/// A table as it is written.
pub(super) struct Table {
    pub(super) dataset: String,
    pub(super) caption: String,
    /// Dimensions that have one code, and its name.
    pub(super) fixed: Vec<(String, String)>,
    /// Names of the dimensions that go down.
    pub(super) corners: Vec<String>,
    pub(super) heads: Vec<Vec<Head>>,
    pub(super) lines: Vec<Line>,
    /// Marks, and what they mean.
    pub(super) legend: Vec<(String, String)>,
    /// Rows were left out.
    pub(super) cut: bool,
    /// Cells have different multipliers of their unit.
    pub(super) mixed: bool,
    /// As it was known then; empty: now.
    pub(super) as_of: String,
}

/// A heading.
pub(super) struct Head {
    pub(super) name: String,
    pub(super) span: usize,
    pub(super) computed: bool,
}

/// A row.
pub(super) struct Line {
    pub(super) stubs: Vec<Head>,
    pub(super) total: bool,
    pub(super) cells: Vec<Shown>,
}

/// A cell.
pub(super) struct Shown {
    pub(super) text: String,
    /// The mark of a status.
    pub(super) status: String,
    /// Where it is traced; empty where there is nothing to be traced.
    pub(super) key: String,
    pub(super) class: &'static str,
}

/// A question for figures by a page, and its answer.
pub(super) struct Asked {
    /// Of which chart, where it is of one.
    pub(super) kind: Kind,
    pub(super) structures: Arc<Structures>,
    pub(super) structure: Arc<Structure>,
    pub(super) wanted: Wanted,
    pub(super) answer: Answer,
}

impl Portal {
    /// Asks for what an address wants, for a table or a chart of this name. Where it says nothing of
    /// that and there are no totals, the last period is asked for as it is.
    pub(super) async fn ask(
        &self,
        visit: &Visit,
        dataset: &str,
        chart: Option<&str>,
    ) -> Result<Asked, Problem> {
        let asker = self.admit(visit, "query/ask").await?;
        let structures = self.structures();
        let read = || {
            let kind = chart.map(kind_of).transpose()?;
            let structure = Arc::clone(find::dataset(&structures, dataset)?);
            let wanted = Wanted::read(&structure, kind, &visit.query)?;
            Ok((kind, structure, wanted))
        };
        let (kind, structure, mut wanted) = self.gate.told("query/ask", &asker, read()).await?;
        let mut answer = self.query.ask(&asker, wanted.request(&structure)).await?;
        if answer.is_empty() && wanted.bare {
            wanted = Wanted::open(&structure, kind);
            answer = self.query.ask(&asker, wanted.request(&structure)).await?;
        }
        Ok(Asked { kind: kind.unwrap_or(Kind::Lines), structures, structure, wanted, answer })
    }
}

fn kind_of(name: &str) -> Result<Kind, Problem> {
    Kind::named(name).ok_or_else(|| {
        let known: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        Problem::new(ProblemKind::NotFound, format!("there is no chart {name:?}"))
            .hint(format!("there are {}", known.join(", ")))
    })
}

/// Shows a table.
pub(super) async fn table(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
    Path(dataset): Path<String>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        let asked = portal.ask(&visit, &dataset, None).await?;
        let Asked { structures, structure, wanted, answer, .. } = &asked;
        let layout = Layout {
            across: &wanted.across,
            gap: wanted.gap,
            only: None,
            newest: false,
            most: CELLS,
        };
        let pivot = || Pivot::of(structure, &answer.table, layout);
        let (pivot, cut) = tokio::task::block_in_place(pivot);
        let table = Table::of(&visit.say, structures, structure, (&pivot, cut), &wanted.as_of);
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.suits(structure));
        let charts = kinds.map(|kind| {
            let query = wanted.as_chart(kind, structure).query();
            (kind, format!("/chart/{}/{}?{query}", kind.as_str(), structure.id))
        });
        let name = structure.name(visit.say.code()).to_owned();
        page(&Page {
            frame: Frame::of(&portal, &visit, "find", name),
            dataset: structure.id.clone(),
            form: Form::of(&visit, structures, structure, wanted),
            answered: Answered::of(&portal, &visit, structures, wanted, answer),
            charts: charts.collect(),
            everything: format!("/table/{}?chosen=1&last=1&gap=1&across=SEX", structure.id),
            table: (!pivot.is_empty()).then_some(table),
        })
    })
    .await
}

impl Table {
    pub(super) fn of(
        say: &Say,
        structures: &Structures,
        structure: &Structure,
        (pivot, cut): (&Pivot, bool),
        as_of: &str,
    ) -> Self {
        let head = |heading: &Heading<'_>| Head {
            name: match (heading.of, heading.measure) {
                (_, Measure::Gap) => say.it("gap"),
                (_, Measure::Ratio) => say.it("ratio"),
                (Some((dimension, code)), Measure::Value) => {
                    say.code_name(structure, dimension, code)
                }
                (None, Measure::Value) => String::new(),
            },
            span: heading.span,
            computed: heading.measure != Measure::Value,
        };
        let heads = pivot.headings();
        let heads = heads.iter().map(|line| line.iter().map(head).collect());
        let line = |row: usize| Line {
            stubs: pivot.stubs(row).iter().map(head).collect(),
            total: pivot.rows[row].last().is_some_and(|code| code == TOTAL),
            cells: (0..pivot.columns.len()).map(|column| shown(say, pivot, row, column)).collect(),
        };
        let of_interest = |id: &str| !["FREQ"].contains(&id);
        let fixed =
            pivot.fixed.iter().filter(|(id, _)| of_interest(id)).map(|(id, code)| {
                (say.concept(structures, id), say.code_name(structure, id, code))
            });
        let name = structure.name(say.code());
        let periods = pivot.fixed.iter().find(|(id, _)| id == TIME).map(|(_, period)| period);
        Self {
            dataset: structure.id.clone(),
            caption: periods.map_or_else(|| name.to_owned(), |period| format!("{name}, {period}")),
            fixed: fixed.collect(),
            corners: pivot.down.iter().map(|id| say.concept(structures, id)).collect(),
            heads: heads.collect(),
            lines: (0..pivot.rows.len()).map(line).collect(),
            legend: legend(say, structure, pivot),
            cut,
            mixed: pivot.mixed,
            as_of: byte_serialize(as_of.as_bytes()).collect(),
        }
    }
}

fn shown(say: &Say, pivot: &Pivot, row: usize, column: usize) -> Shown {
    let (cell, measure) = (pivot.cell(row, column), pivot.columns[column].measure);
    let text = match (measure, cell.value) {
        (Measure::Gap, Value::Given(number)) if number > 0.0 => format!("+{}", say.number(number)),
        (_, value) => say.value(value),
    };
    let class = match (measure, cell.value) {
        (Measure::Gap | Measure::Ratio, _) => "computed",
        (_, Value::Withheld) => "withheld",
        (_, Value::Missing | Value::Absent) => "absent",
        (_, Value::Given(_)) => "",
    };
    Shown { text, status: cell.status.to_lowercase(), key: cell.key, class }
}

fn legend(say: &Say, structure: &Structure, pivot: &Pivot) -> Vec<(String, String)> {
    let mut legend = vec![];
    if pivot.withholds() {
        legend.push((say.it("mark-withheld"), say.it("means-withheld")));
    }
    let cells =
        (0..pivot.rows.len()).flat_map(|row| (0..pivot.columns.len()).map(move |it| (row, it)));
    let values: Vec<_> = cells.map(|(row, column)| pivot.cell(row, column).value).collect();
    for (value, what) in [(Value::Missing, "missing"), (Value::Absent, "absent")] {
        if values.contains(&value) {
            legend.push((say.it(&format!("mark-{what}")), say.it(&format!("means-{what}"))));
        }
    }
    let statuses = pivot.statuses().into_iter();
    legend.extend(
        statuses.map(|own| (own.to_lowercase(), say.code_name(structure, "OBS_STATUS", own))),
    );
    legend
}
