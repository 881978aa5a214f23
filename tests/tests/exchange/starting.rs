//! A gateway that starts writes nothing before witnesses have said what they hold.

use std::{collections::BTreeMap, fs};

use birge_gateway::journal::{JournalConfig, Opened};
use birge_proto::{
    problem::Kind,
    record::{Event, Record},
    wire::{CheckpointRequest, TileRequest},
};
use birge_tests::{
    answer::request,
    client::{Client, Credentials},
    country,
    exchange::{copy, free_address},
    person::Person,
    watch,
    web::{public_address, send},
    witness::{Attending, Manner, verifier},
};

use crate::{
    support::block_on,
    witnessing::{PARTICIPANTS, Scene},
};

/// Four of the six whom the decree names are enrolled: all four must say what they hold.
#[test]
fn a_gateway_that_starts_writes_nothing_before_witnesses_have_said_what_they_hold() {
    if country::model_only(
        "a_gateway_that_starts_writes_nothing_before_witnesses_have_said_what_they_hold",
    ) {
        return;
    }
    let mut scene = Scene::new(&PARTICIPANTS[..4]);
    block_on(async {
        scene.arrive(&["NSC", "MLSSM", "MIA", "MFA", "COA"]).await;
        assert!(scene.judged().await.witnessed);
        scene.leave(&["NSC", "MLSSM", "MIA", "MFA", "COA"]);
    });
    scene.exchange.stop().unwrap().expect_code(0).unwrap();
    let file = scene.exchange.ledger().join("checkpoint");
    let signed = fs::read(&file).unwrap();
    scene.exchange.serve().unwrap();
    let said = scene.exchange.server().unwrap().wait_line("gateway waits").unwrap();
    assert!(said.contains("4 more participants"), "{said}");
    block_on(async {
        let nsc = Client::of(&scene.nodes["NSC"], scene.exchange.address()).await.unwrap();
        for arrives in [None, Some("COA"), Some("MIA"), Some("NSC"), Some("MLSSM")] {
            if let Some(body) = arrives {
                scene.arrive(&[body]).await;
            }
            let refused = scene.submit().await.unwrap_err();
            assert_eq!(refused.kind, Kind::Unwitnessed, "{arrives:?}: {refused:?}");
            let refused = nsc.ask(request("MIG_STOCK", &[])).await.unwrap_err();
            assert_eq!(refused.kind, Kind::Unwitnessed, "{arrives:?}: {refused:?}");
        }
        let shown = nsc.audit().checkpoint(CheckpointRequest { seen: signed.clone() }).await;
        let shown = shown.unwrap().into_inner().note;
        let body = |note: &[u8]| {
            String::from_utf8(note.to_vec()).unwrap().split_once("\n\n").unwrap().0.to_owned()
        };
        assert_eq!(body(&shown), body(&signed), "nothing newer is signed");
        let tile = TileRequest { path: "tile/0/000.p/4".into() };
        nsc.audit().tile(tile).await.unwrap();
        let roots = Credentials::of(&scene.nodes["NSC"]).unwrap().roots;
        let address = public_address(&scene.exchange).unwrap();
        for path in ["/checkpoint", "/tile/0/000.p/4"] {
            assert_eq!(send(address, &roots, "GET", path).await.unwrap().status, 200, "{path}");
        }

        scene.arrive(&["MFA"]).await;
        let mut attempts = 0;
        while let Err(refused) = scene.submit().await {
            assert_eq!(refused.kind, Kind::Unwitnessed, "{refused:?}");
            attempts += 1;
            assert!(attempts < 2_000, "it never goes on");
        }
        nsc.ask(request("MIG_STOCK", &[])).await.unwrap();
    });
    scene.exchange.stop().unwrap().expect_code(0).unwrap();
    scene.exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();

    scene.exchange.serve_with(&["--unwitnessed"]).unwrap();
    block_on(async {
        scene.submit().await.unwrap();
        let started = scene
            .wait_records(|records| {
                records.into_iter().find_map(|record| match record.event {
                    Event::StartedUnwitnessed { answered, needed } => Some((answered, needed)),
                    _ => None,
                })
            })
            .await;
        assert_eq!(started, (0, 4));
    });
}

