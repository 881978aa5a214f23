//! What was known when: earlier versions, release to the public (article 8(1)), withdrawal.

mod consent;

use std::{fs, time::Duration};

use birge_gateway::decree::Decree;
use birge_proto::{
    clock::Timestamp,
    manifest::{Action, BatchId},
    problem::{Kind, Problem},
    record::{Event, Record},
    wire::{AskRequest, ListVersionsRequest, VersionState},
};
use birge_tests::{
    PATIENCE,
    answer::{Answer, request},
    batch::Batch,
    client::{Client, Credentials},
    country,
    node::Node,
    web,
};
use serde_json::Value;

use crate::{
    people::Scene,
    revisions::stock,
    support::{self, block_on, own_records, place, record, signed, stop_and_verify},
};

/// Women of a year, as somebody sees them; none where nothing stands.
fn women(answer: &Answer) -> Option<f64> {
    answer.cells.iter().find(|cell| cell.code("SEX") == "F").and_then(|cell| cell.value)
}

fn of_year(year: i16) -> AskRequest {
    request("MIG_STOCK", &[("TIME_PERIOD", &format!("{year}:{year}"))])
}

fn then(year: i16, at: Timestamp) -> AskRequest {
    AskRequest { as_of: at.to_string(), ..of_year(year) }
}

impl Scene {
    /// A batch of NSC's that revises; its name and where it stands.
    pub(crate) async fn stock(
        &self,
        year: i16,
        women: u32,
        action: Action,
        revises: Option<BatchId>,
    ) -> Result<(BatchId, u64), Problem> {
        let mut batch = Batch::from_csv("NSC", &stock('A', &[(year, women)]), 100).unwrap();
        (batch.manifest.action, batch.manifest.revises) = (action, revises);
        batch.manifest.reason = revises.map(|_| "counted twice".to_owned());
        let id = signed(&batch, &self.nsc).id();
        let answer = support::submit(&self.exchange, &self.nsc, &batch).await?;
        Ok((id, place(&answer)))
    }

    async fn ask(&self, node: &Node, request: AskRequest) -> Answer {
        let client = Client::of(node, self.exchange.address()).await.unwrap();
        client.ask(request).await.unwrap()
    }

    /// Whoever comes to the public door.
    async fn anybody(&self) -> Client {
        let address = web::public_address(&self.exchange).unwrap();
        let anonymous = Credentials::of(&self.mia).unwrap().anonymous();
        Client::connect(address, &anonymous).await.unwrap()
    }

    async fn states(&self, year: i16) -> Vec<(VersionState, bool)> {
        let client = Client::of(&self.mia, self.exchange.address()).await.unwrap();
        let request = ListVersionsRequest { dataset: "MIG_STOCK".into(), period: year.to_string() };
        let versions = client.query().list_versions(request).await.unwrap().into_inner().versions;
        versions.iter().map(|each| (each.state(), !each.public.is_empty())).collect()
    }

