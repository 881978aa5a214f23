//! What follows on what in the log: a key on a key, a log on a log. Each needs the authority.

use std::fs;

use birge_gateway::{keys::create_signing_key, log_key::key_id};
use birge_proto::{
    problem::Kind,
    record::Event,
    statement::{Says, Statement},
    tlog::{checkpoint::Checkpoint, note::NoteVerifier},
    wire::{CheckpointRequest, TileRequest},
};
use birge_tests::{
    answer::request,
    client::{Client, Credentials},
    exchange::Exchange,
    node::Node,
    watch, web,
};
use serde_json::Value;

use crate::{
    authority::{authority, countersigned, enrol, origin, stranger, text},
    revisions::stock,
    support::{block_on, records, stop_and_verify, submit, year},
};

/// The key that a `gateway log-key` command named.
fn log_key(exchange: &Exchange, arguments: &[&str]) -> NoteVerifier {
    let arguments = [&["log-key"], arguments, &["--output", "json"]].concat();
    let output = exchange.gateway(&arguments).unwrap().expect_code(0).unwrap();
    let changed: Value = serde_json::from_str(&output.stdout).unwrap();
    NoteVerifier::from_vkey(changed["key"].as_str().unwrap()).unwrap()
}

/// The log's key that a node was told when it was enrolled.
fn log_key_of(node: &Node) -> NoteVerifier {
    let enrolled: Value = serde_json::from_slice(&fs::read(node.enrolled()).unwrap()).unwrap();
    NoteVerifier::from_vkey(enrolled["logKey"].as_str().unwrap()).unwrap()
}

/// Which of the keys signed the checkpoint that the gateway keeps.
fn signed<const N: usize>(exchange: &Exchange, keys: [&NoteVerifier; N]) -> [bool; N] {
    let note = fs::read(exchange.ledger().join("checkpoint")).unwrap();
    keys.map(|key| Checkpoint::open(&note, key, &origin()).is_ok())
}

#[test]
fn a_key_of_the_log_is_replaced_by_adding_the_next_ones_signature() {
    let mut exchange = Exchange::start().unwrap();
    let [auditor, nsc] = ["auditor/COA", "agency/NSC"].map(|who| exchange.node(who).unwrap());
    block_on(submit(&exchange, &nsc, &year(2022, 100))).unwrap();
    let first = log_key_of(&nsc);
    let first_id = key_id(&first);
    exchange.gateway(&["log-key", "add"]).unwrap().expect_code(1).unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();

    let forger = exchange.dir().join("forger.key");
    create_signing_key(&forger).unwrap();
    let forged = exchange.gateway(&["log-key", "add", "--authority", text(&forger)]).unwrap();
    assert!(forged.expect_code(1).unwrap().stderr.contains("pinned at genesis"));
    let last = exchange.gateway(&["log-key", "retire", &first_id]).unwrap();
    assert!(last.expect_code(1).unwrap().stderr.contains("only key"));

    let next = log_key(&exchange, &["add"]);
    exchange.serve().unwrap();
    block_on(submit(&exchange, &nsc, &year(2023, 100))).unwrap();
    assert_eq!(signed(&exchange, [&first, &next]), [true, true]);
    auditor.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
    stop_and_verify(&mut exchange);

    let unknown = exchange.gateway(&["log-key", "retire", "00000000"]).unwrap();
    assert!(unknown.expect_code(1).unwrap().stderr.contains(&first_id), "it names those there are");
    assert_eq!(log_key(&exchange, &["retire", &first_id]), first);
    fs::remove_file(exchange.home().join("keys/log.key")).unwrap();
    exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
    exchange.serve().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    block_on(submit(&exchange, &nsc, &year(2024, 100))).unwrap();
    assert_eq!(signed(&exchange, [&first, &next]), [false, true]);
    assert_eq!(log_key_of(&mia), next, "who comes now is told the key of now");
    mia.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();

    let stated = block_on(records(&exchange, &auditor)).into_values().filter_map(|record| {
        let (says, authorised) = match record.event {
            Event::LogKeyAdded { log_key, authorised } => (Says::LogKey { log_key }, authorised),
            Event::LogKeyRetired { log_key, authorised } => {
                (Says::LogKeyRetired { log_key }, authorised)
            }
            _ => return None,
        };
        let statement = Statement { origin: origin(), stated: authorised.stated, says };
        Some(statement.verify(&authorised, &[authority(&exchange).verifying_key()]))
    });
    assert_eq!(stated.collect::<Vec<_>>(), [Ok(()), Ok(())]);
    exchange.stop().unwrap().expect_code(0).unwrap();
    exchange.gateway(&["rebuild"]).unwrap().expect_code(0).unwrap();
    let place = exchange.home().join(format!("keys/log-{}.key", key_id(&next)));
    fs::copy(exchange.dir().join("forger.key"), place).unwrap();
    let other = exchange.gateway(&["verify"]).unwrap().expect_code(1).unwrap();
    assert!(other.stderr.contains("log's records name"), "{other:?}");
}

