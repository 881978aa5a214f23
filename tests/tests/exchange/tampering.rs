//! What was not signed so is not taken, and a bad batch changes nothing (promise 9).

use birge_proto::{
    envelope::SigningKey,
    limits,
    manifest::BatchId,
    problem::Kind,
    wire::{Outcome, StatusRequest, SubmitRequest},
};
use birge_tests::{batch::Batch, client::Client, exchange::Exchange, node::Node};

use crate::support::{accepted, block_on, kind, records, signed, trafficking};

struct Scene {
    exchange: Exchange,
    mia: Node,
    auditor: Node,
}

impl Scene {
    fn new() -> Self {
        let exchange = Exchange::start().unwrap();
        let mia = exchange.node("agency/MIA").unwrap();
        let auditor = exchange.node("auditor/COA").unwrap();
        Self { exchange, mia, auditor }
    }

    async fn client(&self) -> Client {
        Client::of(&self.mia, self.exchange.address()).await.unwrap()
    }

    /// Nothing was accepted so far, and a sound batch still is.
    async fn unharmed(&self) {
        let before = records(&self.exchange, &self.auditor).await;
        assert_eq!(accepted(&before, "agency/MIA"), 0, "a bad batch was accepted");
        let parts = signed(&trafficking(), &self.mia).parts();
        self.client().await.submit(parts).await.unwrap();
    }
}

#[test]
fn a_batch_signed_with_another_key_is_refused() {
    let scene = Scene::new();
    block_on(async {
        let client = scene.client().await;
        let stranger = SigningKey::generate().unwrap();
        let foreign = trafficking().sign(&stranger).unwrap();
        assert_eq!(kind(client.submit(foreign.parts()).await), Kind::BadSignature);
        let mut disguised = foreign;
        disguised.header.key_id = signed(&trafficking(), &scene.mia).header.key_id;
        assert_eq!(kind(client.submit(disguised.parts()).await), Kind::BadSignature);
        scene.unharmed().await;
    });
}

#[test]
fn one_byte_changed_anywhere_is_refused() {
    let scene = Scene::new();
    block_on(async {
        let client = scene.client().await;
        let sound = signed(&trafficking(), &scene.mia);
        let mut manifest = sound.header.manifest.to_vec();
        let place = manifest.len() / 2;
        manifest[place] ^= 1;
        let mut spoilt = sound.clone();
        spoilt.header.manifest = manifest;
        let refusal = kind(client.submit(spoilt.parts()).await);
        assert!([Kind::BadSignature, Kind::Malformed].contains(&refusal), "{refusal:?}");
        for block in 0..sound.blocks.len() {
            let mut spoilt = sound.clone();
            let bytes = &mut spoilt.blocks[block];
            let place = bytes.len() - 1;
            bytes[place] ^= 1;
            let refusal = kind(client.submit(spoilt.parts()).await);
            assert_eq!(refusal, Kind::BadSignature, "block {block}");
        }
        scene.unharmed().await;
    });
}

#[test]
fn blocks_lost_added_or_out_of_order_are_refused() {
    let scene = Scene::new();
    block_on(async {
        let client = scene.client().await;
        let sound = signed(&trafficking(), &scene.mia);
        let mut swapped = sound.clone();
        swapped.blocks.swap(0, 1);
        let mut added = sound.clone();
        added.blocks.push(sound.blocks[0].clone());
        let mut lost = sound.clone();
        lost.blocks.pop();
        for (what, spoilt) in [("swapped", swapped), ("added", added), ("lost", lost)] {
            let refusal = kind(client.submit(spoilt.parts()).await);
            let expected = [Kind::BadSignature, Kind::Truncated, Kind::Malformed, Kind::TooLarge];
            assert!(expected.contains(&refusal), "{what}: {refusal:?}");
        }
        scene.unharmed().await;
    });
}

#[test]
fn a_truncated_stream_is_refused_and_may_be_tried_again() {
    let scene = Scene::new();
    block_on(async {
        let client = scene.client().await;
        let parts = signed(&trafficking(), &scene.mia).parts();
        for length in [1, 2, parts.len() - 1] {
            let refusal = client.submit(parts[..length].to_vec()).await.unwrap_err();
            assert_eq!(refusal.kind, Kind::Truncated, "after {length} parts");
            assert!(refusal.kind.retryable());
        }
        for wrong in [vec![], parts[1..].to_vec(), vec![SubmitRequest { part: None }]] {
            let refusal = kind(client.submit(wrong).await);
            assert!([Kind::Malformed, Kind::Truncated].contains(&refusal), "{refusal:?}");
        }
        scene.unharmed().await;
    });
}

