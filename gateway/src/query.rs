//! THE READ PATH: selection → decree → disclosure → cells → record → answer.
//!
//! No byte of an answer, nor of a refusal, leaves before its record is durable (promise 2).

mod cells;
mod cut;
mod permitted;
mod protected;
mod selection;
mod shown;
#[cfg(test)]
mod tests;
mod versions;

use std::{collections::BTreeSet, sync::Arc};

use aws_lc_rs::rand;
use birge_proto::{
    clock::{SharedClock, Timestamp},
    identity::{Identity, Role},
    manifest::BatchId,
    problem::{Kind, Problem},
    record::{Event, Ruling, keyed_digest, keyed_digest_of},
    wire::{AskRequest, Decree as WireDecree, Provenance},
};
use birge_schemas::{detail::Detail, structure::Structure};

use self::{
    cells::Cells,
    permitted::{Permitted, permitted, refusal_in_words},
    shown::Given,
};
pub use self::{protected::ProtectedTable, selection::Selection, versions::versions};
use crate::{
    catalog::{Catalog, Holding, Seen},
    decree::{self, Access, Clauses, Decree, Figures, Question},
    journal::Class,
    recorder::Recorder,
    sequence::{Draft, Reply},
};

/// Rows that are laid out at once, without making room for other requests first, and by one
/// thread.
const FEW: usize = 4_096;

/// The read path.
pub struct Query {
    catalog: Arc<Catalog>,
    recorder: Recorder,
    clock: SharedClock,
}

/// What goes out: on what it rests, and the cells.
pub struct Answer {
    /// On what it rests.
    pub provenance: Provenance,
    /// The dataset.
    pub structure: Arc<Structure>,
    /// The cells.
    pub table: ProtectedTable,
    /// The cells as encoded `exchange.v1.Columns`: what the record's digest covers.
    pub blocks: Vec<Vec<u8>>,
    /// The keys that disappeared, where that is asked for, and the same encoded; the digest covers
    /// them after the others.
    pub removed: Option<Removed>,
}

impl Answer {
    /// Is nothing given?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let removed = self.removed.as_ref().map_or(0, |(keys, _)| keys.table().rows);
        self.table.table().rows + removed == 0
    }
}

/// Keys that disappeared, and the same encoded.
type Removed = (ProtectedTable, Vec<Vec<u8>>);

/// All that a decision needs, at one moment.
struct Moment {
    structure: Arc<Structure>,
    decree: Arc<Decree>,
    /// What may be seen of figures that are public, and before they are (article 8(1)).
    public: Arc<Access>,
    early: Arc<Access>,
    /// What of it is open to who is no participant.
    open: [Arc<Access>; 2],
    owner: Identity,
    holding: Arc<Holding>,
    now: Timestamp,
}

/// An answer that waits for its record.
struct Prepared {
    table: ProtectedTable,
    blocks: Vec<Vec<u8>>,
    removed: Option<Removed>,
    batches: BTreeSet<BatchId>,
    ruling: Ruling,
    narrowed: Vec<String>,
    as_of: Option<Timestamp>,
    notes: Vec<String>,
}

/// A refusal, with what the decree said where it was asked.
struct Refused {
    problem: Problem,
    ruling: Option<Ruling>,
}