/// Hands a year in at a node that runs, and waits for its receipt, the `count`th.
fn receipted(node: &Node, period: i16, count: usize) {
    let text = stock('A', &[(period, 100)]);
    node.hand_in(&format!("{period}.csv"), text.as_bytes()).unwrap();
    node.wait_receipts(count).unwrap();
}

#[test]
fn a_node_goes_on_when_the_logs_key_is_replaced_and_its_old_receipts_still_hold() {
    let mut exchange = Exchange::start().unwrap();
    let [auditor, nsc, mia] =
        ["auditor/COA", "agency/NSC", "agency/MIA"].map(|who| exchange.node(who).unwrap());
    let mut enrolled: Value = serde_json::from_slice(&fs::read(mia.enrolled()).unwrap()).unwrap();
    enrolled["authorityKeys"] = Value::Array(vec![]);
    fs::write(mia.enrolled(), enrolled.to_string()).unwrap();
    let first = log_key_of(&nsc);
    let running = nsc.run().unwrap();
    receipted(&nsc, 2022, 1);
    auditor.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();

    let next = log_key(&exchange, &["add"]);
    exchange.serve().unwrap();
    receipted(&nsc, 2023, 2);
    mia.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();

    log_key(&exchange, &["retire", &key_id(&first)]);
    exchange.serve().unwrap();
    receipted(&nsc, 2024, 3);
    assert_eq!(signed(&exchange, [&first, &next]), [false, true]);
    watch::until(&nsc.dir().join("state"), "a checkpoint cosigned under the next key", || {
        let held = fs::read(nsc.dir().join("state/witness")).unwrap_or_default();
        Ok(Checkpoint::open(&held, &next, &origin()).ok())
    })
    .unwrap();
    running.stop().unwrap().expect_code(0).unwrap();

    // The auditor's node was away while both signed.
    for node in [&auditor, &nsc] {
        node.command(&["audit", "verify", "--all"]).unwrap().expect_code(0).unwrap();
    }
    for receipt in nsc.receipts() {
        nsc.command(&["audit", "prove", text(&receipt)]).unwrap().expect_code(0).unwrap();
    }
    let stranger = mia.command(&["audit", "verify"]).unwrap().expect_code(1).unwrap();
    let said = stranger.stdout + &stranger.stderr;
    assert!(said.contains("knows no key of the authority") && said.contains("[trust]"), "{said}");

    // Replaced once more: what was filed under the key between them still holds.
    exchange.stop().unwrap().expect_code(0).unwrap();
    log_key(&exchange, &["add"]);
    log_key(&exchange, &["retire", &key_id(&next)]);
    exchange.serve().unwrap();
    nsc.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
    assert_eq!(signed(&exchange, [&first, &next]), [false, false]);
    exchange.stop().unwrap().expect_code(0).unwrap();
}