    /// Waits until so many versions of a year are public.
    pub(crate) async fn public(&self, year: i16, count: usize) {
        let wait = async {
            while self.states(year).await.iter().filter(|(_, public)| *public).count() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("it becomes public");
    }

    /// Runs a command of NSC's node, and gives what it answers.
    fn node(&self, node: &Node, arguments: &[&str], code: i32) -> Value {
        let arguments = [arguments, &["--output", "json"]].concat();
        let output = node.command(&arguments).unwrap().expect_code(code).unwrap();
        serde_json::from_str(&output.stdout).unwrap()
    }
}

#[test]
fn what_was_known_on_a_date_is_told_and_that_it_was_revised_since() {
    block_on(async {
        let scene = Scene::new().await;
        let (first, place) = scene.stock(2024, 100, Action::Append, None).await.unwrap();
        let known = record(&scene.exchange, &scene.auditor, place).await.time;
        scene.after(3_600);
        let second = scene.stock(2024, 120, Action::Replace, Some(first)).await.unwrap();
        assert_eq!(women(&scene.ask(&scene.mia, of_year(2024)).await), Some(120.0));

        let answer = scene.ask(&scene.mia, then(2024, known)).await;
        assert_eq!(women(&answer), Some(100.0));
        let provenance = answer.provenance.unwrap();
        assert_eq!(provenance.batches, [first.to_string()]);
        assert_eq!(provenance.as_of, known.to_string());
        let note = &provenance.notes[0];
        assert!(note.contains("revised") && note.contains(&second.1.to_string()), "{note}");
        let asked = record(&scene.exchange, &scene.auditor, provenance.exchange).await;
        let Event::QueryAnswered { as_of, .. } = asked.event else { panic!("{asked:?}") };
        assert_eq!(as_of, Some(known));
        // Before anything was known, nothing was; and nobody knows what is to come.
        let before = known - Duration::from_secs(1);
        let answer = scene.ask(&scene.mia, then(2024, before)).await;
        assert!(answer.cells.is_empty() && answer.provenance.unwrap().notes.is_empty());
        let client = Client::of(&scene.mia, scene.exchange.address()).await.unwrap();
        for wrong in ["tomorrow", "2099-01-01T00:00:00Z"] {
            let asked = AskRequest { as_of: wrong.into(), ..of_year(2024) };
            assert_eq!(client.ask(asked).await.unwrap_err().kind, Kind::Malformed, "{wrong}");
        }
        let told = scene.node(
            &scene.mia,
            &[
                "query",
                "MIG_STOCK",
                "--from",
                "2024",
                "--to",
                "2024",
                "--as-of",
                &known.to_string(),
            ],
            0,
        );
        assert_eq!(told["provenance"]["asOf"], known.to_string());
        let states = scene.states(2024).await;
        let expected = [(VersionState::Superseded, false), (VersionState::Current, false)];
        assert_eq!(states, expected);
        scene.gateway.stop().await;
        // The same after everything was made anew.
        let mut exchange = scene.exchange;
        exchange.gateway(&["rebuild"]).unwrap().expect_code(0).unwrap();
        exchange.serve().unwrap();
        let client = Client::of(&scene.mia, exchange.address()).await.unwrap();
        let now = client.ask(of_year(2024)).await.unwrap();
        assert_eq!(women(&now), Some(120.0));
        stop_and_verify(&mut exchange);
    });
}

#[test]
fn article_8_1_figures_become_public_at_their_time_for_all_at_once_and_not_before() {
    if country::model_only(
        "article_8_1_figures_become_public_at_their_time_for_all_at_once_and_not_before",
    ) {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        let (first, place) = scene.stock(2024, 100, Action::Append, None).await.unwrap();
        let (_, other) = scene.stock(2023, 70, Action::Append, None).await.unwrap();
        let observer =
            scene.person(&scene.nsc, "observer", "Data officer", &["--from", "IOM"]).await;
        let accepted = async |place| record(&scene.exchange, &scene.auditor, place).await.time;
        let decree = Decree::from_bundle(&birge_schemas::decree::model().unwrap()).unwrap();
        let time = |period: &str, at| decree.public_from("MIG_STOCK", period, at).unwrap();
        let release = time("2024", accepted(place).await);
        let _ = accepted(other).await;

        // Participants see it at once, and that is on record as early.
        let answer = scene.ask(&scene.mia, of_year(2024)).await;
        let exchange = answer.provenance.unwrap().exchange;
        let Event::QueryAnswered { early, answered, .. } =
            record(&scene.exchange, &scene.auditor, exchange).await.event
        else {
            panic!("an answer")
        };
        assert_eq!((early, answered), (3, 3));

        let day = 86_400;
        let until = |at: Timestamp| at.as_second() - scene.now.get().as_second();
        scene.after(until(release) - 1);
        // The gateway looks each second whether a time has come: it has had its look once it
        // has had another, which what comes next shows.
        let session = scene.sign_in_at(&observer, release - Duration::from_secs(1)).await;
        let asked = request("MIG_STOCK", &[("TIME_PERIOD", "2024")]);
        let refused = scene.door.ask(&session, asked.clone()).await.unwrap_err();
        assert_eq!(refused.articles, ["8(1)"]);
        let open = scene.door.ask(&session, of_year(2024)).await.unwrap();
        assert!(open.cells.is_empty());
        let narrowed = open.provenance.unwrap().narrowed.join(" ");
        assert!(narrowed.contains("not public yet") && narrowed.contains("8(1)"), "{narrowed}");

        let anybody = scene.anybody().await;
        let refused = anybody.ask(asked.clone()).await.unwrap_err();
        assert_eq!(refused.articles, ["8(1)"]);
        assert_eq!(scene.refusal(refused.exchange).await.0, "public/ANYBODY");

        scene.after(until(release));
        scene.public(2024, 1).await;
        scene.public(2023, 1).await;
        let answer = scene.door.ask(&session, asked.clone()).await.unwrap();
        assert_eq!(women(&answer), Some(100.0));
        assert_eq!(answer.provenance.unwrap().articles, ["6(6)"]);
        let answer = anybody.ask(asked.clone()).await.unwrap();
        assert_eq!(women(&answer), Some(100.0));
        let asking = record(&scene.exchange, &scene.auditor, answer.provenance.unwrap().exchange);
        assert_eq!(asking.await.actor.to_string(), "public/ANYBODY");
        for dataset in ["TRAFFICKING", "REFUGEES"] {
            let refused = anybody.ask(request(dataset, &[])).await.unwrap_err();
            assert_eq!(refused.kind, Kind::NotPermitted, "{dataset}");
        }
        // Who presents something there is told that it counts elsewhere.
        let mut presented = tonic::Request::new(asked.clone());
        presented
            .metadata_mut()
            .insert("authorization", format!("Bearer {session}").parse().unwrap());
        assert!(anybody.query().ask(presented).await.is_err());
        let records = scene.records().await;
        let released: Vec<_> = records
            .values()
            .filter(|record| matches!(record.event, Event::PublicReleased { .. }))
            .collect();
        assert_eq!(released.len(), 2);
        assert!(released.iter().all(|record| record.time == released[0].time), "at once");
        assert!(released[0].time >= release);

        // A revision is public at a time of its own; until then what was public stays.
        let second = scene.stock(2024, 120, Action::Replace, Some(first)).await.unwrap();
        let session = scene.sign_in(&observer).await;
        assert_eq!(women(&scene.door.ask(&session, asked.clone()).await.unwrap()), Some(100.0));
        assert_eq!(women(&scene.ask(&scene.mia, of_year(2024)).await), Some(120.0));
        // And what is superseded before its time never is.
        let third = scene.stock(2024, 130, Action::Replace, Some(second.0)).await.unwrap();
        scene.after(40 * day);
        scene.public(2024, 2).await;
        let session = scene.sign_in(&observer).await;
        assert_eq!(women(&scene.door.ask(&session, asked.clone()).await.unwrap()), Some(130.0));
        let public: Vec<_> =
            scene.states(2024).await.into_iter().map(|(_, public)| public).collect();
        assert_eq!(public, [true, false, true]);
        // As of the day after the first release, observers knew the first.
        let earlier =
            AskRequest { as_of: (release + Duration::from_secs(60)).to_string(), ..asked };
        assert_eq!(women(&scene.door.ask(&session, earlier).await.unwrap()), Some(100.0));
        assert!(third.1 > second.1);
        scene.gateway.stop().await;
        scene.exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
    });
}