#[test]
fn a_batch_over_the_limits_is_refused() {
    let scene = Scene::new();
    block_on(async {
        let client = scene.client().await;
        let refuse = async |what: &str, batch: &Batch| {
            let answer = client.submit(signed(batch, &scene.mia).parts()).await;
            let refusal = answer.expect_err(what).kind;
            let expected = [Kind::TooLarge, Kind::Malformed, Kind::InvalidBatch];
            assert!(expected.contains(&refusal), "{what}: {refusal:?}");
        };
        let mut many = trafficking();
        many.blocks = vec![many.blocks[0].clone(); limits::BLOCKS + 1];
        refuse("blocks", &many).await;
        let mut long = trafficking();
        long.change(0, |columns| columns.columns[0].dictionary.push("x".repeat(5_000))).unwrap();
        refuse("a long string", &long).await;
        let mut wide = trafficking();
        wide.change(0, |columns| {
            let column = columns.columns[0].clone();
            columns.columns.resize(limits::COLUMNS + 1, column);
        })
        .unwrap();
        refuse("columns", &wide).await;
        let mut tall = trafficking();
        tall.change(0, |columns| columns.rows = u32::MAX).unwrap();
        refuse("rows", &tall).await;
        let mut astray = trafficking();
        astray.change(0, |columns| columns.columns[0].index[0] = 99).unwrap();
        refuse("an index out of the dictionary", &astray).await;
        scene.unharmed().await;
    });
}

/// Columns carry doubles, so a number that is none can come without any text.
#[test]
fn numbers_that_count_nobody_are_refused_on_the_wire_too() {
    let scene = Scene::new();
    block_on(async {
        let client = scene.client().await;
        for (wrong, code) in [
            (f64::NAN, "VALUE_FORMAT"),
            (f64::INFINITY, "VALUE_FORMAT"),
            (f64::NEG_INFINITY, "VALUE_FORMAT"),
            (-1.0, "VALUE_NEGATIVE"),
            (0.5, "VALUE_FRACTION"),
            (1e300, "VALUE_RANGE"),
        ] {
            let mut batch = trafficking();
            batch.change(0, |columns| columns.values[0] = wrong).unwrap();
            let answer = client.submit(signed(&batch, &scene.mia).parts()).await.unwrap();
            assert_eq!((answer.outcome(), &answer.receipt), (Outcome::Error, &None), "{wrong}");
            let report = answer.report.unwrap();
            assert!(report.findings.iter().any(|finding| finding.code == code), "{wrong}");
        }
        scene.unharmed().await;
    });
}

#[test]
fn a_message_over_the_limit_ends_the_stream_and_not_the_gateway() {
    let scene = Scene::new();
    block_on(async {
        let mut huge = signed(&trafficking(), &scene.mia);
        huge.blocks = vec![vec![0; limits::MESSAGE_BYTES + 1]];
        let refusal = kind(scene.client().await.submit(huge.parts()).await);
        let expected = [Kind::TooLarge, Kind::Unavailable, Kind::BadSignature, Kind::Malformed];
        assert!(expected.contains(&refusal), "{refusal:?}");
        scene.unharmed().await;
    });
}

#[test]
fn a_dry_run_answers_and_stores_nothing() {
    let scene = Scene::new();
    block_on(async {
        let client = scene.client().await;
        let mut dry = signed(&trafficking(), &scene.mia);
        dry.header.dry_run = true;
        let answer = client.submit(dry.parts()).await.unwrap();
        assert!(answer.receipt.is_none());
        assert_eq!(answer.counts.unwrap().imported, 93);
        let status = StatusRequest { batch: dry.id().to_string() };
        assert!(client.intake().status(status).await.is_err(), "a dry run left a submission");
        scene.unharmed().await;
    });
}

#[test]
fn only_the_submitter_may_ask_where_a_batch_stands() {
    let scene = Scene::new();
    block_on(async {
        let batch = signed(&trafficking(), &scene.mia);
        scene.client().await.submit(batch.parts()).await.unwrap();
        let request = |id: BatchId| StatusRequest { batch: id.to_string() };
        let own = scene.client().await.intake().status(request(batch.id())).await.unwrap();
        assert_eq!(own.into_inner().batch, batch.id().to_string());
        let other = scene.exchange.node("agency/NSC").unwrap();
        let other = Client::of(&other, scene.exchange.address()).await.unwrap();
        let refused = other.intake().status(request(batch.id())).await;
        let unknown = other.intake().status(request(BatchId([7; 32]))).await;
        let code = |answer: Result<_, tonic::Status>| answer.map(drop).unwrap_err().code();
        assert_eq!(code(refused), code(unknown), "a stranger learns that the batch exists");
    });
}
