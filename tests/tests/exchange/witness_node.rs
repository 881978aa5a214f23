//! A node cosigns one history only, and finds out when there is a second one; what it filed
//! proves to anybody what was exchanged (promise 7).

use std::{fs, net::SocketAddr, process::Command};

use birge_proto::{
    envelope::SigningKey,
    tlog::{
        checkpoint::Checkpoint,
        cosignature::CosignatureVerifier,
        note::{NoteSigner, NoteVerifier, add_signature},
        witness::AddCheckpoint,
    },
    wire::{CheckpointRequest, ConsistencyRequest},
};
use birge_tests::{
    binaries::binaries,
    client::Client,
    exchange::{Exchange, copy, free_address},
    node::Node,
    process::{Output, Process},
    template, watch,
    web::{self, Response},
};
use serde_json::Value;

use crate::support::{block_on, submit, trafficking, wait_covered, year};

/// The log's key that the node was given.
fn log_key(node: &Node) -> NoteVerifier {
    let enrolled: Value = serde_json::from_slice(&fs::read(node.enrolled()).unwrap()).unwrap();
    NoteVerifier::from_vkey(enrolled["logKey"].as_str().unwrap()).unwrap()
}

/// The key that the node cosigns with.
fn witness_key(node: &Node) -> CosignatureVerifier {
    let enrolment: Value = serde_json::from_slice(&fs::read(node.enrolment()).unwrap()).unwrap();
    CosignatureVerifier::from_vkey(enrolment["witnessKey"].as_str().unwrap()).unwrap()
}

/// The gateway's newest checkpoint.
async fn newest(exchange: &Exchange, node: &Node) -> Vec<u8> {
    let client = Client::of(node, exchange.address()).await.unwrap();
    let request = CheckpointRequest { seen: vec![] };
    client.audit().checkpoint(request).await.unwrap().into_inner().note
}

fn open(note: &[u8], log: &NoteVerifier) -> Checkpoint {
    Checkpoint::open(note, log, log.vkey().name()).unwrap()
}

/// What a request for a cosignature would say, by the gateway's own proof.
async fn request(exchange: &Exchange, node: &Node, old: u64, checkpoint: &[u8]) -> AddCheckpoint {
    let new = open(checkpoint, &log_key(node)).size();
    let mut proof = vec![];
    if old > 0 && old < new {
        let client = Client::of(node, exchange.address()).await.unwrap();
        let answer = client.audit().consistency(ConsistencyRequest { old, new }).await.unwrap();
        let hashes = answer.into_inner().hashes.into_iter();
        proof = hashes.map(|hash| hash.try_into().unwrap()).collect();
    }
    AddCheckpoint { old, proof, checkpoint: checkpoint.to_vec() }
}

/// Has the node listen as a witness at a free address, without audits of its own.
fn listening(node: &Node) -> SocketAddr {
    let address = free_address().unwrap();
    node.set("witness", "listen", address.to_string()).unwrap();
    node.set("witness", "audit_hours", 0).unwrap();
    address
}

async fn add(address: SocketAddr, body: &[u8]) -> Response {
    web::plain(address, "POST", "/add-checkpoint", body).await.unwrap()
}