impl Query {
    /// A read path over the catalogue.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, recorder: Recorder, clock: SharedClock) -> Self {
        Self { catalog, recorder, clock }
    }

    /// Answers a member's question.
    ///
    /// # Errors
    /// A [`Problem`] that is recorded; a refusal by the decree names its articles and hints at
    /// every finest request that would be permitted.
    pub async fn ask(&self, asker: &Identity, request: AskRequest) -> Result<Answer, Problem> {
        loop {
            let prepared = match self.moment(asker, &request.dataset, self.clock.now()) {
                Ok(moment) => {
                    let prepare = |most| prepare(asker, &request, &moment, most);
                    let prepared = match prepare(FEW) {
                        // Large tables take a while: other requests go on meanwhile.
                        Ok(None) => tokio::task::block_in_place(|| prepare(usize::MAX)),
                        few => few,
                    };
                    let prepared = prepared.and_then(|prepared| Ok(prepared.ok_or_else(too_many)?));
                    prepared.map(|prepared| (moment, prepared))
                }
                Err(problem) => Err(problem.into()),
            };
            let (moment, prepared) = match prepared {
                Ok(prepared) => prepared,
                Err(refused) => return Err(self.refuse(asker, &request.dataset, refused).await),
            };
            if let Some(answer) = self.record(asker, &request, moment, prepared).await? {
                return Ok(answer);
            }
        }
    }

    fn moment(&self, asker: &Identity, dataset: &str, now: Timestamp) -> Result<Moment, Problem> {
        self.catalog.read(|state| {
            let structure = state.structures.get(dataset).ok_or_else(|| {
                let known: Vec<_> = state.structures.iter().map(|each| each.id.as_str()).collect();
                Problem::new(Kind::NotFound, format!("there is no dataset {dataset:?}"))
                    .hint(format!("the datasets are {}", known.join(", ")))
            })?;
            let decree = state.decree_at(now)?;
            let mandate = decree.mandate(dataset).ok_or_else(|| {
                Problem::new(Kind::NotPermitted, format!("no agency is mandated for {dataset}"))
                    .under([decree.clauses().residual.to_string()])
            })?;
            let owner = Identity::of(Role::Agency, mandate.agency.clone());
            let breakdowns = structure.breakdowns();
            let access = |released| {
                let figures = Figures { dataset, owner: &owner.body, breakdowns, released };
                state.access(&decree, asker, &figures)
            };
            Ok(Moment {
                public: access(true),
                early: access(false),
                open: state.open(&decree, dataset, &owner.body, breakdowns),
                now: state.registry.present(now),
                structure: Arc::clone(structure),
                decree,
                holding: state.holding(dataset),
                owner,
            })
        })
    }

    /// Records the answer; none when another decree has come into force meanwhile.
    async fn record(
        &self,
        asker: &Identity,
        request: &AskRequest,
        moment: Moment,
        prepared: Prepared,
    ) -> Result<Option<Answer>, Problem> {
        let Prepared { table, blocks, removed, batches, ruling, narrowed, as_of, notes } = prepared;
        let given = blocks.iter().chain(removed.iter().flat_map(|(_, keys)| keys));
        let mut key = [0; 32];
        rand::fill(&mut key)
            .map_err(|_| Problem::new(Kind::Internal, "the system gave no randomness"))?;
        let event = Event::QueryAnswered {
            dataset: moment.structure.id.clone(),
            selection: hex::encode(keyed_digest(&key, &prost::Message::encode_to_vec(request))),
            batches: batches.iter().copied().collect(),
            answered: table.answered,
            withheld: table.withheld,
            early: table.early,
            as_of,
            digest: hex::encode(keyed_digest_of(&key, given.map(Vec::as_slice))),
            ruling: ruling.clone(),
        };
        let parties = if moment.owner == asker.party() { vec![] } else { vec![moment.owner] };
        let decree = moment.decree.name();
        let draft =
            Draft { parties, decree: Some(decree.clone()), ..Draft::of(asker.clone(), event) };
        let committed = self.recorder.record(Class::Reading, draft).await?;
        if committed.reply == Reply::DecreeChanged {
            self.catalog.reached(committed.first).await;
            return Ok(None);
        }
        let provenance = Provenance {
            exchange: committed.first,
            decree: Some(WireDecree { number: decree.number, version: decree.version }),
            articles: ruling.articles,
            batches: batches.iter().map(ToString::to_string).collect(),
            answered: table.answered,
            withheld: table.withheld,
            narrowed,
            dataset_version: moment.structure.version.clone(),
            digest_key: key.to_vec(),
            as_of: as_of.map(|at| at.to_string()).unwrap_or_default(),
            notes,
        };
        Ok(Some(Answer { provenance, structure: moment.structure, table, blocks, removed }))
    }

    async fn refuse(&self, asker: &Identity, dataset: &str, refused: Refused) -> Problem {
        let Refused { problem, ruling } = refused;
        let known = self.catalog.read(|state| state.structures.get(dataset).is_some());
        let event = Event::QueryRefused {
            dataset: known.then(|| dataset.to_owned()),
            problem: problem.kind.code().to_owned(),
            ruling,
        };
        self.recorder.refuse(Class::Reading, asker, vec![], event, problem).await
    }
}

