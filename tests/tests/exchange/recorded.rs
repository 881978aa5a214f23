//! Every refusal of somebody identified is a record, and says under which number (promise 11).

use birge_proto::{
    limits,
    problem::{Kind, Problem},
    record::Event,
    wire::{
        ConsistencyRequest, DescribeDatasetRequest, EnrolRequest, InclusionRequest, Outcome,
        RecordsRequest, RevokeRequest, SimulateRequest, StatusRequest, SubmitRequest, TileRequest,
        submit_request::Part,
    },
};
use birge_schemas::decree::DECREE_BYTES;
use birge_tests::{
    answer::request,
    batch::{Batch, Signed},
    client::Client,
    country,
    exchange::Exchange,
    watch,
};
use tonic::{Response, Status};

use crate::support::{self, block_on, signed, trafficking, wait_covered, year};

/// A refusal as it came, and what must be on record of it.
struct Refused {
    what: &'static str,
    problem: Problem,
    by: &'static str,
    kind: Kind,
    act: &'static str,
}

struct Scene {
    exchange: Exchange,
    refused: Vec<Refused>,
}

impl Scene {
    fn note<T: std::fmt::Debug>(
        &mut self,
        by: &'static str,
        what: &'static str,
        (act, kind): (&'static str, Kind),
        answer: Result<Response<T>, Status>,
    ) {
        let problem = match answer {
            Ok(answer) => panic!("{what}: {answer:?}"),
            Err(status) => Problem::from_status(&status),
        };
        self.refused.push(Refused { what, problem, by, kind, act });
    }

    async fn operator(&mut self) {
        let by = "operator/BIRGE";
        let enrolment = |identity: &str, csr: String, signing_key: Vec<u8>| EnrolRequest {
            identity: identity.into(),
            csr,
            signing_key,
            ..EnrolRequest::default()
        };
        let sbs = birge_tests::node::Node::at(&self.exchange.dir().join("sbs"), "agency/SBS", 1);
        let sound: serde_json::Value =
            serde_json::from_slice(&std::fs::read(sbs.unwrap().enrolment()).unwrap()).unwrap();
        let csr = sound["csr"].as_str().unwrap().to_owned();
        let key = hex::decode(sound["signingKey"].as_str().unwrap()).unwrap();
        let mut admin = support::operator(&self.exchange).await.admin();

        for (what, identity, csr, key, kind) in [
            ("a key of three bytes", "agency/SBS", &csr, vec![1, 2, 3], Kind::Malformed),
            ("no key", "agency/SBS", &csr, vec![], Kind::Malformed),
            ("no request", "agency/SBS", &"nonsense".to_owned(), key.clone(), Kind::Malformed),
            ("no such role", "king/SBS", &csr, key.clone(), Kind::Malformed),
            ("no identity", "", &csr, key.clone(), Kind::Malformed),
            ("a second operator", "operator/SBS", &csr, key.clone(), Kind::Malformed),
            ("no participant", "agency/XYZ", &csr, key.clone(), Kind::NotPermitted),
            ("no named auditor", "auditor/SBS", &csr, key.clone(), Kind::NotPermitted),
        ] {
            let answer = admin.enrol(enrolment(identity, csr.clone(), key)).await;
            self.note(by, what, ("admin/enrol", kind), answer);
        }
        for (what, identity, kind) in [
            ("revoking who is unknown", "agency/SBS", Kind::NotFound),
            ("revoking nobody", "somebody", Kind::Malformed),
            ("revoking itself", by, Kind::Malformed),
        ] {
            let request = RevokeRequest { identity: identity.into(), reason: "a test".into() };
            self.note(by, what, ("admin/revoke", kind), admin.revoke(request).await);
        }
    }

    async fn agency(&mut self, client: &Client) {
        let by = "agency/MIA";
        let (mut intake, mut query) = (client.intake(), client.query());
        for (what, batch, kind) in [
            ("status of a batch that cannot be", "no digest", Kind::Malformed),
            ("status of no batch", "", Kind::Malformed),
            ("status of an unknown batch", &*"0".repeat(64), Kind::NotFound),
        ] {
            let answer = intake.status(StatusRequest { batch: batch.to_owned() }).await;
            self.note(by, what, ("intake/status", kind), answer);
        }
        let unknown = DescribeDatasetRequest { id: "NOTHING".into() };
        let expected = ("query/describe-dataset", Kind::NotFound);
        self.note(by, "an unknown dataset", expected, query.describe_dataset(unknown).await);
        let expected = ("audit/simulate", Kind::WrongRole);
        let answer = client.audit().simulate(SimulateRequest { draft: vec![] }).await;
        let answer = answer.map(|_stream| Response::new(()));
        self.note(by, "an agency that simulates", expected, answer);
        let revoke = RevokeRequest { identity: by.into(), reason: String::new() };
        let expected = ("admin/revoke", Kind::WrongRole);
        self.note(by, "who is no operator", expected, client.admin().revoke(revoke).await);
    }

    async fn auditor(&mut self, client: &Client) {
        let by = "auditor/COA";
        let mut audit = client.audit();
        for (what, from, to) in
            [("records that are not there", 0, 1 << 40), ("records backwards", 2, 1)]
        {
            let answer = audit.records(RecordsRequest { from, to, filter: None }).await;
            let answer = answer.map(|_stream| Response::new(()));
            self.note(by, what, ("audit/records", Kind::Malformed), answer);
        }
        let taken = birge_schemas::decree::model().unwrap();
        for (what, draft, kind) in [
            ("no draft", vec![], Kind::Malformed),
            ("a draft over the limit", vec![b' '; DECREE_BYTES + 1], Kind::Malformed),
            ("the decree in force as a draft", taken, Kind::Conflict),
        ] {
            let answer = audit.simulate(SimulateRequest { draft }).await;
            let answer = answer.map(|_stream| Response::new(()));
            self.note(by, what, ("audit/simulate", kind), answer);
        }
        let path = "tile/../../keys/log.key".to_owned();
        let expected = ("audit/tile", Kind::Malformed);
        self.note(by, "no tile", expected, audit.tile(TileRequest { path }).await);
        let path = "tile/0/999".to_owned();
        let expected = ("audit/tile", Kind::NotFound);
        self.note(by, "a tile to come", expected, audit.tile(TileRequest { path }).await);
        let request = ConsistencyRequest { old: 1, new: 1 << 40 };
        let expected = ("audit/consistency", Kind::Malformed);
        self.note(by, "a tree to come", expected, audit.consistency(request).await);
        let request = InclusionRequest { index: 1 << 40, size: 2 };
        let expected = ("audit/inclusion", Kind::Malformed);
        self.note(by, "a leaf outside its tree", expected, audit.inclusion(request).await);
    }
}

#[test]
fn every_refusal_has_its_record_and_tells_its_number() {
    if country::model_only("every_refusal_has_its_record_and_tells_its_number") {
        return;
    }
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    let mut scene = Scene { exchange, refused: vec![] };
    block_on(async {
        scene.operator().await;
        let address = scene.exchange.address();
        scene.agency(&Client::of(&mia, address).await.unwrap()).await;
        scene.auditor(&Client::of(&auditor, address).await.unwrap()).await;
    });
    let last = scene.refused.iter().filter_map(|each| each.problem.exchange).max();
    wait_covered(&scene.exchange, last.unwrap());
    let records = block_on(support::records(&scene.exchange, &auditor));
    let mut wrong = vec![];
    let mut before = 0;
    for Refused { what, problem, by, kind, act } in scene.refused {
        if problem.kind != kind {
            wrong.push(format!("{what}: expected {kind:?}, found {problem:?}"));
        }
        let Some(number) = problem.exchange else {
            wrong.push(format!("{what}: not recorded, {problem:?}"));
            continue;
        };
        let record = &records[&number];
        let expected =
            Event::ActRefused { act: act.to_owned(), problem: problem.kind.code().to_owned() };
        if record.event != expected || record.actor.to_string() != by || number <= before {
            wrong.push(format!("{what}: after {before}, {number} is {record:?}"));
        }
        before = number;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Streams that no header can be taken from.
#[test]
fn a_stream_without_a_header_is_recorded() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    let sound = signed(&trafficking(), &mia).parts();
    let mut huge = sound[0].clone();
    if let Some(Part::Header(header)) = &mut huge.part {
        header.manifest = vec![b' '; limits::MESSAGE_BYTES + 1];
    }
    let streams: [(&str, Vec<SubmitRequest>); 5] = [
        ("no message", vec![]),
        ("an empty message", vec![SubmitRequest { part: None }]),
        ("a block first", sound[1..].to_vec()),
        ("an end alone", sound[sound.len() - 1..].to_vec()),
        ("a header over the limit", vec![huge]),
    ];
    block_on(async {
        let client = Client::of(&mia, exchange.address()).await.unwrap();
        let mut numbers = vec![];
        for (what, parts) in streams {
            let problem = client.submit(parts).await.unwrap_err();
            let number = problem.exchange;
            numbers.push((what, number.unwrap_or_else(|| panic!("{what}: {problem:?}"))));
        }
        tokio::task::block_in_place(|| wait_covered(&exchange, numbers.last().unwrap().1));
        let records = support::records(&exchange, &auditor).await;
        for (what, number) in numbers {
            let record = &records[&number];
            assert_eq!(record.actor.to_string(), "agency/MIA", "{what}");
            let Event::SubmissionRejected { batch, problem, .. } = &record.event else {
                panic!("{what}: {record:?}")
            };
            assert_eq!(*batch, None, "{what}");
            assert!(!problem.is_empty(), "{what}");
        }
    });
}

/// What is refused of a batch, too, names its record.
#[test]
fn a_refused_batch_tells_its_number() {
    let exchange = Exchange::start().unwrap();
    let (mia, nsc) = (exchange.node("agency/MIA").unwrap(), exchange.node("agency/NSC").unwrap());
    let auditor = exchange.node("auditor/COA").unwrap();
    let mut cut = signed(&trafficking(), &mia).parts();
    cut.truncate(2);
    let mut spoilt = signed(&year(2024, 100), &nsc);
    spoilt.header.signature[0] ^= 1;
    let mut of_another = year(2024, 100);
    of_another.manifest.agency = "MIA".parse().unwrap();
    block_on(async {
        let as_mia = Client::of(&mia, exchange.address()).await.unwrap();
        let as_nsc = Client::of(&nsc, exchange.address()).await.unwrap();
        let refusals = [
            as_mia.submit(cut).await.unwrap_err(),
            as_nsc.submit(spoilt.parts()).await.unwrap_err(),
            as_mia.submit(signed(&of_another, &mia).parts()).await.unwrap_err(),
        ];
        let kinds = refusals.each_ref().map(|problem| problem.kind);
        assert_eq!(kinds, [Kind::Truncated, Kind::BadSignature, Kind::NotPermitted]);
        let last = refusals[2].exchange.unwrap();
        tokio::task::block_in_place(|| wait_covered(&exchange, last));
        let records = support::records(&exchange, &auditor).await;
        for refusal in refusals {
            let record = &records[&refusal.exchange.unwrap()];
            let Event::SubmissionRejected { problem, .. } = &record.event else {
                panic!("{refusal:?}: {record:?}")
            };
            assert_eq!(problem, refusal.kind.code());
        }
    });
}

/// A name that is nobody's is free text and could carry anything: no record keeps it, nor any
/// other text of a batch that is refused (promise 5).
#[test]
fn free_text_in_place_of_a_name_enters_no_record() {
    const TEXT: &str = "AINURA_0700_112233";
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    let spoilt = |change: fn(&mut Batch)| {
        let mut batch = trafficking();
        change(&mut batch);
        signed(&batch, &mia)
    };
    let mut key = signed(&trafficking(), &mia);
    key.header.key_id = TEXT.into();
    let refused: [(&str, Option<&str>, Signed); 6] = [
        ("dataset", None, spoilt(|batch| batch.manifest.dataset = TEXT.into())),
        ("key", None, key),
        ("version", Some("TRAFFICKING"), spoilt(|batch| batch.manifest.version = TEXT.into())),
        ("period", Some("TRAFFICKING"), spoilt(|batch| batch.manifest.periods = vec![TEXT.into()])),
        ("code", Some("TRAFFICKING"), {
            spoilt(|batch| batch.change(0, |c| c.columns[0].dictionary[0] = TEXT.into()).unwrap())
        }),
        ("another's dataset", Some("MIG_STOCK"), {
            spoilt(|batch| {
                batch.manifest.dataset = "MIG_STOCK".into();
                batch.manifest.reason = Some(TEXT.into());
            })
        }),
    ];
    block_on(async {
        let client = Client::of(&mia, exchange.address()).await.unwrap();
        let before = support::records(&exchange, &auditor).await.len() as u64;
        let mut expected = vec![];
        for (what, dataset, batch) in refused {
            for dry_run in [false, true] {
                let mut batch = batch.clone();
                batch.header.dry_run = dry_run;
                let answer = client.submit(batch.parts()).await;
                let accepted = answer.is_ok_and(|answer| answer.outcome() != Outcome::Error);
                assert!(!accepted, "{what} was accepted");
                expected.push((what, dataset.map(str::to_owned)));
            }
        }
        let unknown = client.ask(request(TEXT, &[])).await.unwrap_err();
        let describe = DescribeDatasetRequest { id: TEXT.into() };
        client.query().describe_dataset(describe).await.unwrap_err();
        let tile = TileRequest { path: TEXT.into() };
        client.audit().tile(tile).await.unwrap_err();

        let last = unknown.exchange.unwrap();
        tokio::task::block_in_place(|| wait_covered(&exchange, last));
        let records = support::records(&exchange, &auditor).await;
        let of_batches = records.range(before..).filter_map(|(_, record)| match &record.event {
            Event::SubmissionRejected { dataset, .. } => Some(dataset.clone()),
            Event::SubmissionChecked { dataset, .. } => Some(Some(dataset.clone())),
            _ => None,
        });
        let of_batches: Vec<_> = of_batches.collect();
        assert_eq!(of_batches, expected.iter().map(|(_, of)| of.clone()).collect::<Vec<_>>());
        let Event::QueryRefused { dataset: None, .. } = &records[&last].event else {
            panic!("{:?}", records[&last])
        };
        for file in watch::files_below(&exchange.journal()) {
            let bytes = std::fs::read(&file).unwrap();
            let kept = bytes.windows(TEXT.len()).any(|window| window == TEXT.as_bytes());
            assert!(!kept, "the journal keeps the text");
        }
    });
}
