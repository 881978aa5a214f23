//! Persons sign in, and nobody does in another's name (articles 3(2) to 3(4), promise 11).

mod attacks;
mod commands;
mod tokens;

use std::{cell::Cell, collections::BTreeMap, time::Duration};

use birge_proto::{
    clock::Timestamp,
    identity::Identity,
    problem::Kind,
    record::{AccountAct, Event, Record},
};
use birge_tests::{
    answer::request,
    client::Client,
    country,
    exchange::Exchange,
    node::Node,
    person::{Door, Person, STEP},
};
use serde_json::Value;

use crate::{
    support::{block_on, own_records, record, records, submit, trafficking},
    within::{Within, now},
};

const DAY: i64 = 86_400;

/// An exchange whose clock is the test's, with some nodes.
pub(crate) struct Scene {
    pub(crate) exchange: Exchange,
    pub(crate) mia: Node,
    pub(crate) mfa: Node,
    pub(crate) nsc: Node,
    pub(crate) auditor: Node,
    pub(crate) gateway: Within,
    pub(crate) door: Door,
    pub(crate) now: Cell<Timestamp>,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let mut exchange = Exchange::start().unwrap();
        let [mia, mfa, nsc, auditor] = ["agency/MIA", "agency/MFA", "agency/NSC", "auditor/COA"]
            .map(|identity| exchange.node(identity).unwrap());
        exchange.stop().unwrap().expect_code(0).unwrap();
        let now = now();
        let gateway = Within::serve(&exchange, now).await;
        let door = Door::of(&exchange).unwrap();
        Self { exchange, mia, mfa, nsc, auditor, gateway, door, now: Cell::new(now) }
    }

    /// Lets time pass.
    pub(crate) fn after(&self, seconds: i64) -> Timestamp {
        let later = self.now.get() + Duration::from_secs(seconds.unsigned_abs());
        self.now.set(later);
        self.gateway.clock.set(later);
        later
    }

    /// The moment of the next one-time password.
    pub(crate) fn next(&self) -> Timestamp {
        self.after(STEP)
    }

    /// A person whom a node has named, and who has made the account its own.
    pub(crate) async fn person(
        &self,
        node: &Node,
        role: &str,
        name: &str,
        more: &[&str],
    ) -> Person {
        let mut person = Person::named(node, role, name, more).unwrap();
        person.activate(&self.door, self.next()).await.unwrap();
        person
    }

    pub(crate) async fn sign_in(&self, person: &Person) -> String {
        person.sign_in(&self.door, self.next()).await.unwrap()
    }

    /// As [`Self::sign_in`], without letting time pass.
    pub(crate) async fn sign_in_at(&self, person: &Person, now: Timestamp) -> String {
        person.sign_in(&self.door, now).await.unwrap()
    }

    pub(crate) async fn records(&self) -> BTreeMap<u64, Record> {
        // What was recorded is covered by the checkpoint that covers what is recorded now.
        let auditor = Client::of(&self.auditor, self.exchange.address()).await.unwrap();
        let refused = auditor.ask(request("MIG_STOCK", &[])).await.unwrap_err();
        record(&self.exchange, &self.auditor, refused.exchange.unwrap()).await;
        records(&self.exchange, &self.auditor).await
    }

    /// The refusal that is recorded under this number: of whom, and the code.
    pub(crate) async fn refusal(&self, exchange: Option<u64>) -> (String, String) {
        let index = exchange.expect("a refusal of somebody known has a number");
        let Record { actor, event, .. } = record(&self.exchange, &self.auditor, index).await;
        (actor.to_string(), event.problem().expect("a refusal").to_owned())
    }
}

fn id(text: &str) -> Identity {
    text.parse().unwrap()
}

/// What happened to an account, in order.
fn history(records: &BTreeMap<u64, Record>, account: &str) -> Vec<AccountAct> {
    let account = id(account);
    let acts = records.values().filter_map(|record| match &record.event {
        Event::Account { person, act } if *person == account => Some(act.clone()),
        _ => None,
    });
    acts.collect()
}

