//! What matters to whom: to members what their agency owes and what is new, to auditors what is
//! unusual.

use askama::Template;
use axum::{Extension, body::Body, extract::State, http::Response};
use birge_proto::{identity::Role, problem::Problem, wire::PeriodState};

use super::{
    Portal, Shared, answer,
    availability::{Mark, mark},
    guard::Visit,
    log::{Line, Read, SHOWN, Sought},
    page::{Frame, page},
};
use crate::catalog::overview;

/// Lines of each list at most.
const MOST: usize = 12;
/// What went wrong for a member's agency.
const REJECTED: [&str; 1] = ["submission-rejected"];
/// What auditors look at first.
const UNUSUAL: [&str; 8] = [
    "query-refused",
    "act-refused",
    "submission-rejected",
    "turned",
    "started-unwitnessed",
    "witness-quorum-lost",
    "witness-quorum-regained",
    "participant-revoked",
];

#[derive(Template)]
#[template(path = "portal/home.html")]
struct Home {
    frame: Frame,
    is_auditor: bool,
    /// What is owed: dataset, agency, and how it stands.
    owed: Vec<Owed>,
    more_owed: String,
    /// The newest that came.
    news: Vec<News>,
    /// Records of what went wrong, or is unusual.
    lines: Vec<Line>,
    facets: Vec<(String, String)>,
    quorum_lost: bool,
}

/// A period of which figures are owed.
struct Owed {
    name: String,
    agency: String,
    article: String,
    mark: Mark,
}

/// A period of which figures came.
struct News {
    dataset: String,
    name: String,
    period: String,
    accepted: String,
    batch: String,
    revised: bool,
}

/// Shows what matters.
pub(super) async fn home(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        let asker = portal.admit(&visit, "query/list-datasets").await?;
        let is_auditor = asker.role == Role::Auditor;
        let own = (asker.role == Role::Member).then(|| asker.body.to_string());
        let mut owed = portal.owed(&visit, own.as_deref(), asker.role)?;
        let more = owed.len().saturating_sub(MOST);
        owed.truncate(MOST);
        let kinds = match asker.role {
            Role::Member => &REJECTED[..],
            Role::Auditor => &UNUSUAL[..],
            _ => &[],
        };
        let party = if is_auditor { String::new() } else { asker.party().to_string() };
        let kinds: Vec<_> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let sought = Sought { kinds, party, ..Sought::default() };
        let mut read = match sought.kinds.is_empty() {
            true => Read::default(),
            false => portal.records(&visit, &sought, SHOWN).await?,
        };
        read.lines.truncate(MOST);
        let title = visit.say.it("home");
        page(&Home {
            frame: Frame::of(&portal, &visit, "home", title),
            is_auditor,
            owed,
            more_owed: if more > 0 { visit.say.count(more as u64) } else { String::new() },
            news: portal.news(&visit),
            lines: read.lines,
            facets: read.facets,
            quorum_lost: portal.catalog.read(|state| state.registry.quorum_lost()),
        })
    })
    .await
}

impl Portal {
    /// What is missing, or due next: of one agency, or for auditors what is missing of all.
    fn owed(&self, visit: &Visit, agency: Option<&str>, role: Role) -> Result<Vec<Owed>, Problem> {
        let (now, structures) = (self.clock.now(), self.structures());
        let datasets = self.catalog.read(|state| overview(state, now))?;
        let mut owed = vec![];
        for dataset in datasets {
            if agency.is_some_and(|own| own != dataset.agency)
                || (agency.is_none() && role != Role::Auditor)
            {
                continue;
            }
            for period in &dataset.periods {
                let counts = match period.state() {
                    PeriodState::Missing => true,
                    PeriodState::Due => agency.is_some(),
                    _ => false,
                };
                if counts {
                    let mark = mark(visit, &structures, &dataset, period);
                    let name = dataset.names.get(visit.say.code()).or(dataset.names.get("en"));
                    let told = Owed {
                        name: name.cloned().unwrap_or_default(),
                        agency: self.body(visit, &dataset.agency),
                        article: dataset.article.clone(),
                        mark,
                    };
                    owed.push((period.due.clone(), told));
                }
            }
        }
        owed.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(owed.into_iter().map(|(_, told)| told).collect())
    }

    /// The newest figures that came. That they did is public, what they say is not.
    fn news(&self, visit: &Visit) -> Vec<News> {
        let mut all = self.catalog.read(|state| {
            let each = state.holdings().flat_map(|(dataset, holding)| {
                holding.all().filter_map(move |(period, held)| {
                    let current = held.current().filter(|current| current.stands())?;
                    let revised = held.versions().len() > 1;
                    Some((
                        current.accepted,
                        dataset.to_owned(),
                        period.to_owned(),
                        current.batch,
                        revised,
                    ))
                })
            });
            each.collect::<Vec<_>>()
        });
        all.sort_by(|one, other| (other.0, &other.1, &other.2).cmp(&(one.0, &one.1, &one.2)));
        all.truncate(MOST);
        let structures = self.structures();
        let told = all.into_iter().map(|(accepted, dataset, period, batch, revised)| News {
            name: structures
                .get(&dataset)
                .map(|own| own.name(visit.say.code()).to_owned())
                .unwrap_or_default(),
            dataset,
            period,
            accepted: visit.say.moment(accepted),
            batch: batch.to_string(),
            revised,
        });
        told.collect()
    }
}
