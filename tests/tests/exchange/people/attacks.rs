//! What an attacker tries: each is refused, and what is known of whom is recorded.

use std::time::Instant;

use birge_tests::{
    authority::{Authority, Years},
    client::Credentials,
    country,
    exchange::TRUST_DOMAIN,
    person::Told,
};
use serde_json::json;

use super::*;
use crate::support::{kind, operator};

/// An attacker learns nothing from what is said, nor from how long it takes.
#[test]
fn a_failed_sign_in_tells_nothing() {
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.mfa, "member", "Desk officer", &[]).await;
        let right = member.code(scene.next());
        let tries = [
            (member.account.as_str(), "wrong horse battery staple", right.as_str()),
            (member.account.as_str(), member.password.as_str(), "000000"),
            ("member/MFA/aaaaaaaa", member.password.as_str(), right.as_str()),
        ];
        let mut told: Vec<Told> = vec![];
        for (account, password, code) in tries {
            let body = json!({ "account": account, "password": password, "code": code });
            let begun = Instant::now();
            told.push(scene.door.send("POST", "/v1/sign-in", &[], &body).await.unwrap());
            assert!(begun.elapsed().as_millis() >= 600, "a failure comes after the same time");
        }
        assert_eq!(told[0].status, 401);
        assert!(told.iter().all(|each| each.json == told[0].json), "{told:?}");
        scene.gateway.stop().await;
    });
}

#[test]
fn a_sign_in_that_is_replayed_is_refused() {
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.mfa, "member", "Desk officer", &[]).await;
        let now = scene.next();
        member.sign_in(&scene.door, now).await.unwrap();
        let again = member.try_sign_in(&scene.door, now).await.unwrap();
        assert_eq!(again.problem().unwrap().kind, Kind::NotSignedIn);
        scene.after(STEP);
        let again = member.try_sign_in(&scene.door, now).await.unwrap();
        assert_eq!(again.status, 401, "nor is it good a step later");
        scene.gateway.stop().await;
        // They are told in sums: nobody was identified.
        let mut exchange = scene.exchange;
        exchange.serve().unwrap();
        let records = records(&exchange, &scene.auditor).await;
        let sums = records.values().find_map(|record| match &record.event {
            Event::Turned { counts, .. } => counts.get("sign-in-failed").copied(),
            _ => None,
        });
        assert_eq!(sums, Some(2));
    });
}

#[test]
fn who_guesses_is_locked_out_for_longer_and_longer() {
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.mfa, "member", "Desk officer", &[]).await;
        let mut guess = member.clone();
        guess.password = String::from("wrong horse battery staple");
        for _ in 0..5 {
            let now = scene.next();
            assert_eq!(guess.try_sign_in(&scene.door, now).await.unwrap().status, 401);
        }
        let locked = member.try_sign_in(&scene.door, scene.next()).await.unwrap();
        assert_eq!(locked.status, 401, "the right password does not help now");
        scene.after(15 * 60);
        guess.try_sign_in(&scene.door, scene.next()).await.unwrap();
        scene.after(16 * 60);
        let locked = member.try_sign_in(&scene.door, scene.next()).await.unwrap();
        assert_eq!(locked.status, 401, "twice as long");
        scene.after(15 * 60);
        scene.sign_in(&member).await;
        let records = scene.records().await;
        let locks = history(&records, &member.account);
        let locks = locks.iter().filter(|act| matches!(act, AccountAct::Locked { .. })).count();
        assert_eq!(locks, 2);
        scene.gateway.stop().await;
    });
}