#[test]
fn article_3_2_a_member_sees_what_its_participant_sees_and_stands_in_the_records() {
    if country::model_only(
        "article_3_2_a_member_sees_what_its_participant_sees_and_stands_in_the_records",
    ) {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        submit(&scene.exchange, &scene.mia, &trafficking()).await.unwrap();
        let member = scene.person(&scene.mfa, "member", "Head of the consular service", &[]).await;
        let session = scene.sign_in(&member).await;
        let by_sex = request("TRAFFICKING", &[("SEX", "_T,F,M")]);
        let answer = scene.door.ask(&session, by_sex.clone()).await.unwrap();
        let provenance = answer.provenance.unwrap();
        assert_eq!(provenance.articles, ["6(1)", "7(1)", "7(2)"]);
        let region = request("TRAFFICKING", &[("REF_AREA", "KG-B")]);
        let refused = scene.door.ask(&session, region).await.unwrap_err();
        assert_eq!(
            (refused.kind, &refused.articles[..]),
            (Kind::NotPermitted, &["6(5)".into()][..])
        );
        assert_eq!(
            scene.refusal(refused.exchange).await,
            (member.account.clone(), "NOT_PERMITTED".to_owned())
        );

        let asked = record(&scene.exchange, &scene.auditor, provenance.exchange).await;
        assert_eq!(asked.actor, id(&member.account));
        let parties: Vec<_> = asked.parties.keys().map(ToString::to_string).collect();
        assert_eq!(parties, ["agency/MFA", "agency/MIA", &*member.account]);
        let own = own_records(&scene.exchange, &scene.mfa).await;
        assert!(own.contains_key(&provenance.exchange), "its participant sees the request entire");
        let owner = own_records(&scene.exchange, &scene.mia).await;
        assert!(!owner.contains_key(&provenance.exchange), "the owner is not told who asked");

        // Whoever makes statistics, and is named by it, sees small counts (6(2), 7(3)).
        let statistician = scene.person(&scene.nsc, "member", "Head of demography", &[]).await;
        let session = scene.sign_in(&statistician).await;
        let answer = scene.door.ask(&session, by_sex).await.unwrap();
        assert_eq!(answer.provenance.unwrap().withheld, 0);

        let records = scene.records().await;
        let acts = history(&records, &member.account);
        assert_eq!(acts, [AccountAct::Named, AccountAct::Activated, AccountAct::SignedIn]);
        let named = records
            .values()
            .find(|record| matches!(&record.event, Event::Account { act: AccountAct::Named, .. }));
        let named = named.unwrap();
        assert_eq!(named.actor, id("agency/MFA"));
        let written = serde_json::to_string(named).unwrap();
        assert!(!written.contains("consular"), "the name stands apart: {written}");
        assert!(named.persons.contains_key("person"));
        scene.gateway.stop().await;
    });
}

#[test]
fn article_6_6_an_observer_sees_nothing_that_is_not_public() {
    if country::model_only("article_6_6_an_observer_sees_nothing_that_is_not_public") {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        submit(&scene.exchange, &scene.nsc, &crate::support::year(2024, 100)).await.unwrap();
        let observer = scene
            .person(&scene.nsc, "observer", "Migration data officer", &["--from", "IOM"])
            .await;
        assert!(observer.account.starts_with("observer/IOM/"), "{}", observer.account);
        let session = scene.sign_in(&observer).await;
        let named = request("MIG_STOCK", &[("TIME_PERIOD", "2024")]);
        let refused = scene.door.ask(&session, named).await.unwrap_err();
        assert_eq!(refused.articles, ["8(1)"], "{refused:?}");
        assert_eq!(scene.refusal(refused.exchange).await.0, observer.account);
        scene.gateway.stop().await;
    });
}

