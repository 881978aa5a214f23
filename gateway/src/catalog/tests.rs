//! The catalogue against its promises: a batch is met with its release or not at all
//! (promise 4), wherever the journal ends (promise 6).

mod between;
mod sharing;
mod time;
mod versions;

use birge_proto::{
    clock::ManualClock,
    envelope::{MANIFEST_TYPE, SigningKey},
    manifest::{Action, Manifest, Salt},
    record::{Event, Outcome, Ruling},
    wire::SubmitHeader,
};
use birge_schemas::{
    slice::Slice,
    table::{RawColumnBuilder, RawTable},
    validate, wire,
};
use tempfile::TempDir;

use super::*;
use crate::{
    config::{Exchange, Listen},
    init::{Authority, Plan, init},
    journal::{self, Body, Class, Journal, Opened},
    sequence::{Draft, Order, Reply},
    submission,
};

const DATASET: &str = "MIG_STOCK";

/// A journal as `gateway init` makes it, in which one agency is enrolled, and the catalogue
/// that follows it step by step.
struct Scene {
    dir: TempDir,
    clock: ManualClock,
    key: SigningKey,
    journal: Journal<Order>,
    catalog: Arc<Catalog>,
    follower: Follower,
}

/// A batch and what is committed of it.
struct Batch {
    id: BatchId,
    accepted: (Event, Option<Body>),
    release: Release,
}

impl Scene {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let clock = ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap());
        let exchange = Exchange {
            trust_domain: "birge.example".into(),
            origin: "birge.example/log".into(),
            server_names: vec!["localhost".into()],
        };
        let plan = Plan {
            dir: dir.path().to_owned(),
            exchange,
            listen: Listen::default(),
            decree: None,
            authority: Authority::Here,
            witnesses: vec![],
        };
        init(plan, Arc::new(clock.clone())).await.unwrap();
        let (journal, catalog, follower) = open(dir.path(), &clock);
        let key = SigningKey::generate().unwrap();
        let scene = Self { dir, clock, key, journal, catalog, follower };
        let enrolled = Event::ParticipantEnrolled {
            identity: nsc(),
            serial: "01".into(),
            certificate: String::new(),
            signing_key: Some(hex::encode(scene.key.verifying_key().0)),
            witness_key: None,
            authorised: None,
        };
        scene.append("operator/BIRGE", vec![(enrolled, None)]).await;
        scene
    }

    /// Has these events recorded as one group, as one draft.
    async fn append(&self, actor: &str, events: Vec<(Event, Option<Body>)>) {
        let draft = Draft {
            actor: actor.parse().unwrap(),
            parties: vec![],
            decree: None,
            events,
            signed_by: Some(self.key.verifying_key()),
            persons: [].into(),
        };
        let committed = self.journal.append(Class::Submission, draft).await.unwrap();
        assert_eq!(committed.reply, Reply::Recorded);
    }

    /// Stops and opens everything anew.
    async fn restarted(self) -> Self {
        let Self { dir, clock, key, journal, .. } = self;
        journal.close().await;
        drop(journal);
        let (journal, catalog, follower) = open(dir.path(), &clock);
        Self { dir, clock, key, journal, catalog, follower }
    }

    /// A first delivery of 2024: so many women, 50 men.
    fn batch(&self, women: u32) -> Batch {
        let raw = figures(women);
        let blocks = wire::to_blocks(&raw).unwrap();
        let manifest = Manifest {
            dataset: DATASET.into(),
            version: "1.0.0".into(),
            agency: nsc().body,
            periods: vec!["2024".into()],
            action: Action::Append,
            revises: None,
            reason: None,
            cause: None,
            removes: vec![],
            contact: "statistics office".into(),
            approved_by: "head of statistics".into(),
            prepared: self.clock_now(),
            observations: raw.rows as u64,
            blocks: blocks.iter().map(|block| BatchId::of(block)).collect(),
            salt: Salt::generate().unwrap(),
        };
        let bytes = manifest.to_bytes().unwrap();
        let id = BatchId::of(&bytes);
        let (structure, holding, decree) = self.catalog.read(|state| {
            let structure = Arc::clone(state.structures.get(DATASET).unwrap());
            (structure, state.holding(DATASET), state.decree_at(self.clock_now()).unwrap())
        });
        let table = validate::accepted(&structure, manifest.action, &raw).unwrap();
        let merged = merge(&structure, &holding, &manifest, &table).unwrap();
        let rule = decree.disclosure(DATASET).unwrap();
        let (release, _) = Release::compute(&holding, &merged, rule).unwrap();
        let header = SubmitHeader {
            signature: self.key.sign(MANIFEST_TYPE, &bytes),
            key_id: self.key.verifying_key().id(),
            manifest: bytes,
            dry_run: false,
            preview: false,
            held: 0,
            consent: None,
            letter: None,
        };
        let blocks = blocks.into_iter().map(Into::into).collect();
        let body = submission::Submission { header, blocks }.to_body();
        let ruling = Ruling {
            decree: decree.name(),
            permit: true,
            articles: vec!["4(1)".into()],
            request: serde_json::Value::Null,
        };
        let event = Event::SubmissionAccepted {
            batch: id,
            dataset: DATASET.into(),
            version: manifest.version,
            periods: manifest.periods,
            action: manifest.action,
            revises: None,
            outcome: Outcome::Success,
            counts: merged.counts,
            findings: BTreeMap::new(),
            late: false,
            cause: None,
            consent: None,
            approved: None,
            justified: vec![],
            digest: hex::encode(body.digest()),
            ruling,
        };
        Batch { id, accepted: (event, Some(body)), release }
    }

    fn clock_now(&self) -> Timestamp {
        birge_proto::clock::Clock::now(&self.clock)
    }
}