/// What never happens: that all rows together are more than there can be.
fn too_many() -> Problem {
    Problem::new(Kind::Internal, "more rows are selected than there are")
}

/// Decides, and lays out the cells; nothing where more than `most` rows are selected.
fn prepare(
    asker: &Identity,
    request: &AskRequest,
    moment: &Moment,
    most: usize,
) -> Result<Option<Prepared>, Refused> {
    let selection = Selection::parse(&moment.structure, request)?;
    let as_of = versions::as_of(&request.as_of, moment.now)?;
    let since = versions::since(request, as_of, moment.now)?;
    let asked = |given: &BTreeSet<Detail>, released| {
        let question = Question {
            principal: asker.clone(),
            dataset: moment.structure.id.clone(),
            owner: moment.owner.body.clone(),
            named: selection.named(),
            given: given.iter().map(ToString::to_string).collect(),
            released,
        };
        serde_json::to_value(question).unwrap_or_default()
    };
    let ruled = |permit, articles, request| Ruling {
        decree: moment.decree.name(),
        permit,
        articles,
        request,
    };
    let permitted = permitted(moment, &selection, as_of).map_err(|(refusal, released)| {
        let request = asked(&BTreeSet::new(), released);
        let ruling = ruled(false, refusal.articles.clone(), request);
        Refused { problem: refusal_in_words(&moment.structure.id, refusal), ruling: Some(ruling) }
    })?;
    let Permitted { public, early, seen, mut articles, narrowed } = permitted;
    let given = |released, detail| {
        let (given, access) = match released {
            true => (&public, &moment.public),
            false => (&early, &moment.early),
        };
        given.contains(&detail).then(|| Given {
            raw: access.sees_small_counts(detail),
            early: !released || !moment.open.iter().any(|open| open.permits(detail)),
        })
    };
    let cells = |seen| Cells::of(moment.holding.seen(seen), &selection, most, given);
    let Some(now) = cells(seen) else { return Ok(None) };
    let (now, gone) = match since {
        None => (now, None),
        Some(_) => {
            let Some(then) = cells(Seen { as_of: since, ..seen }) else { return Ok(None) };
            let (changed, gone) = now.since(then);
            (changed, Some(ProtectedTable::keys(&moment.structure, &gone)))
        }
    };
    let table = ProtectedTable::of(&moment.structure, &now, selection.cut());
    let encoded = |table: &ProtectedTable| {
        let failed = |error| Problem::new(Kind::Internal, format!("the answer: {error}"));
        table.blocks().map_err(failed)
    };
    let blocks = encoded(&table)?;
    let removed = gone.map(|gone| encoded(&gone).map(|blocks| (gone, blocks))).transpose()?;
    if table.withheld > 0 {
        let Clauses { small_counts, indirect, .. } = moment.decree.clauses();
        articles.extend([small_counts, indirect].map(ToString::to_string));
        articles = decree::in_order(articles);
    }
    let any = table.answered + table.withheld > 0;
    let (released, given) = match early.is_empty() || (table.early == 0 && any) {
        true => (true, &public),
        false => (false, &early),
    };
    let ruling = ruled(true, articles, asked(given, released));
    let batches = moment.holding.batches(&selection, seen);
    let notes = versions::notes(&moment.holding, &selection, seen);
    let prepared = Prepared { table, blocks, removed, batches, ruling, narrowed, as_of, notes };
    Ok(Some(prepared))
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem, ruling: None }
    }
}