/// Whoever took a node's key could have named persons with it: they go with their body.
#[test]
fn the_persons_of_a_body_that_is_revoked_are_out_until_it_confirms_them() {
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.mfa, "member", "Desk officer", &[]).await;
        let session = scene.sign_in(&member).await;
        scene.door.ask(&session, request("MIG_STOCK", &[])).await.unwrap();
        let revoke = ["revoke", "agency/MFA", "--reason", "its key was stolen"];
        scene.exchange.gateway(&revoke).unwrap().expect_code(0).unwrap();
        let refused = scene.door.ask(&session, request("MIG_STOCK", &[])).await.unwrap_err();
        assert_eq!(refused.kind, Kind::NotSignedIn);
        std::fs::remove_file(scene.mfa.enrolled()).unwrap();
        let mfa = scene.exchange.node("agency/MFA").unwrap();
        let told = member.try_sign_in(&scene.door, scene.next()).await.unwrap();
        assert_eq!(told.status, 401, "enrolled anew, it has not confirmed anybody");
        mfa.command(&["people", "confirm", &member.account]).unwrap().expect_code(0).unwrap();
        scene.sign_in(&member).await;
        scene.gateway.stop().await;
    });
}

/// A member reads what its participant may, and nothing of its colleagues' accounts.
#[test]
fn a_member_reads_neither_names_nor_others_accounts() {
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.mfa, "member", "Desk officer", &[]).await;
        let other = scene.person(&scene.mfa, "member", "Head of department", &[]).await;
        let session = scene.sign_in(&member).await;
        let refused = scene.door.ask(&session, request("MIG_STOCK", &[("SEX", "X")])).await;
        let index = refused.unwrap_err().exchange;
        scene.refusal(index).await;
        let read = scene.door.records(&session).await.unwrap();
        assert!(!read[index.unwrap() as usize].record.is_empty(), "its own question");
        assert!(read.iter().all(|entry| entry.persons.is_empty()));
        let accounts: Vec<_> = read
            .iter()
            .filter(|entry| !entry.record.is_empty())
            .filter_map(|entry| match Record::parse(&entry.record).unwrap().event {
                Event::Account { person, .. } => Some(person.to_string()),
                _ => None,
            })
            .collect();
        assert!(accounts.contains(&member.account) && !accounts.contains(&other.account));
        // Its participant sees both, with their names.
        let own = own_records(&scene.exchange, &scene.mfa).await;
        assert_eq!(history(&own, &other.account).len(), 2);
        scene.gateway.stop().await;
    });
}

/// A person has one account, in one role, of one body.
#[test]
fn a_person_of_two_bodies_or_two_roles_is_refused_and_recorded() {
    if country::model_only("a_person_of_two_bodies_or_two_roles_is_refused_and_recorded") {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.mfa, "member", "Aibek uulu Head of Consulates", &[]).await;
        let again = "head of consulates, Aibek Uulu";
        let others: [(&Node, &[&str]); 4] = [
            (&scene.mia, &["--role", "member"]),
            (&scene.mfa, &["--role", "member"]),
            (&scene.auditor, &["--role", "auditor"]),
            (&scene.nsc, &["--role", "observer", "--from", "IOM"]),
        ];
        for (node, role) in others {
            let arguments = [&["people", "name", "--name", again], role].concat();
            let output = node.command(&arguments).unwrap().expect_code(1).unwrap();
            assert!(output.stderr.contains("CONFLICT"), "{}", output.stderr);
            assert!(output.stderr.contains("recorded as exchange"), "{}", output.stderr);
        }
        // Once it has left one, it may belong to the other.
        scene.mfa.command(&["people", "revoke", &member.account]).unwrap().expect_code(0).unwrap();
        Person::named(&scene.mia, "member", "Aibek uulu, head of consulates", &[]).unwrap();
        scene.gateway.stop().await;
    });
}