#[test]
fn article_3_3_an_auditor_signs_in_and_reads_every_record_and_no_figure() {
    block_on(async {
        let scene = Scene::new().await;
        submit(&scene.exchange, &scene.mia, &trafficking()).await.unwrap();
        let auditor = scene.person(&scene.auditor, "auditor", "Lead auditor", &[]).await;
        let session = scene.sign_in(&auditor).await;
        let refused = scene.door.ask(&session, request("TRAFFICKING", &[])).await.unwrap_err();
        assert_eq!(refused.kind, Kind::NotPermitted);
        assert_eq!(scene.refusal(refused.exchange).await.0, auditor.account);
        let read = scene.door.records(&session).await.unwrap();
        assert!(read.len() as u64 > refused.exchange.unwrap());
        assert!(read.iter().all(|entry| !entry.record.is_empty()));
        let looked = scene.records().await.into_values().find(|record| {
            record.actor == id(&auditor.account)
                && matches!(record.event, Event::RecordsRead { .. })
        });
        assert!(looked.is_some(), "an auditor's look is recorded");
        scene.gateway.stop().await;
    });
}

#[test]
fn article_3_4_it_takes_the_body_and_the_operator_to_recover_an_account() {
    block_on(async {
        let scene = Scene::new().await;
        let mut member = scene.person(&scene.mfa, "member", "Desk officer", &[]).await;
        let session = scene.sign_in(&member).await;
        let file = scene.mfa.dir().join("recovery.json");
        let file = file.to_str().unwrap();
        let account = member.account.clone();
        let body = || scene.mfa.command(&["people", "recover", &account, "--out", file]).unwrap();
        let operator = || {
            let output =
                scene.exchange.gateway(&["people", "recover", &account, "--output", "json"]);
            let output = output.unwrap().expect_code(0).unwrap();
            serde_json::from_str::<Value>(&output.stdout).unwrap()
        };
        // Somebody else's body has no say.
        let other = scene.mia.command(&["people", "recover", &account, "--out", file]).unwrap();
        other.expect_code(1).unwrap();
        // The operator alone, even twice, changes nothing.
        for _ in 0..2 {
            assert_eq!(operator()["granted"], false);
        }
        assert!(scene.sign_in(&member).await.starts_with("birge_s_"));
        let own = scene.door.present(&session, "GET", "/v1/account", &Value::Null).await.unwrap();
        assert_eq!(own.status, 200);

        // The operator asked last, so the body's word is the second.
        body().expect_code(0).unwrap();
        let refused = member.try_sign_in(&scene.door, scene.next()).await.unwrap();
        assert_eq!(refused.problem().unwrap().kind, Kind::NotSignedIn, "the old password is gone");
        let own = scene.door.present(&session, "GET", "/v1/account", &Value::Null).await.unwrap();
        assert_eq!(own.status, 401, "and so are sessions");
        let second = operator()["code"].as_str().unwrap().to_owned();
        let first = Person::invited(std::path::Path::new(file)).unwrap().codes[0].clone();
        for alone in [vec![first.clone()], vec![second.clone()], vec![first.clone(), first.clone()]]
        {
            member.codes = alone;
            assert!(member.begin(&scene.door).await.is_err(), "one code is not two");
        }
        member.codes = vec![first, second];
        member.password = String::from("another battery staple horse");
        member.activate(&scene.door, scene.next()).await.unwrap();
        scene.sign_in(&member).await;
        assert!(member.begin(&scene.door).await.is_err(), "codes are good once");
        let acts = history(&scene.records().await, &account);
        let granted = acts.iter().filter(|act| **act == AccountAct::RecoveryGranted).count();
        assert_eq!(granted, 1, "{acts:?}");
        scene.gateway.stop().await;
    });
}

#[test]
fn a_lost_invitation_is_renewed_and_a_locked_account_confirmed() {
    block_on(async {
        let scene = Scene::new().await;
        let mut member = Person::named(&scene.mfa, "member", "Desk officer", &[]).unwrap();
        scene.after(8 * DAY);
        assert!(member.begin(&scene.door).await.is_err(), "it has expired");
        let recover = scene.mfa.command(&["people", "recover", &member.account]).unwrap();
        assert!(recover.expect_code(1).unwrap().stderr.contains("invite it again"));
        let file = scene.mfa.dir().join("again.json");
        let invite = ["people", "invite", &member.account, "--out", file.to_str().unwrap()];
        scene.mfa.command(&invite).unwrap().expect_code(0).unwrap();
        member.codes = Person::invited(&file).unwrap().codes;
        member.activate(&scene.door, scene.next()).await.unwrap();
        scene.mfa.command(&["people", "invite", &member.account]).unwrap().expect_code(1).unwrap();

        let mut guess = member.clone();
        guess.password = String::from("wrong horse battery staple");
        for _ in 0..5 {
            guess.try_sign_in(&scene.door, scene.next()).await.unwrap();
        }
        let locked = member.try_sign_in(&scene.door, scene.next()).await.unwrap();
        assert_eq!(locked.status, 401);
        scene.mfa.command(&["people", "confirm", &member.account]).unwrap().expect_code(0).unwrap();
        scene.sign_in(&member).await;
        scene.gateway.stop().await;
    });
}