#[test]
fn nothing_is_written_to_a_frozen_log_and_it_can_still_be_read() {
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    block_on(submit(&exchange, &nsc, &year(2023, 100))).unwrap();
    let freeze = ["log", "freeze", "--successor", "birge.example/log/2", "--output", "json"];
    exchange.gateway(&freeze).unwrap().expect_code(1).unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let itself = ["log", "freeze", "--successor", &origin()];
    exchange.gateway(&itself).unwrap().expect_code(1).unwrap();
    let no_origin = ["log", "freeze", "--successor", "two words"];
    exchange.gateway(&no_origin).unwrap().expect_code(1).unwrap();
    let frozen = exchange.gateway(&freeze).unwrap().expect_code(0).unwrap();
    let frozen: Value = serde_json::from_str(&frozen.stdout).unwrap();
    let last = frozen["exchange"].as_u64().unwrap();
    for again in [&freeze[..], &["log-key", "add"]] {
        let said = exchange.gateway(again).unwrap().expect_code(1).unwrap();
        assert!((said.stdout + &said.stderr).contains("frozen"), "{again:?}");
    }

    exchange.serve().unwrap();
    let problem = block_on(submit(&exchange, &nsc, &year(2024, 100))).unwrap_err();
    assert_eq!(problem.kind, Kind::Frozen, "{problem:?}");
    assert!(problem.detail.contains("birge.example/log/2") && problem.exchange.is_none());
    let (_, sbs) = stranger(&exchange, "sbs", "agency/SBS");
    let sbs = countersigned(&sbs, &origin(), &authority(&exchange));
    assert_eq!(enrol(&exchange, &sbs).unwrap_err().kind, Kind::Frozen);
    block_on(async {
        let client = Client::of(&nsc, exchange.address()).await.unwrap();
        let asked = client.ask(request("MIG_STOCK", &[])).await.map(drop);
        assert_eq!(asked.unwrap_err().kind, Kind::Frozen, "no answer without a record");
        let mut audit = client.audit();
        let shown = audit.checkpoint(CheckpointRequest { seen: vec![] }).await.unwrap();
        let key = log_key_of(&nsc);
        let shown = Checkpoint::open(&shown.into_inner().note, &key, &origin()).unwrap();
        assert_eq!(shown.size(), last + 1, "the last record is the one that froze it");
        let tile = TileRequest { path: format!("tile/entries/000.p/{}", last + 1) };
        audit.tile(tile).await.unwrap();
    });
    stop_and_verify(&mut exchange);
    exchange.gateway(&["rebuild"]).unwrap().expect_code(0).unwrap();
}