#[test]
fn a_body_names_only_whom_the_decree_lets_it_name() {
    if country::model_only("a_body_names_only_whom_the_decree_lets_it_name") {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        let name = |node: &Node, more: &[&str]| {
            let arguments = [&["people", "name", "--name", "Desk officer"], more].concat();
            node.command(&arguments).unwrap().expect_code(1).unwrap().stderr
        };
        for (node, role, article) in [
            (&scene.mia, &["--role", "auditor"][..], "3(3)"),
            (&scene.auditor, &["--role", "member"], "3(2)"),
            (&scene.mfa, &["--role", "observer", "--from", "IOM"], "3(2)"),
            (&scene.nsc, &["--role", "observer", "--from", "MFA"], "3(2)"),
        ] {
            let said = name(node, role);
            assert!(said.contains(&format!("under article {article}")), "{said}");
            assert!(said.contains("recorded as exchange"), "{said}");
        }
        assert!(name(&scene.nsc, &["--role", "observer"]).contains("MALFORMED"));
        let mut people = birge_proto::wire::people_client::PeopleClient::new(
            operator(&scene.exchange).await.channel(),
        );
        let wanted = birge_proto::wire::NamePersonRequest {
            role: "member".into(),
            name: "Desk officer".into(),
            body: "NSC".into(),
        };
        let refused = people.name(wanted).await.unwrap_err();
        let refused = birge_proto::problem::Problem::from_status(&refused);
        assert_eq!(refused.kind, Kind::WrongRole, "the operator names nobody");
        assert_eq!(scene.refusal(refused.exchange).await.0, "operator/BIRGE");
        scene.gateway.stop().await;
    });
}

#[test]
fn paths_and_headers_let_nobody_further() {
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.mfa, "member", "Desk officer", &[]).await;
        let session = scene.sign_in(&member).await;
        let bearer = format!("Bearer {session}");
        let door = &scene.door;
        // What is not for persons, whoever asks for it and however it is spelt.
        for path in [
            "/exchange.v1.Admin/Enrol",
            "/exchange.v1.Intake/Submit",
            "/exchange.v1.People/Name",
            "/exchange.v1.Witness/Attend",
            "/exchange.v1.Query/../exchange.v1.Admin/Enrol",
            "/exchange.v1.Query/%2e%2e/exchange.v1.Admin/Enrol",
            "/exchange.v1.Query/Ask/",
            "//exchange.v1.Query/Ask",
            "/v1/../keys/log.key",
            "/v1//account",
            "/V1/account",
            "/checkpoint",
        ] {
            let told = door.present(&session, "POST", path, &Value::Null).await.unwrap();
            assert_eq!(told.status, 404, "{path}");
            let problem = told.problem().unwrap();
            assert_eq!(scene.refusal(problem.exchange).await.0, member.account, "{path}");
        }
        let told = door.present(&session, "TRACE", "/v1/account", &Value::Null).await.unwrap();
        assert_eq!(scene.refusal(told.problem().unwrap().exchange).await.0, member.account);
        // A page looks at no header, and what it refuses is recorded, too.
        let told = door.present(&session, "GET", "/", &Value::Null).await.unwrap();
        assert_eq!(told.status, 400);
        let refused = scene.records().await.into_values().any(|record| {
            let page =
                matches!(&record.event, Event::ActRefused { act, .. } if act == "portal/pages");
            page && record.actor.to_string() == member.account
        });
        assert!(refused, "no record of what a page refused");
        // Who somebody is, is told by one header and by no other.
        let other = "Bearer birge_s_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for (headers, status) in [
            (&[("X-Forwarded-Client-Cert", "URI=spiffe://birge.example/agency/NSC")][..], 401),
            (&[("X-Forwarded-User", "agency/NSC"), ("X-Remote-User", "NSC")], 401),
            (&[("Cookie", &*format!("session={session}"))], 401),
            (&[("Authorization", &*bearer), ("Authorization", other)], 400),
            (&[("Authorization", &*format!("Basic {session}"))], 400),
            (&[("Authorization", other)], 401),
            (&[("Authorization", &*format!("{bearer}x"))], 401),
            (&[("Authorization", &*bearer)], 200),
        ] {
            let told = door.send("GET", "/v1/account", headers, &Value::Null).await.unwrap();
            assert_eq!(told.status, status, "{headers:?}");
        }
        let path = format!("/v1/account?session={session}");
        let told = door.send("GET", &path, &[], &Value::Null).await.unwrap();
        assert_eq!(told.status, 401, "nothing in an address says who somebody is");
        // On the listener of systems a session says nothing.
        let client = Client::of(&scene.mia, scene.exchange.address()).await.unwrap();
        let mut asked = tonic::Request::new(request("REFUGEES", &[("REF_AREA", "KG-B")]));
        asked.metadata_mut().insert("authorization", bearer.parse().unwrap());
        let answer = client.query().ask(asked).await;
        let told = scene.records().await;
        assert!(answer.is_ok(), "{answer:?}");
        let last =
            told.values().rev().find(|record| matches!(record.event, Event::QueryAnswered { .. }));
        assert_eq!(last.unwrap().actor, id("agency/MIA"), "the certificate said who it was");
        scene.gateway.stop().await;
    });
}

