//! Who sees what, under which articles: what the decree gives to who visits, and to everybody.

use askama::Template;
use axum::{Extension, body::Body, extract::State, http::Response};
use birge_proto::identity::{Identity, Role};
use birge_schemas::{detail::Detail, structure::Structures};

use super::{
    Portal, Shared, answer,
    guard::Visit,
    page::{Frame, page},
};
use crate::decree::{Cell, Decree, Sheet};

#[derive(Template)]
#[template(path = "portal/rights.html")]
struct Page {
    frame: Frame,
    decree: String,
    title: String,
    from: String,
    /// Who visits.
    who: String,
    datasets: Vec<Section>,
    articles: Vec<(String, String)>,
}

struct Section {
    id: String,
    name: String,
    owner: String,
    /// What of it is withheld.
    hidden: String,
    /// What who visits is given.
    own: Vec<Line>,
    /// What everybody is given.
    rows: Vec<(String, Vec<Line>)>,
}

struct Line {
    detail: String,
    early: bool,
    small_counts: bool,
    articles: Vec<String>,
}

/// Shows rights.
pub(super) async fn rights(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        let asker = portal.admit(&visit, "query/rights").await?;
        let (say, decree, matrix) = (&visit.say, portal.decree()?, portal.matrix()?);
        let structures = portal.structures();
        let sheets = matrix.sheets().iter();
        let datasets = sheets.map(|sheet| section(&visit, &decree, &structures, sheet, &asker));
        let name = decree.name();
        let articles = decree.articles().into_iter().filter_map(|article| {
            let text = decree.article(&article, say.code())?.to_owned();
            Some((article, text))
        });
        page(&Page {
            frame: Frame::of(&portal, &visit, "rights", say.it("rights")),
            decree: say.tell("decree-of", &[("number", &name.number), ("version", &name.version)]),
            title: decree.title(say.code()).to_owned(),
            from: say.day(decree.in_force_from()),
            who: say.identity(Some(&decree), &asker),
            datasets: datasets.collect(),
            articles: articles.collect(),
        })
    })
    .await
}

fn section(
    visit: &Visit,
    decree: &Decree,
    structures: &Structures,
    sheet: &Sheet,
    asker: &Identity,
) -> Section {
    let say = &visit.say;
    let line = |cell: &Cell| Line {
        detail: detail(visit, structures, cell.detail),
        early: cell.early,
        small_counts: cell.small_counts,
        articles: cell.articles.clone(),
    };
    let lines = |cells: &[Cell]| cells.iter().map(line).collect::<Vec<_>>();
    let finest: Vec<_> = sheet.finest().collect();
    // A member is given what its agency is, where nothing else stands there; an observer what the
    // one is that stands for all.
    let capacity = asker.capacity();
    let party = asker.party();
    let is = |principal: &Identity| match asker.role {
        Role::Observer => principal.role == Role::Observer,
        _ => *principal == capacity,
    };
    let found = finest.iter().find(|(principal, _)| is(principal));
    let found = found.or(finest.iter().find(|(principal, _)| **principal == party));
    let structure = structures.get(&sheet.dataset);
    Section {
        id: sheet.dataset.clone(),
        name: structure.map(|own| own.name(say.code()).to_owned()).unwrap_or_default(),
        owner: say.body(Some(decree), sheet.owner.as_str()),
        hidden: hidden(visit, sheet),
        own: found.map(|(_, cells)| lines(cells)).unwrap_or_default(),
        rows: finest
            .iter()
            .map(|(who, cells)| (say.identity(Some(decree), who), lines(cells)))
            .collect(),
    }
}

/// How finely, in words.
fn detail(visit: &Visit, structures: &Structures, detail: Detail) -> String {
    let names = detail.iter().map(|own| visit.say.concept(structures, own.dimension()));
    let names: Vec<_> = names.collect();
    if names.is_empty() { visit.say.it("totals-only") } else { names.join(" × ") }
}

/// What of a dataset is withheld.
fn hidden(visit: &Visit, sheet: &Sheet) -> String {
    match sheet.protection {
        _ if !sheet.persons => visit.say.it("hidden-no-persons"),
        Some(rule) if rule.threshold > 1 => {
            let id = if rule.zeros_withheld { "hidden-zeros" } else { "hidden-small" };
            visit.say.with(id, "most", &visit.say.count(rule.threshold - 1))
        }
        _ => visit.say.it("hidden-nothing"),
    }
}

impl Portal {
    /// The name of a body that stands in the decree.
    pub(super) fn body(&self, visit: &Visit, body: &str) -> String {
        visit.say.body(self.decree().ok().as_deref(), body)
    }
}
