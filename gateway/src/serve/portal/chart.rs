//! A chart of a table, with the table that it shows.

use askama::Template;
use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{Response, StatusCode, header},
};

use super::{
    Shared, answer,
    answered::Answered,
    form::Form,
    guard::Visit,
    page::{self, Frame, page},
    table::{Asked, Table},
};
use crate::view::{
    chart::{self, Kind, Plot},
    pivot::{Layout, Pivot, TIME, TOTAL},
};

/// Cells that are drawn at most.
const CELLS: usize = 20_000;
/// Cells of the table below it at most.
const SHOWN: usize = 700;

#[derive(Template)]
#[template(path = "portal/chart.html")]
struct Page {
    frame: Frame,
    dataset: String,
    kind: Kind,
    kinds: Vec<(Kind, String)>,
    form: Form,
    /// As SVG; none where there is nothing to draw.
    drawing: Option<String>,
    left_out: bool,
    table: Option<Table>,
    answered: Answered,
    as_table: String,
    as_file: String,
}

/// Shows a chart.
pub(super) async fn chart(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
    Path((kind, dataset)): Path<(String, String)>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        let asked = portal.ask(&visit, &dataset, Some(&kind)).await?;
        let kind = asked.kind;
        let plotted = |most| tokio::task::block_in_place(|| plotted(kind, &visit, &asked, most));
        let (plot, pivot) = (plotted(CELLS).1, plotted(SHOWN).0);
        let Asked { structures, structure, wanted, answer, .. } = &asked;
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.suits(structure));
        let address = |kind: Kind, wanted: &str| {
            format!("/chart/{}/{}?{wanted}", kind.as_str(), structure.id)
        };
        let name = visit.say.it(&format!("chart-{}", kind.as_str()));
        page(&Page {
            frame: Frame::of(
                &portal,
                &visit,
                "find",
                format!("{}: {name}", structure.name(visit.say.code())),
            ),
            dataset: structure.id.clone(),
            kind,
            kinds: kinds
                .map(|own| (own, address(own, &wanted.as_chart(own, structure).query())))
                .collect(),
            form: Form::of(&visit, structures, structure, wanted),
            drawing: (!plot.is_empty()).then(|| chart::draw(kind, &plot, &visit.say)),
            left_out: plot.left_out,
            table: (!pivot.0.is_empty()).then(|| {
                Table::of(&visit.say, structures, structure, (&pivot.0, pivot.1), &wanted.as_of)
            }),
            answered: Answered::of(&portal, &visit, structures, wanted, answer),
            as_table: format!("/table/{}?{}", structure.id, wanted.query()),
            as_file: format!(
                "/chart/{}/{}/svg?{}&lang={}",
                kind.as_str(),
                structure.id,
                wanted.query(),
                visit.say.code()
            ),
        })
    })
    .await
}

/// The chart alone, as a file.
pub(super) async fn svg(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
    Path((kind, dataset)): Path<(String, String)>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        let asked = portal.ask(&visit, &dataset, Some(&kind)).await?;
        let kind = asked.kind;
        let plotted = || plotted(kind, &visit, &asked, CELLS);
        let (_, plot) = tokio::task::block_in_place(plotted);
        let drawing = chart::draw(kind, &plot, &visit.say);
        let mut response = page::text(StatusCode::OK, "image/svg+xml; charset=utf-8", drawing);
        let exchange = asked.answer.provenance.exchange;
        let name = format!("attachment; filename=\"exchange-{exchange}.svg\"");
        page::put(response.headers_mut(), header::CONTENT_DISPOSITION, &name);
        Ok(response)
    })
    .await
}

/// The table of a chart, whether rows of it were left out, and what is drawn.
fn plotted(kind: Kind, visit: &Visit, asked: &Asked, most: usize) -> ((Pivot, bool), Plot) {
    let Asked { structure, wanted, answer, .. } = asked;
    let along = kind.along().unwrap_or(&wanted.by);
    let others = structure.coded().map(|dimension| dimension.id.clone()).chain([TIME.to_owned()]);
    let across: Vec<_> = others.filter(|id| id != along).collect();
    let newest = kind.of_one_period() && along != TIME;
    let layout = Layout { across: &across, gap: false, only: kind.only(), newest, most };
    let (pivot, cut) = Pivot::of(structure, &answer.table, layout);
    let name = structure.name(visit.say.code());
    let told = pivot.fixed.iter().filter(|(id, code)| {
        id == TIME
            || (!["FREQ", "UNIT_MEASURE", "SEX", along].contains(&id.as_str())
                && code != TOTAL
                && code != "_Z")
    });
    let told: Vec<_> = told.map(|(id, code)| visit.say.code_name(structure, id, code)).collect();
    let title = match told.is_empty() {
        true => name.to_owned(),
        false => format!("{name} ({})", told.join(", ")),
    };
    let mut plot = Plot::of(kind, &pivot, structure, title, &visit.say);
    plot.left_out |= cut;
    ((pivot, cut), plot)
}