/// A key is added where the authority's key never touches the operator's machine.
#[test]
fn the_authority_states_changes_of_the_log_on_a_machine_of_its_own() {
    let mut exchange = Exchange::start().unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let authority = exchange.dir().join("authority.key");
    fs::rename(exchange.authority(), &authority).unwrap();
    let said = exchange.gateway(&["log-key", "add"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("--request"), "{}", said.stderr);

    let request = exchange.dir().join("request.json");
    let asked = exchange.gateway(&["log-key", "add", "--request", text(&request)]).unwrap();
    assert!(asked.expect_code(0).unwrap().stdout.contains("gateway countersign"));
    let unsigned = exchange.gateway(&["log", "apply", text(&request)]).unwrap();
    assert!(unsigned.expect_code(1).unwrap().stderr.contains("did not countersign"));
    let countersign = |origin: &str| {
        let arguments =
            ["countersign", text(&request), "--origin", origin, "--authority", text(&authority)];
        exchange.gateway(&arguments).unwrap()
    };
    countersign("other.example/log").expect_code(1).unwrap();
    assert!(countersign(&origin()).expect_code(0).unwrap().stdout.contains("fingerprint"));
    let signed = request.with_extension("authorised.json");
    let added = exchange.gateway(&["log", "apply", text(&signed)]).unwrap();
    assert!(added.expect_code(0).unwrap().stdout.contains("added the log's key"));
    let again = exchange.gateway(&["log", "apply", text(&signed)]).unwrap();
    assert!(again.expect_code(1).unwrap().stderr.contains("none comes back"));
    exchange.serve().unwrap();
    stop_and_verify(&mut exchange);
}

#[test]
fn another_log_goes_on_from_a_frozen_one_and_nothing_is_lost() {
    let mut exchange = Exchange::start().unwrap();
    let [auditor, nsc] = ["auditor/COA", "agency/NSC"].map(|who| exchange.node(who).unwrap());
    let next = format!("{}/2", origin());
    let running = nsc.run().unwrap();
    receipted(&nsc, 2022, 1);
    auditor.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
    let mirror = exchange.dir().join("mirror");
    auditor.command(&["audit", "mirror", text(&mirror)]).unwrap().expect_code(0).unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let not_frozen = exchange.gateway(&["log", "continue"]).unwrap();
    assert!(not_frozen.expect_code(1).unwrap().stderr.contains("not frozen"));
    let freeze = ["log", "freeze", "--successor", &next];
    exchange.gateway(&freeze).unwrap().expect_code(0).unwrap();
    let early = exchange.gateway(&["log", "continue"]).unwrap().expect_code(1).unwrap();
    assert!(early.stderr.contains("not signed yet"), "{}", early.stderr);
    exchange.serve().unwrap();
    stop_and_verify(&mut exchange);
    let mut copy = exchange.twin().unwrap();

    let went = exchange.gateway(&["log", "continue", "--output", "json"]).unwrap();
    let went: Value = serde_json::from_str(&went.expect_code(0).unwrap().stdout).unwrap();
    let size = went["size"].as_u64().unwrap();
    assert_eq!(went["exchange"], size, "exchanges are counted on");
    exchange.gateway(&["log", "continue"]).unwrap().expect_code(1).unwrap();
    exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
    let mut config: toml::Table = fs::read_to_string(exchange.config()).unwrap().parse().unwrap();
    config["exchange"]["origin"] = next.clone().into();
    fs::write(exchange.config(), config.to_string()).unwrap();
    exchange.serve().unwrap();

    // The node follows by itself, as it hands in and as it witnesses.
    receipted(&nsc, 2023, 2);
    let key = NoteVerifier::from_vkey(went["key"].as_str().unwrap()).unwrap();
    watch::until(&nsc.dir().join("state"), "a checkpoint cosigned in the next log", || {
        let held = fs::read(nsc.dir().join("state/witness")).unwrap_or_default();
        Ok(Checkpoint::open(&held, &key, &next).ok())
    })
    .unwrap();
    running.stop().unwrap().expect_code(0).unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    for (node, said) in [(&auditor, "goes on from"), (&nsc, "goes on from"), (&mia, "later")] {
        let verified = node.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
        assert!(verified.stdout.contains(said), "{}", verified.stdout);
        node.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
    }
    for receipt in nsc.receipts() {
        nsc.command(&["audit", "prove", text(&receipt)]).unwrap().expect_code(0).unwrap();
    }
    auditor.command(&["audit", "mirror", text(&mirror)]).unwrap().expect_code(0).unwrap();
    let frozen = fs::read(mirror.join("frozen/1/checkpoint")).unwrap();
    let last = Checkpoint::open(&frozen, &log_key_of(&nsc), &origin()).unwrap();
    assert_eq!(last.size(), size);
    block_on(async {
        let address = web::public_address(&exchange).unwrap();
        let roots = Credentials::of(&nsc).unwrap().roots;
        let get = async |path: &str| web::send(address, &roots, "GET", path).await.unwrap();
        assert_eq!(get("/frozen/1/checkpoint").await.body, frozen);
        let tile = get(&format!("/frozen/1/tile/entries/000.p/{size}")).await;
        assert_eq!((tile.status, tile.header("content-type")), (200, "application/octet-stream"));
        for nothing in ["/frozen/0/checkpoint", "/frozen/2/checkpoint", "/frozen/x/checkpoint"] {
            assert!([400, 404].contains(&get(nothing).await.status), "{nothing}");
        }
    });
    stop_and_verify(&mut exchange);
    exchange.gateway(&["rebuild"]).unwrap().expect_code(0).unwrap();
    exchange.serve().unwrap();
    stop_and_verify(&mut exchange);

    // A copy that was left behind and goes on too is found out by who saw the other.
    copy.gateway(&["log", "continue"]).unwrap().expect_code(0).unwrap();
    copy.serve().unwrap();
    block_on(async {
        let shown = fs::read(auditor.dir().join("state/checkpoint")).unwrap();
        let client = Client::of(&auditor, copy.address()).await.unwrap();
        let refused = client.audit().checkpoint(CheckpointRequest { seen: shown }).await;
        let problem = birge_proto::problem::Problem::from_status(&refused.unwrap_err());
        assert_eq!(problem.kind, Kind::Fenced, "{problem:?}");
    });
    assert_ne!(copy.wait_end().unwrap().code, Some(0));
}