#[test]
fn a_node_answers_add_checkpoint_with_every_status() {
    let mut exchange = Exchange::start().unwrap();
    let (coa, mia) = (exchange.node("auditor/COA").unwrap(), exchange.node("agency/MIA").unwrap());
    let address = listening(&coa);
    let (first, then) = block_on(async {
        let small = newest(&exchange, &mia).await;
        submit(&exchange, &mia, &trafficking()).await.unwrap();
        let first = request(&exchange, &mia, 0, &small).await;
        let size = open(&small, &log_key(&mia)).size();
        (first, request(&exchange, &mia, size, &newest(&exchange, &mia).await).await)
    });
    // Nobody else asks it, then: a witness needs no gateway.
    exchange.stop().unwrap().expect_code(0).unwrap();
    let running = coa.spawn(&["witness"]).unwrap();
    running.wait_line("witness ready").unwrap();
    assert_eq!(coa.command(&["run"]).unwrap().code, Some(1), "a node runs twice");
    let log = log_key(&coa);
    let last = open(&then.checkpoint, &log);
    block_on(async {
        let nothing = web::plain(address, "GET", "/checkpoint", b"").await.unwrap();
        assert_eq!(nothing.status, 404);
        assert_eq!(add(address, &first.encode()).await.status, 200);
        let conflict = add(address, &first.encode()).await;
        assert_eq!(conflict.status, 409);
        assert_eq!(conflict.header("content-type"), "text/x.tlog.size");
        assert_eq!(conflict.body, format!("{}\n", then.old).into_bytes());
        for garbage in [&b"old"[..], b"old 01\n\n", &first.encode()[3..]] {
            assert_eq!(add(address, garbage).await.status, 400);
        }
        let ahead = AddCheckpoint { old: last.size() + 1, ..then.clone() };
        assert_eq!(add(address, &ahead.encode()).await.status, 400);
        let origin = log.vkey().name();
        let stranger = NoteSigner::new(origin, SigningKey::generate().unwrap()).unwrap();
        let forged = last.sign(&stranger).unwrap();
        let forged = AddCheckpoint { checkpoint: forged, ..then.clone() };
        assert_eq!(add(address, &forged.encode()).await.status, 403);
        let text = String::from_utf8(then.encode()).unwrap();
        let elsewhere = text.replace(origin, "other.example/log");
        assert_eq!(add(address, elsewhere.as_bytes()).await.status, 404);
        let mut wrong = then.clone();
        wrong.proof[0][0] ^= 1;
        assert_eq!(add(address, &wrong.encode()).await.status, 422);
        assert_eq!(add(address, &vec![b'x'; 1 << 20]).await.status, 413);
        assert_eq!(web::plain(address, "GET", "/", b"").await.unwrap().status, 404);

        let answer = add(address, &then.encode()).await;
        assert_eq!(answer.status, 200);
        let cosigned = add_signature(&then.checkpoint, &answer.body).unwrap();
        witness_key(&coa).verify(&cosigned).unwrap();
        let shown = web::plain(address, "GET", "/checkpoint", b"").await.unwrap();
        assert_eq!((shown.status, open(&shown.body, &log)), (200, last.clone()));
        witness_key(&coa).verify(&shown.body).unwrap();
    });
    running.kill().unwrap();
    let running = coa.spawn(&["witness"]).unwrap();
    running.wait_line("witness ready").unwrap();
    block_on(async {
        let conflict = add(address, &first.encode()).await;
        let held = format!("{}\n", last.size()).into_bytes();
        assert_eq!((conflict.status, conflict.body), (409, held), "it forgot when it was killed");
    });
    running.stop().unwrap().expect_code(0).unwrap();
}

/// The gateway's folder is copied, and both go on, each for its own half of the nodes.
fn forked(exchange: &mut Exchange, other: &Node) -> Exchange {
    exchange.stop().unwrap().expect_code(0).unwrap();
    let dir = exchange.dir().join("fork");
    copy(&exchange.home(), &dir.join("gateway")).unwrap();
    let [listen, public, people] = [(); 3].map(|()| free_address().unwrap());
    let file = dir.join("gateway/gateway.toml");
    let mut config: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
    let addresses = config["listen"].as_table_mut().unwrap();
    addresses.insert("exchange".into(), listen.to_string().into());
    addresses.insert("public".into(), public.to_string().into());
    addresses.insert("people".into(), people.to_string().into());
    fs::write(&file, config.to_string()).unwrap();
    fs::write(dir.join("address"), listen.to_string()).unwrap();
    other.set("gateway", "url", format!("https://localhost:{}", listen.port())).unwrap();
    let mut fork = Exchange::at(&dir).unwrap();
    exchange.serve().unwrap();
    fork.serve().unwrap();
    fork
}

/// Waits until the node's `status` tells of an alarm, and gives it.
fn alarmed(node: &Node) -> Output {
    watch::until(node.dir(), "an alarm", || {
        let status = node.command(&["--output", "json", "status"])?;
        Ok((status.code == Some(1)).then_some(status))
    })
    .unwrap()
}

#[test]
fn two_histories_are_found_by_nodes_that_compare() {
    let mut exchange = Exchange::start().unwrap();
    let (nsc, mia) = (exchange.node("agency/NSC").unwrap(), exchange.node("agency/MIA").unwrap());
    let fork = forked(&mut exchange, &mia);
    let address = listening(&nsc);
    listening(&mia);
    for node in [&nsc, &mia] {
        node.set("witness", "compare_seconds", 1).unwrap();
    }
    // One by the other gateway's public address, the other by the first as a witness.
    let mirror = format!("https://localhost:{}", web::public_address(&fork).unwrap().port());
    nsc.set("witness", "mirrors", vec![mirror]).unwrap();
    mia.set("witness", "peers", vec![format!("http://{address}")]).unwrap();
    let running = (nsc.run().unwrap(), mia.run().unwrap());
    nsc.command(&["status"]).unwrap().expect_code(0).unwrap();

    block_on(async {
        submit(&exchange, &nsc, &year(2024, 100)).await.unwrap();
        submit(&fork, &mia, &trafficking()).await.unwrap();
        // Any client may offer the witness a checkpoint; the gateway's own may have come first.
        let note = newest(&exchange, &nsc).await;
        loop {
            let held = add(address, &request(&exchange, &nsc, 0, &note).await.encode()).await;
            if held.status == 200 {
                break;
            }
            let held: u64 = String::from_utf8(held.body).unwrap().trim().parse().unwrap();
            let ask = request(&exchange, &nsc, held, &note).await.encode();
            if add(address, &ask).await.status != 409 {
                break;
            }
        }
    });
    for node in [&nsc, &mia] {
        let status = alarmed(node);
        let status: Value = serde_json::from_str(&status.stdout).unwrap();
        let alarm = &status["alarms"][0];
        assert_eq!(alarm["kind"], "fork", "{status}");
        let name = alarm["name"].as_str().unwrap();
        let log = log_key(node);
        let read = |ending: &str| {
            let file = node.dir().join(format!("alarms/{name}.{ending}"));
            open(&fs::read(file).unwrap(), &log)
        };
        assert_ne!(read("held.note").root(), read("other.note").root());
    }
    drop(running);
    let status: Value =
        serde_json::from_str(&nsc.command(&["--output", "json", "status"]).unwrap().stdout)
            .unwrap();
    for alarm in status["alarms"].as_array().unwrap() {
        let name = alarm["name"].as_str().unwrap();
        let settle = ["alarms", "settle", name, "--note", "the Chamber has the files"];
        nsc.command(&settle).unwrap().expect_code(0).unwrap();
    }
    nsc.command(&["status"]).unwrap().expect_code(0).unwrap();
}