#[test]
fn another_password_ends_every_other_session_and_every_token() {
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.mfa, "member", "Desk officer", &[]).await;
        let (one, other) = (scene.sign_in(&member).await, scene.sign_in(&member).await);
        let (_, token) =
            member.token(&scene.door, &one, &["query"], 9, scene.next()).await.unwrap();
        let change = serde_json::json!({ "password": member.password,
            "code": member.code(scene.next()), "new": "another battery staple horse" });
        let told = scene.door.present(&one, "POST", "/v1/password", &change).await.unwrap();
        assert_eq!(told.status, 200, "{told:?}");
        let asks = async |bearer: &str| scene.door.ask(bearer, request("MIG_STOCK", &[])).await;
        assert!(asks(&one).await.is_ok());
        for ended in [&other, &token] {
            assert_eq!(asks(ended).await.unwrap_err().kind, Kind::NotSignedIn);
        }
        assert_eq!(member.try_sign_in(&scene.door, scene.next()).await.unwrap().status, 401);
        scene.gateway.stop().await;
    });
}

#[test]
fn accounts_outlive_a_restart_and_sessions_do_not() {
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.mfa, "member", "Desk officer", &[]).await;
        let session = scene.sign_in(&member).await;
        let (_, token) =
            member.token(&scene.door, &session, &["query"], 30, scene.next()).await.unwrap();
        let (exchange, door, now) = (scene.exchange, scene.door, scene.now.get());
        scene.gateway.stop().await;
        let gateway = Within::serve(&exchange, now).await;
        let lost = door.present(&session, "GET", "/v1/account", &Value::Null).await.unwrap();
        assert_eq!(lost.status, 401);
        door.ask(&token, request("MIG_STOCK", &[])).await.unwrap();
        gateway.clock.set(now + Duration::from_secs(60));
        member.sign_in(&door, now + Duration::from_secs(60)).await.unwrap();
        gateway.stop().await;
        exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
    });
}

#[test]
fn who_does_not_sign_in_for_long_must_be_confirmed_by_its_body() {
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.mfa, "member", "Desk officer", &[]).await;
        let session = scene.sign_in(&member).await;
        let (_, token) =
            member.token(&scene.door, &session, &["query"], 365, scene.next()).await.unwrap();
        let whole = || request("MIG_STOCK", &[]);
        scene.after(89 * DAY);
        scene.door.ask(&token, whole()).await.unwrap();
        scene.after(2 * DAY);
        let refused = scene.door.ask(&token, whole()).await.unwrap_err();
        assert_eq!(scene.refusal(refused.exchange).await.1, "NOT_SIGNED_IN");
        let told = member.try_sign_in(&scene.door, scene.next()).await.unwrap();
        assert_eq!(scene.refusal(told.problem().unwrap().exchange).await.0, member.account);
        let list = scene.mfa.command(&["people", "list"]).unwrap().expect_code(0).unwrap().stdout;
        assert!(list.contains("dormant") && list.contains("Desk officer"), "{list}");
        scene.mfa.command(&["people", "confirm", &member.account]).unwrap().expect_code(0).unwrap();
        scene.door.ask(&token, whole()).await.unwrap();
        scene.sign_in(&member).await;
        // The operator has nothing to do with names.
        let list = scene.exchange.gateway(&["people", "list"]).unwrap().expect_code(0).unwrap();
        assert!(list.stdout.contains(&member.account) && !list.stdout.contains("Desk"), "{list:?}");
        scene.gateway.stop().await;
    });
}