/// Nothing that is signed after such a start leaves it out.
#[test]
fn an_unwitnessed_start_is_recorded_before_anything_is_signed() {
    if country::model_only("an_unwitnessed_start_is_recorded_before_anything_is_signed") {
        return;
    }
    let mut scene = Scene::new(&PARTICIPANTS[..4]);
    scene.exchange.stop().unwrap().expect_code(0).unwrap();
    // The first checkpoint that is signed stays the last one for as long as this test runs.
    scene.exchange.set("ledger", "interval_ms", 3_600_000).unwrap();
    fs::remove_file(scene.exchange.ledger().join("checkpoint")).unwrap();
    scene.exchange.serve_with(&["--unwitnessed"]).unwrap();
    let note = fs::read_to_string(scene.exchange.ledger().join("checkpoint")).unwrap();
    let size: usize = note.lines().nth(1).unwrap().parse().unwrap();
    scene.exchange.kill().unwrap();
    let journal = Opened::open(&scene.exchange.journal(), JournalConfig::default()).unwrap();
    let entries = journal.reader().entries(0..journal.reader().size());
    let records = entries.map(|entry| Record::parse(&entry.unwrap().record).unwrap().event);
    let unwitnessed = |event| matches!(event, Event::StartedUnwitnessed { .. });
    let at = records.into_iter().position(unwitnessed).unwrap();
    assert!(at < size, "{size} entries are signed, and it is recorded as {at}");
}

#[test]
fn a_gateway_on_an_old_copy_ends_when_a_witness_shows_what_it_holds() {
    if country::model_only("a_gateway_on_an_old_copy_ends_when_a_witness_shows_what_it_holds") {
        return;
    }
    let mut scene = Scene::new(&PARTICIPANTS[..4]);
    scene.exchange.stop().unwrap().expect_code(0).unwrap();
    let old = scene.exchange.dir().join("old");
    copy(&scene.exchange.home(), &old).unwrap();
    scene.exchange.serve_with(&["--unwitnessed"]).unwrap();
    block_on(async {
        scene.arrive(&["NSC", "MLSSM", "MIA", "MFA", "COA"]).await;
        assert!(scene.judged().await.witnessed);
        scene.leave(&["NSC", "MLSSM", "MIA", "MFA", "COA"]);
    });
    // Of whom the old copy does not know.
    Person::named(&scene.nodes["NSC"], "member", "Named later", &[]).unwrap();
    scene.exchange.kill().unwrap();
    for folder in ["journal", "ledger", "index"] {
        fs::remove_dir_all(scene.exchange.home().join(folder)).unwrap();
        copy(&old.join(folder), &scene.exchange.home().join(folder)).unwrap();
    }
    let files = |scene: &Scene| -> BTreeMap<_, _> {
        let accounts = scene.exchange.home().join("accounts");
        let folders = [scene.exchange.journal(), scene.exchange.ledger(), accounts];
        let files = folders.iter().flat_map(|folder| watch::files_below(folder));
        files.map(|file| (file.clone(), fs::read(file).unwrap())).collect()
    };
    let before = files(&scene);
    assert!(before.keys().any(|file| file.extension().is_some_and(|it| it == "json")));
    scene.exchange.serve().unwrap();
    block_on(async {
        scene.held.insert("NSC".into(), vec![]);
        scene.arrive(&["NSC"]).await; // has lost what it held, or lies
        let refused = scene.arrive_as("MIA", Manner::Honest).await.unwrap_err();
        assert!([Kind::Fenced, Kind::Unavailable].contains(&refused.kind), "{refused:?}");
    });
    let output = scene.exchange.wait_end().unwrap();
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("old copy"), "{output:?}");
    // An old witness's cosignature of the old checkpoint may stand under it now.
    let mut after = files(&scene);
    let file = scene.exchange.ledger().join("checkpoint");
    let checkpoint = after.insert(file.clone(), before[&file].clone()).unwrap();
    assert!(checkpoint.starts_with(&before[&file]), "another checkpoint was signed");
    assert!(after == before, "something was written");
}