impl Batch {
    fn released(&self) -> (Event, Option<Body>) {
        released(self.id, &self.release)
    }
}

/// The release of a batch, as it is recorded.
fn released(batch: BatchId, release: &Release) -> (Event, Option<Body>) {
    let body = Body::from(serde_json::to_vec(release).unwrap());
    let event = Event::Released {
        dataset: DATASET.into(),
        periods: vec!["2024".into()],
        batch,
        cells: release.cells,
        withheld: release.withheld,
        method: release.method.clone(),
        protection: None,
        digest: hex::encode(body.digest()),
    };
    (event, Some(body))
}

fn open(dir: &Path, clock: &ManualClock) -> (Journal<Order>, Arc<Catalog>, Follower) {
    let opened = Opened::open(&dir.join("journal"), journal::tests::config()).unwrap();
    let (catalog, follower) = Catalog::open(&dir.join("index"), opened.reader()).unwrap();
    let order = Order::new(catalog.read(|state| state.registry.clone()));
    (opened.start(Arc::new(clock.clone()), order).unwrap(), catalog, follower)
}

fn nsc() -> Identity {
    "agency/NSC".parse().unwrap()
}

fn figures(women: u32) -> RawTable {
    let fixed = [
        ("FREQ", "A"),
        ("REF_AREA", "KG"),
        ("INDICATOR", "MIG_STOCK"),
        ("AGE", "_T"),
        ("COUNTRY_BIRTH", "_T"),
        ("UNIT_MEASURE", "PS"),
        ("TIME_PERIOD", "2024"),
        ("OBS_STATUS", "A"),
    ];
    let mut table = RawTable::default();
    let mut sex = RawColumnBuilder::new("SEX");
    let mut others = fixed.map(|(id, _)| RawColumnBuilder::new(id));
    for (code, value) in [("F", women), ("M", 50), ("_T", women + 50)] {
        sex.push(code);
        for (column, (_, text)) in others.iter_mut().zip(fixed) {
            column.push(text);
        }
        table.push_value(Some(value.into()));
    }
    table.columns = others.into_iter().chain([sex]).map(RawColumnBuilder::finish).collect();
    table
}