#[test]
fn a_batch_in_a_nodes_name_that_it_did_not_hand_in_is_an_alarm() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let file = mia.dir().join("TRAFFICKING.csv");
    fs::write(&file, template::demonstration("mia/TRAFFICKING.csv").unwrap()).unwrap();
    mia.command(&["submit", file.to_str().unwrap()]).unwrap().expect_code(0).unwrap();
    mia.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
    let mut receipts = mia.receipts();
    // The same as if another had its signing key: nothing of the batch lies here.
    for ending in ["json", "proof", "policy"] {
        fs::remove_file(receipts[0].with_extension(ending)).unwrap();
    }
    receipts.clear();
    for batch in watch::files_below(&mia.dir().join("outbox")) {
        fs::remove_file(batch).unwrap();
    }
    let verified = mia.command(&["audit", "verify", "--all"]).unwrap();
    assert_eq!(verified.code, Some(1), "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("neither a receipt nor the batch"), "{}", verified.stdout);
    let status = mia.command(&["status"]).unwrap();
    assert_eq!(status.code, Some(1), "{}", status.stdout);
    assert!(status.stdout.contains("unknown-submission"), "{}", status.stdout);
}

#[test]
fn a_receipt_is_proved_without_node_and_gateway() {
    let mut exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let file = mia.dir().join("TRAFFICKING.csv");
    fs::write(&file, template::demonstration("mia/TRAFFICKING.csv").unwrap()).unwrap();
    let submitted = mia.command(&["submit", file.to_str().unwrap()]).unwrap();
    assert!(submitted.stdout.contains("verified and filed, sequenced"), "{}", submitted.stdout);
    let filed: Value = serde_json::from_slice(&fs::read(&mia.receipts()[0]).unwrap()).unwrap();
    let number = filed["exchange"].as_u64().unwrap();
    wait_covered(&exchange, number);
    exchange.stop().unwrap().expect_code(0).unwrap();
    mia.command(&["audit", "prove", &number.to_string()]).unwrap().expect_code(0).unwrap();

    let elsewhere = exchange.dir().join("elsewhere");
    copy(&mia.dir().join("receipts"), &elsewhere).unwrap();
    let receipt = watch::files_below(&elsewhere).swap_remove(0).with_extension("json");
    let prove = |more: &[&str]| {
        let mut command = Command::new(&binaries().unwrap().node);
        command.current_dir(&elsewhere).args(["audit", "prove"]).arg(&receipt).args(more);
        Process::spawn("audit prove", &mut command).unwrap().wait_end().unwrap()
    };
    let said = prove(&[]).expect_code(2).unwrap().stderr;
    assert!(said.contains("the word of whoever gave you the receipt"), "{said}");
    let policy = receipt.with_extension("policy").display().to_string();
    let proved = prove(&["--policy", &policy]).expect_code(0).unwrap();
    for part in ["agency/MIA", "TRAFFICKING", "under    article", "grade: sequenced", "not proved"]
    {
        assert!(proved.stdout.contains(part), "{part}: {}", proved.stdout);
    }
    let key = log_key(&mia).to_string();
    prove(&["--log-key", &key, "--output", "json"]).expect_code(0).unwrap();
    let stranger = NoteSigner::new("x", SigningKey::generate().unwrap()).unwrap().verifier();
    prove(&["--log-key", &stranger.to_string()]).expect_code(1).unwrap();
    prove(&["--log-key", &key]).expect_code(0).unwrap();
    let text = fs::read_to_string(&receipt).unwrap();
    fs::write(&receipt, text.replace("agency/MIA", "agency/NSC")).unwrap();
    let broken = prove(&["--log-key", &key]).expect_code(1).unwrap();
    assert!(broken.stderr.contains("the record's place"), "{}", broken.stderr);
}