/// A witness that the gateway reaches over HTTP counts like one that comes by itself, at a
/// start too.
#[test]
fn witnesses_that_can_be_reached_are_asked_over_http() {
    if country::model_only("witnesses_that_can_be_reached_are_asked_over_http") {
        return;
    }
    let mut scene = Scene::new(&PARTICIPANTS[..4]);
    scene.exchange.stop().unwrap().expect_code(0).unwrap();
    let old = scene.exchange.dir().join("old");
    copy(&scene.exchange.home(), &old).unwrap();
    block_on(async {
        let mut config = String::new();
        for body in ["NSC", "MLSSM", "MIA", "MFA", "COA"] {
            let node = &scene.nodes[body];
            let listening = Attending::listen(node, Manner::Honest).await.unwrap();
            let (identity, url) = (node.identity(), listening.1);
            config += &format!("\n[[witness]]\nidentity = \"{identity}\"\nurl = \"{url}/\"\n");
            scene.attending.insert(body.to_owned(), listening.0);
        }
        for home in [scene.exchange.home(), old.clone()] {
            let file = home.join("gateway.toml");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, text + &config).unwrap();
        }
        tokio::task::block_in_place(|| scene.exchange.serve()).unwrap();
        while let Err(refused) = scene.submit().await {
            assert_eq!(refused.kind, Kind::Unwitnessed, "{refused:?}");
        }
        let policy = scene.policy().await;
        let file = scene.exchange.ledger().join("checkpoint");
        tokio::task::block_in_place(|| {
            watch::until(&scene.exchange.ledger(), "the quorum", || {
                Ok(policy.judge(&fs::read(&file)?)?.witnessed.then_some(()))
            })
        })
        .unwrap();
        tokio::task::block_in_place(|| scene.exchange.kill()).unwrap();
        for folder in ["journal", "ledger", "index"] {
            fs::remove_dir_all(scene.exchange.home().join(folder)).unwrap();
            copy(&old.join(folder), &scene.exchange.home().join(folder)).unwrap();
        }
        tokio::task::block_in_place(|| {
            let started = scene.exchange.serve();
            let output = started.and_then(|()| scene.exchange.wait_end());
            let said = output.map_or_else(|error| format!("{error:#}"), |output| output.stderr);
            assert!(said.contains("old copy"), "{said}");
        });
    });
}

/// Its old key counts no more, and the gateway asks the new one without a restart.
#[test]
fn a_witness_that_is_enrolled_anew_is_asked_over_http_with_its_new_key() {
    let mut scene = Scene::new(&PARTICIPANTS[..3]);
    scene.exchange.stop().unwrap().expect_code(0).unwrap();
    let address = free_address().unwrap().to_string();
    let file = scene.exchange.home().join("gateway.toml");
    let config = format!("\n[[witness]]\nidentity = \"agency/NSC\"\nurl = \"http://{address}/\"\n");
    fs::write(&file, fs::read_to_string(&file).unwrap() + &config).unwrap();
    scene.exchange.serve().unwrap();
    let cosigns = async |scene: &mut Scene| {
        let node = &scene.nodes["NSC"];
        let key = verifier(node).unwrap().1;
        let witness = Attending::listen_at(&address, node, Manner::Honest).await.unwrap().0;
        scene.submit().await.unwrap();
        let file = scene.exchange.ledger().join("checkpoint");
        tokio::task::block_in_place(|| {
            watch::until(&scene.exchange.ledger(), "its cosignature", || {
                Ok(key.verify(&fs::read(&file)?).is_ok().then_some(()))
            })
        })
        .unwrap();
        witness.leave();
    };
    block_on(async {
        cosigns(&mut scene).await;
        tokio::task::block_in_place(|| {
            let revoke = ["revoke", "agency/NSC", "--reason", "a new key"];
            scene.exchange.gateway(&revoke).unwrap().expect_code(0).unwrap();
            fs::remove_dir_all(scene.nodes["NSC"].dir()).unwrap();
            let anew = scene.exchange.node("agency/NSC").unwrap();
            scene.nodes.insert("NSC".to_owned(), anew);
        });
        cosigns(&mut scene).await;
    });
}