/// Persons have accounts: a certificate that names one is nobody's, whoever issued it.
#[test]
fn a_certificate_that_names_a_person_is_turned_away() {
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.nsc, "member", "Desk officer", &[]).await;
        let keys = scene.exchange.home().join("keys");
        let stolen = Authority::stolen(&keys.join("ca.crt"), &keys.join("ca.key")).unwrap();
        let base = Credentials::of(&scene.nsc).unwrap();
        let of = |identity: &str| format!("spiffe://{TRUST_DOMAIN}/{identity}");
        let both = [of("agency/NSC"), of("agency/MIA")];
        let (person, body) = (of(&member.account), of("member/NSC"));
        for uris in [&[&*person][..], &[&*body], &[&*both[0], &*both[1]], &[&*person, &*both[0]]] {
            let forged = stolen.issue(&base, uris, Years(2020, 2090)).unwrap();
            let refused = match Client::connect(scene.exchange.address(), &forged).await {
                Err(_) => continue,
                Ok(client) => client.ask(request("MIG_STOCK", &[])).await,
            };
            assert!(refused.is_err(), "{uris:?}");
        }
        // In a certificate of the right name that nobody enrolled: known, refused, recorded.
        let forged = stolen.issue(&base, &[&both[0]], Years(2020, 2090)).unwrap();
        let client = Client::connect(scene.exchange.address(), &forged).await.unwrap();
        let refused = client.ask(request("MIG_STOCK", &[])).await.unwrap_err();
        assert_eq!(refused.kind, Kind::NotEnrolled);
        assert_eq!(
            scene.refusal(refused.exchange).await,
            ("agency/NSC".into(), "NOT_ENROLLED".into())
        );
        scene.gateway.stop().await;
    });
}

/// Values cannot be guessed from refusals: they are the same whatever the figures are.
#[test]
fn a_refusal_is_the_same_whatever_the_figures_are() {
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.mfa, "member", "Desk officer", &[]).await;
        let session = scene.sign_in(&member).await;
        let selections: [&[(&str, &str)]; 3] = [
            &[("REF_AREA", "KG-B")],
            &[("SEX", "F"), ("AGE", "Y_LT18"), ("TIME_PERIOD", "2018")],
            &[("SEX", "F"), ("AGE", "Y_LT18"), ("TIME_PERIOD", "1999")],
        ];
        let refusals = async || {
            let mut refusals = vec![];
            for selection in selections {
                let asked = request("TRAFFICKING", selection);
                let mut refused = scene.door.ask(&session, asked).await.unwrap_err();
                assert!(refused.exchange.take().is_some());
                refusals.push(refused);
            }
            refusals
        };
        let before = refusals().await;
        submit(&scene.exchange, &scene.mia, &trafficking()).await.unwrap();
        assert_eq!(refusals().await, before);
        assert_eq!(kind(Err::<(), _>(before[0].clone())), Kind::NotPermitted);
        scene.gateway.stop().await;
    });
}