#[test]
fn article_5_2_a_wrong_batch_is_withdrawn_with_a_reason_and_kept_for_what_was_known() {
    if country::model_only(
        "article_5_2_a_wrong_batch_is_withdrawn_with_a_reason_and_kept_for_what_was_known",
    ) {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        let file = scene.nsc.dir().join("stock.csv");
        fs::write(&file, stock('A', &[(2023, 70), (2024, 100)])).unwrap();
        let accepted = scene.node(&scene.nsc, &["submit", file.to_str().unwrap()], 0);
        let batch = accepted["batch"].as_str().unwrap().to_owned();
        let exchange = accepted["exchange"].as_u64().unwrap();
        let known = record(&scene.exchange, &scene.auditor, exchange).await.time;
        scene.after(40 * 86_400);
        scene.public(2024, 1).await;
        let observer =
            scene.person(&scene.nsc, "observer", "Data officer", &["--from", "IOM"]).await;
        let session = scene.sign_in(&observer).await;
        assert_eq!(women(&scene.door.ask(&session, of_year(2024)).await.unwrap()), Some(100.0));

        let why = "a register was counted twice, fifty-seven women too many";
        scene.node(
            &scene.nsc,
            &["withdraw", &batch, "--reason", " ", "--cause", "source-error", "--periods", "2024"],
            1,
        );
        scene.node(
            &scene.nsc,
            &["withdraw", &batch, "--reason", why, "--cause", "source-error", "--periods", "2019"],
            2,
        );
        scene.node(
            &scene.nsc,
            &["withdraw", &"0".repeat(64), "--reason", why, "--cause", "method"],
            2,
        );
        // What another batch brought goes only where that is said.
        let more = scene.nsc.dir().join("more.csv");
        fs::write(&more, stock('R', &[(2022, 60)])).unwrap();
        let other = scene.node(&scene.nsc, &["submit", more.to_str().unwrap()], 0);
        let other = other["batch"].as_str().unwrap();
        scene.node(
            &scene.nsc,
            &["withdraw", other, "--reason", why, "--cause", "source-error", "--periods", "2022"],
            0,
        );
        let told = scene.node(
            &scene.nsc,
            &["withdraw", &batch, "--reason", why, "--cause", "source-error", "--periods", "2024"],
            0,
        );
        assert_eq!(told["counts"]["deleted"], 3);
        // For everybody at once, the public included; the other period stays.
        assert_eq!(women(&scene.ask(&scene.mia, of_year(2024)).await), None);
        assert_eq!(women(&scene.door.ask(&session, of_year(2024)).await.unwrap()), None);
        assert_eq!(women(&scene.ask(&scene.mia, of_year(2023)).await), Some(70.0));
        // The public is not shown it again even as what was known.
        let earlier = AskRequest { as_of: scene.now.get().to_string(), ..of_year(2024) };
        assert_eq!(women(&scene.door.ask(&session, earlier).await.unwrap()), None);
        // Who asks what was known is told.
        let answer = scene.ask(&scene.mia, then(2024, known)).await;
        assert_eq!(women(&answer), Some(100.0));
        let notes = answer.provenance.unwrap().notes;
        assert!(notes[0].starts_with("2024 was withdrawn on"), "{notes:?}");
        assert!(notes[0].ends_with(": an error of the source"), "{notes:?}");
        let states: Vec<_> = scene.states(2024).await.into_iter().map(|(state, _)| state).collect();
        assert_eq!(states, [VersionState::Withdrawn, VersionState::Withdrawal]);
        let listed = scene.node(&scene.mia, &["versions", "MIG_STOCK", "2024"], 0);
        assert_eq!(listed["versions"][0]["state"], "withdrawn");
        assert_eq!(listed["versions"][1]["cause"], "source-error");

        // It is a record; the reason, free text, is none.
        let index = told["exchange"].as_u64().unwrap();
        let recorded = record(&scene.exchange, &scene.auditor, index).await;
        let Event::SubmissionAccepted { action, .. } = &recorded.event else { panic!("accepted") };
        assert_eq!(*action, Action::Withdraw);
        assert!(!serde_json::to_string(&recorded).unwrap().contains("fifty"));
        // Withdrawn is withdrawn; but what is right may be handed in, as a revision of it.
        let withdrawal = told["batch"].as_str().unwrap().parse().unwrap();
        let again = scene.stock(2024, 95, Action::Append, None).await.unwrap_err();
        assert_eq!(again.kind, Kind::Stale);
        scene.stock(2024, 95, Action::Append, Some(withdrawal)).await.unwrap();
        assert_eq!(women(&scene.ask(&scene.mia, of_year(2024)).await), Some(95.0));
        scene.gateway.stop().await;
        scene.exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
        scene.exchange.gateway(&["rebuild"]).unwrap().expect_code(0).unwrap();
    });
}
