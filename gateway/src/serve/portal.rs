//! The portal: pages for people, made here, of use without any script. At the address for the public
//! it shows what is public; at the one for persons, who sign in with a session that their browser
//! keeps, what each may see. Each question for figures goes the way of any other.
//!
//! | module | does |
//! |---|---|
//! | `guard`, `session` | who visits, in which language; signing in and out |
//! | `page` | pages, refusals, what stands on every page |
//! | `home` | what matters to whom |
//! | `find` | the way to a dataset |
//! | `wanted`, `table`, `chart`, `files` | a question, and its answer in several forms |
//! | `trace`, `log` | from a cell to its batch, its record and the proof; auditing |
//! | `availability`, `rights` | what is due and what came; who sees what |

mod answered;
mod availability;
mod chart;
mod files;
mod find;
mod form;
mod guard;
mod home;
mod log;
mod page;
mod proof;
mod rights;
mod session;
mod table;
mod trace;
mod wanted;

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::Body,
    extract::DefaultBodyLimit,
    http::{Response, StatusCode},
    middleware,
    routing::{get, post},
};
use birge_proto::{
    clock::SharedClock,
    identity::Identity,
    problem::{Kind, Problem},
};
use birge_schemas::structure::Structures;
use tower_http::compression::CompressionLayer;

use self::guard::Visit;
pub(super) use self::guard::dress;
use super::{
    gate::Gate, query::ANYBODY, records::Records, sdmx::Rest, tls::Peer, tries::Tries,
    turned::Turned,
};
use crate::{
    account::Accounts,
    catalog::Catalog,
    decree::{Decree, Matrix},
    i18n::{Language, texts},
    ledger::Ledger,
    query::Query as ReadPath,
    view::{pivot::SEX, search::Index},
    witness::Assembly,
};

/// Bytes of a form.
const FORM_BYTES: usize = 16 << 10;

/// At which address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// The one for anybody, where nobody signs in.
    Public,
    /// The one for persons.
    People,
}

/// What the pages stand on.
pub(super) struct Portal {
    pub(super) door: Door,
    pub(super) gate: Arc<Gate>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) query: Arc<ReadPath>,
    pub(super) rest: Arc<Rest>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) records: Arc<Records>,
    pub(super) assembly: Assembly,
    pub(super) turned: Arc<Turned>,
    pub(super) tries: Arc<Tries>,
    pub(super) clock: SharedClock,
    /// Where persons sign in; empty where the pages for anybody tell nothing of it.
    pub(super) people: String,
    pub(super) known: Arc<Known>,
}

/// What is made once of the structures and the decree that stand.
#[derive(Default)]
pub(super) struct Known {
    index: Made<Index>,
    matrix: Made<Matrix>,
}

/// What was made of these structures and this decree.
type Made<T> = Mutex<Option<(Arc<Structures>, Arc<Decree>, Arc<T>)>>;

pub(super) type Shared = Arc<Portal>;

/// The routes.
pub(super) fn router(portal: Shared) -> Router {
    let people = match portal.door {
        Door::Public => Router::new().route("/", get(find::find)),
        Door::People => Router::new()
            .route("/", get(home::home))
            .route("/sign-in", get(session::form).post(session::sign_in))
            .route("/sign-out", post(session::sign_out).get(async || page::see_other("/")))
            .route("/log", get(log::list))
            .route("/log/records.jsonl", get(log::export)),
    };
    let guard = middleware::from_fn_with_state(Arc::clone(&portal), guard::guard);
    people
        .route("/datasets", get(find::find))
        .route("/table/{dataset}", get(table::table))
        .route("/chart/{kind}/{dataset}", get(chart::chart))
        .route("/chart/{kind}/{dataset}/svg", get(chart::svg))
        .route("/files/{*path}", get(files::file))
        .route("/trace/{dataset}/{key}", get(trace::cell))
        .route("/batch/{batch}", get(trace::batch))
        .route("/log/{index}", get(log::one))
        .route("/log/{index}/proof", get(log::proof))
        .route("/availability", get(availability::availability))
        .route("/rights", get(rights::rights))
        .route("/portal.css", get(page::style))
        .route("/portal.js", get(page::script))
        .route("/icon.svg", get(page::icon))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(CompressionLayer::new())
        .layer(guard)
        .with_state(portal)
}

impl Portal {
    /// Who visits, where it may do this.
    async fn admit(&self, visit: &Visit, act: &str) -> Result<Identity, Problem> {
        self.gate.admit_peer(self.peer(visit)?, act, ANYBODY).await
    }

    fn peer<'v>(&self, visit: &'v Visit) -> Result<&'v Peer, Problem> {
        let nobody = || Problem::new(Kind::NotSignedIn, "nobody is signed in");
        visit.peer.as_ref().ok_or_else(nobody)
    }

    fn structures(&self) -> Arc<Structures> {
        self.catalog.read(|state| Arc::clone(&state.structures))
    }

    /// The decree in force.
    fn decree(&self) -> Result<Arc<Decree>, Problem> {
        self.catalog.read(|state| state.decree_at(self.clock.now()))
    }

    /// The words that datasets are found by.
    fn index(&self) -> Result<Arc<Index>, Problem> {
        let make = |structures: &Structures, decree: &Decree| {
            Index::of(structures, |structure| {
                let agency = decree.mandate(&structure.id).map(|mandate| &mandate.agency);
                let bodies = decree.participants().iter().filter(|body| Some(&body.id) == agency);
                let names = bodies
                    .flat_map(|body| body.names.values().cloned().chain([body.id.to_string()]));
                // People look for women and men, whatever their codes are called.
                let sexes = Language::ALL.map(|language| texts(language).say("portal-gap"));
                let sexes = sexes.into_iter().filter(|_| structure.position(SEX).is_some());
                names.chain(sexes).collect()
            })
        };
        self.once(&self.known.index, make)
    }

    /// Who sees what.
    fn matrix(&self) -> Result<Arc<Matrix>, Problem> {
        self.once(&self.known.matrix, |structures, decree| Matrix::of(decree, structures))
    }

    /// What was made of the structures and the decree that stand, made now where others stood then.
    fn once<T>(
        &self,
        made: &Made<T>,
        make: impl FnOnce(&Structures, &Decree) -> T,
    ) -> Result<Arc<T>, Problem> {
        let (structures, decree) = (self.structures(), self.decree()?);
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, under, last)) = &*made
            && Arc::ptr_eq(of, &structures)
            && Arc::ptr_eq(under, &decree)
        {
            return Ok(Arc::clone(last));
        }
        let new = tokio::task::block_in_place(|| Arc::new(make(&structures, &decree)));
        *made = Some((structures, decree, Arc::clone(&new)));
        Ok(new)
    }
}

/// A page, or why there is none.
type Outcome = Result<Response<Body>, Problem>;

/// Answers with the page, or with one that tells why there is none.
async fn answer(
    portal: &Portal,
    visit: &Visit,
    outcome: impl Future<Output = Outcome>,
) -> Response<Body> {
    match outcome.await {
        Ok(response) => response,
        Err(problem) => page::problem(portal, visit, &problem),
    }
}

/// The status of a problem.
fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.kind.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
