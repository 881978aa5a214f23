//! The way to a dataset: by words, by agency, by period.

use askama::Template;
use axum::{Extension, body::Body, extract::State, http::Response};
use birge_proto::problem::Problem;
use birge_schemas::structure::{Structure, Structures};
use form_urlencoded::parse;

use super::{
    Portal, Shared, answer,
    guard::Visit,
    page::{Frame, page},
};
use crate::{decree::Decree, view::chart::Kind};

/// Characters of a search that are looked at.
const LONGEST: usize = 200;

#[derive(Template)]
#[template(path = "portal/find.html")]
struct Find {
    frame: Frame,
    sought: Sought,
    agencies: Vec<(String, String)>,
    found: Vec<Found>,
    /// How many there are, and in all.
    count: String,
    all: String,
}

/// What is sought.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sought {
    words: String,
    agency: String,
    period: String,
}

/// A dataset.
struct Found {
    id: String,
    name: String,
    agency: String,
    article: String,
    dimensions: String,
    /// The periods of which figures stand: the first, the last, how many.
    periods: Option<(String, String, String)>,
    newest: String,
    charts: Vec<Kind>,
}

impl Sought {
    fn read(query: &str) -> Self {
        let mut sought = Self::default();
        for (name, value) in parse(query.as_bytes()) {
            let value = value.chars().filter(|own| !own.is_control()).take(LONGEST).collect();
            match &*name {
                "q" => sought.words = value,
                "agency" => sought.agency = value,
                "period" => sought.period = value,
                _ => {}
            }
        }
        sought
    }

    /// Is anything sought at all?
    fn any(&self) -> bool {
        *self != Self::default()
    }
}

/// Finds datasets.
pub(super) async fn find(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        portal.admit(&visit, "query/list-datasets").await?;
        let sought = Sought::read(&visit.query);
        let (structures, decree) = (portal.structures(), portal.decree()?);
        let index = portal.index()?;
        let words: Vec<_> = index.find(&sought.words).into_iter().map(str::to_owned).collect();
        let found = words.iter().filter_map(|id| structures.get(id));
        let found = found.filter(|structure| {
            let agency = decree.mandate(&structure.id).map(|it| it.agency.as_str());
            let of_agency = sought.agency.is_empty() || agency == Some(&*sought.agency);
            of_agency && portal.has_period(&structure.id, &sought.period)
        });
        let found = found.map(|structure| portal.found(&visit, &structures, &decree, structure));
        let found: Vec<Found> = found.collect();
        let mut agencies: Vec<_> =
            decree.mandates().iter().map(|it| it.agency.to_string()).collect();
        agencies.sort();
        agencies.dedup();
        let named = |id: String| (visit.say.body(Some(&decree), &id), id);
        page(&Find {
            frame: Frame::of(&portal, &visit, "find", visit.say.it("find")),
            agencies: agencies.into_iter().map(named).map(|(name, id)| (id, name)).collect(),
            sought,
            count: visit.say.count(found.len() as u64),
            all: visit.say.count(structures.iter().count() as u64),
            found,
        })
    })
    .await
}

impl Portal {
    /// Do figures of a period stand that begins so? Existence is public, values are not.
    fn has_period(&self, dataset: &str, period: &str) -> bool {
        let holding = self.catalog.read(|state| state.holding(dataset));
        period.is_empty() || holding.periods().any(|(own, _)| own.starts_with(period))
    }

    fn found(
        &self,
        visit: &Visit,
        structures: &Structures,
        decree: &Decree,
        structure: &Structure,
    ) -> Found {
        let say = &visit.say;
        let holding = self.catalog.read(|state| state.holding(&structure.id));
        let periods: Vec<&str> = holding.periods().map(|(period, _)| period).collect();
        let newest = holding.periods().map(|(_, version)| version.accepted).max();
        let mandate = decree.mandate(&structure.id);
        let told = structure
            .dimensions
            .iter()
            .filter(|it| it.codes().is_none_or(|_| it.allowed().nth(1).is_some()));
        let told: Vec<_> = told.map(|it| say.concept(structures, &it.id)).collect();
        let (first, last) = (periods.first(), periods.last());
        Found {
            id: structure.id.clone(),
            name: structure.name(say.code()).to_owned(),
            agency: mandate
                .map(|it| say.body(Some(decree), it.agency.as_str()))
                .unwrap_or_default(),
            article: mandate.map(|it| it.article.clone()).unwrap_or_default(),
            dimensions: told.join(", "),
            periods: first.zip(last).map(|(first, last)| {
                ((*first).to_owned(), (*last).to_owned(), say.count(periods.len() as u64))
            }),
            newest: newest.map(|at| say.day(at)).unwrap_or_default(),
            charts: Kind::ALL.into_iter().filter(|kind| kind.suits(structure)).collect(),
        }
    }
}

/// Tells that a dataset is not there.
pub(super) fn dataset<'s>(
    structures: &'s Structures,
    id: &str,
) -> Result<&'s std::sync::Arc<Structure>, Problem> {
    structures.get(id).ok_or_else(|| {
        let known: Vec<_> = structures.iter().map(|each| each.id.as_str()).collect();
        Problem::new(birge_proto::problem::Kind::NotFound, format!("there is no dataset {id:?}"))
            .hint(format!("the datasets are {}", known.join(", ")))
    })
}
