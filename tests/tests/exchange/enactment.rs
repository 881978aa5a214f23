//! Decrees are checked before they are enacted, and hold from their date on, never before.

use std::{ops::Range, time::Duration};

use birge_proto::{
    clock::{Clock, SystemClock, Timestamp},
    envelope::{DECREE_TYPE, SigningKey},
    problem::{Kind, Problem},
    record::{Event, Record},
    wire::{EnactRequest, KeySignature, RecordsRequest},
};
use birge_tests::{
    answer::request, client::Client, country, decree::Draft, exchange::Exchange, node::Node,
    process::Output, template, watch,
};
use serde_json::Value;

use crate::{
    crash::begin,
    support::{
        block_on, operator, own_records, place, records, signed, stop_and_verify, submit,
        wait_covered, year,
    },
};

/// Seconds within which a decree comes into force that is to be waited for. A machine so busy
/// that enacting it takes longer gets more.
const SOON: Range<u32> = 0..6;

/// A moment to come, in whole seconds as a decree names it.
fn after(time: Duration) -> Timestamp {
    Timestamp::from_second((SystemClock.now() + time).as_second() + 1).unwrap()
}

/// Some day that no test lives to see.
pub(crate) fn later() -> Timestamp {
    after(Duration::from_secs(365 * 86_400))
}

/// Runs `gateway decree COMMAND` on a draft.
pub(crate) fn decree(exchange: &Exchange, command: &str, draft: &Draft) -> Output {
    let folder = tempfile::tempdir_in(exchange.dir()).unwrap();
    draft.write(folder.path()).unwrap();
    let folder = folder.path().to_str().unwrap().to_owned();
    exchange.gateway(&["decree", command, &folder, "--output", "json"]).unwrap()
}

/// The problem in the JSON of a refusal.
pub(crate) fn refusal(output: Output) -> Value {
    let output = output.expect_code(1).unwrap();
    let answer: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    answer["problem"].clone()
}

/// Has an amendment of the model enacted that is in force within seconds.
pub(crate) fn enact_soon(exchange: &Exchange, version: &str, change: impl Fn(&mut Draft)) {
    enact_soon_after(&Draft::model().unwrap(), exchange, version, change);
}

/// As [`enact_soon`], of an amendment of another decree than the model.
pub(crate) fn enact_soon_after(
    amended: &Draft,
    exchange: &Exchange,
    version: &str,
    change: impl Fn(&mut Draft),
) {
    for exponent in SOON {
        let from = after(Duration::from_secs(1 << exponent));
        let mut draft = amended.clone();
        draft.amend(version, from).unwrap();
        change(&mut draft);
        if decree(exchange, "enact", &draft).code == Some(0) {
            return;
        }
        assert!(SystemClock.now() >= from, "an amendment in time was refused");
    }
    panic!("this machine is too busy to enact a decree in time");
}

/// Asks until `wanted` of the answer; a folder where nothing happens paces it.
fn ask_until<T>(
    exchange: &Exchange,
    node: &Node,
    wanted: impl Fn(Result<birge_tests::answer::Answer, Problem>) -> Option<T>,
) -> T {
    watch::until(node.dir(), "the amendment", || {
        let answer = block_on(async {
            let client = Client::of(node, exchange.address()).await?;
            anyhow::Ok(client.ask(request("MIG_STOCK", &[])).await)
        })?;
        Ok(wanted(answer))
    })
    .unwrap()
}

#[test]
fn a_sound_decree_passes_the_check_and_a_broken_one_is_told_where() {
    if country::model_only("a_sound_decree_passes_the_check_and_a_broken_one_is_told_where") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let exchange = Exchange::at(folder.path()).unwrap();
    let model = Draft::model().unwrap();
    let output = decree(&exchange, "check", &model).expect_code(0).unwrap();
    let answer: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(answer["decree"]["version"], "2024-01-01", "{answer}");

    let spoilt = [
        ("decree.json", "\"timeZone\"", "\"timezone\"", "decree.json:9"),
        ("decree.json", "\"agency\": \"SBS\"", "\"agency\": \"XYZ\"", "decree.json:"),
        ("rules.cedar", "principal.participant", "principal.partisan", "rules.cedar:6"),
        ("rules.cedar", "@article(\"3(1)\")", "@article(\"3(9)\")", "rules.cedar:6"),
        ("articles/ru.json", "\"7(1)\"", "\"7(9)\"", "articles/"),
        ("articles/en.json", "{", "[", "articles/en.json:"),
    ];
    for (file, from, to, place) in spoilt {
        let mut draft = model.clone();
        let text = draft.files.get_mut(file).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        *text = text.replacen(from, to, 1);
        let output = decree(&exchange, "check", &draft).expect_code(1).unwrap();
        let said = output.stdout + &output.stderr;
        assert!(said.contains(place), "{file} with {to}: {said}");
    }
    let mut draft = model;
    draft.files.remove("rules.cedar");
    let output = decree(&exchange, "check", &draft).expect_code(1).unwrap();
    assert!((output.stdout + &output.stderr).contains("rules.cedar"));
}

#[test]
fn what_may_not_be_enacted_is_refused_under_its_article_and_recorded() {
    if country::model_only("what_may_not_be_enacted_is_refused_under_its_article_and_recorded") {
        return;
    }
    let mut exchange = Exchange::start().unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();

    let past = Draft::amendment("2025-01-01", "2025-01-01T00:00:00Z".parse().unwrap()).unwrap();
    let retroactive = refusal(decree(&exchange, "enact", &past));
    assert!(retroactive["articles"].as_array().unwrap().contains(&"11".into()), "{retroactive}");

    let twice = Draft::amendment("2024-01-01", later()).unwrap();
    let same_version = refusal(decree(&exchange, "enact", &twice));
    assert_eq!(same_version["code"], "CONFLICT", "{same_version}");

    let mut broken = Draft::amendment("2030-01-01", later()).unwrap();
    broken.files.remove("rules.cedar");
    let (true_id, forged, unsound) = {
        let authority = authority(&exchange);
        let sound = Draft::amendment("2030-01-01", later()).unwrap().bundle().unwrap();
        let forger = SigningKey::generate().unwrap();
        let true_id = authority.verifying_key().id();
        let signed = |bundle: Vec<u8>, key: &SigningKey| EnactRequest {
            signatures: vec![KeySignature {
                key_id: true_id.clone(),
                signature: key.sign(DECREE_TYPE, &bundle),
            }],
            bundle,
        };
        let forged = block_on(enact(&exchange, signed(sound, &forger)));
        let unsound = block_on(enact(&exchange, signed(broken.bundle().unwrap(), &authority)));
        (true_id, forged, unsound)
    };
    assert_eq!(forged.kind, Kind::BadSignature, "in the name of {true_id}");
    assert_eq!(unsound.kind, Kind::Malformed, "{unsound:?}");

    wait_covered(&exchange, unsound.exchange.unwrap());
    let records = block_on(records(&exchange, &auditor));
    let enacted = records.values().filter(|r| matches!(r.event, Event::DecreeEnacted { .. }));
    assert_eq!(enacted.count(), 1, "only the model was enacted");
    let numbers = [retroactive["exchange"].as_u64(), same_version["exchange"].as_u64()];
    for number in numbers.into_iter().chain([forged.exchange, unsound.exchange]) {
        let record = &records[&number.expect("the refusal has the number of its record")];
        let Event::ActRefused { act, problem } = &record.event else { panic!("{record:?}") };
        assert_eq!(act, "admin/enact");
        assert!(!problem.is_empty());
    }
    stop_and_verify(&mut exchange);
}

fn authority(exchange: &Exchange) -> SigningKey {
    let text = std::fs::read_to_string(exchange.authority()).unwrap();
    SigningKey::from_pkcs8(&hex::decode(text.trim()).unwrap()).unwrap()
}

async fn enact(exchange: &Exchange, request: EnactRequest) -> Problem {
    let client = operator(exchange).await;
    Problem::from_status(&client.admin().enact(request).await.unwrap_err())
}

#[test]
fn an_amendment_holds_from_its_moment_without_a_restart() {
    if country::model_only("an_amendment_holds_from_its_moment_without_a_restart") {
        return;
    }
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let mfa = exchange.node("agency/MFA").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    block_on(submit(&exchange, &nsc, &year(2024, 100))).unwrap();
    let version = |answer: Result<birge_tests::answer::Answer, Problem>| {
        let provenance = answer.unwrap().provenance.unwrap();
        (provenance.decree.unwrap().version, provenance.exchange)
    };
    let (before, first) = ask_until(&exchange, &mfa, |answer| Some(version(answer)));
    assert_eq!(before, "2024-01-01");

    let far = Draft::amendment("2099-01-01", later()).unwrap();
    decree(&exchange, "enact", &far).expect_code(0).unwrap();
    enact_soon(&exchange, "2026-06-01", |_| {});
    let last = ask_until(&exchange, &mfa, |answer| {
        let (version, exchange) = version(answer);
        (version == "2026-06-01").then_some(exchange)
    });
    block_on(submit(&exchange, &nsc, &year(2023, 100))).unwrap();

    wait_covered(&exchange, last);
    let records = block_on(records(&exchange, &auditor));
    let by = |number: u64| decided_by(&records[&number]).unwrap();
    assert_eq!((by(first).as_str(), by(last).as_str()), ("2024-01-01", "2026-06-01"));
    let decided: Vec<String> = records.values().filter_map(decided_by).collect();
    assert!(decided.is_sorted(), "an earlier decree came back: {decided:?}");
    assert_eq!(decided.last().map(String::as_str), Some("2026-06-01"), "the second submission");

    stop_and_verify(&mut exchange);
    exchange.serve().unwrap();
    let (after, _) = ask_until(&exchange, &mfa, |answer| Some(version(answer)));
    assert_eq!(after, "2026-06-01", "it holds after a restart, and the later one does not yet");
}

/// Version of the decree by which something was decided.
fn decided_by(record: &Record) -> Option<String> {
    match &record.event {
        Event::SubmissionAccepted { ruling, .. } | Event::QueryAnswered { ruling, .. } => {
            Some(ruling.decree.version.clone())
        }
        _ => None,
    }
}

#[test]
fn who_is_suspended_gives_and_receives_nothing_but_sees_its_own_records() {
    if country::model_only("who_is_suspended_gives_and_receives_nothing_but_sees_its_own_records") {
        return;
    }
    let exchange = Exchange::start().unwrap();
    let nodes = ["agency/NSC", "agency/MFA", "auditor/COA"];
    let [nsc, mfa, auditor] = nodes.map(|identity| exchange.node(identity).unwrap());
    block_on(submit(&exchange, &nsc, &year(2024, 100))).unwrap();
    enact_soon(&exchange, "2026-06-01", |draft| draft.suspend("MFA").unwrap());
    let asked = ask_until(&exchange, &mfa, Result::err);
    assert_eq!(asked.kind, Kind::NotPermitted);
    assert!(asked.articles.contains(&"10".to_owned()), "{asked:?}");

    let text = template::demonstration("mfa/ASYLUM_ABROAD.csv").unwrap();
    let batch = birge_tests::batch::Batch::from_csv("MFA", &text, 1_000).unwrap();
    let handed_in = block_on(submit(&exchange, &mfa, &batch)).unwrap_err();
    assert_eq!(handed_in.kind, Kind::NotPermitted, "{handed_in:?}");
    assert!(handed_in.articles.contains(&"10".to_owned()), "{handed_in:?}");

    wait_covered(&exchange, handed_in.exchange.unwrap());
    let all = block_on(records(&exchange, &auditor));
    let refused = all[&asked.exchange.unwrap()].clone();
    assert!(matches!(refused.event, Event::QueryRefused { .. }), "{refused:?}");
    let own = block_on(own_records(&exchange, &mfa));
    assert_eq!(own.get(&asked.exchange.unwrap()), Some(&refused), "its own records stay open");

    // Nobody else is touched.
    block_on(submit(&exchange, &nsc, &year(2023, 100))).unwrap();
    ask_until(&exchange, &nsc, |answer| Some(answer.unwrap()));
}

/// What was begun before the suspension is not finished after it.
#[test]
fn a_suspension_reaches_a_submission_under_way() {
    if country::model_only("a_suspension_reaches_a_submission_under_way") {
        return;
    }
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let batch = signed(&year(2024, 100), &nsc);
    block_on(async {
        let (sender, answer) = begin(&exchange, &nsc).await;
        let mut parts = batch.parts().into_iter();
        sender.send(parts.next().unwrap()).await.unwrap();
        tokio::task::block_in_place(|| {
            enact_soon(&exchange, "2026-06-01", |draft| draft.suspend("NSC").unwrap());
        });
        let client = Client::of(&nsc, exchange.address()).await.unwrap();
        while client.ask(request("MIG_STOCK", &[])).await.is_ok() {}
        for part in parts {
            sender.send(part).await.unwrap();
        }
        drop(sender);
        let refused = answer.await.unwrap().unwrap_err();
        assert_eq!(refused.kind, Kind::NotPermitted, "{refused:?}");
        assert!(refused.articles.contains(&"10".to_owned()), "{refused:?}");
        assert!(refused.exchange.is_some(), "it is recorded: {refused:?}");
    });
    stop_and_verify(&mut exchange);
}

/// Article 9(3) gives auditors the records; nothing else does.
#[test]
fn an_auditor_reads_what_the_decree_gives_it_and_no_more() {
    if country::model_only("an_auditor_reads_what_the_decree_gives_it_and_no_more") {
        return;
    }
    let exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    let first = block_on(submit(&exchange, &nsc, &year(2024, 100))).unwrap();
    assert!(block_on(records(&exchange, &auditor)).contains_key(&place(&first)));
    enact_soon(&exchange, "2026-06-01", |draft| {
        let rules = draft.files.get_mut("rules.cedar").unwrap();
        let rule = "@article(\"9(3)\")\npermit (principal is Auditor, \
                    action == Action::\"readRecord\", resource);\n";
        assert!(rules.contains(rule), "{rules}");
        *rules = rules.replace(rule, "");
    });
    let refused = watch::until(auditor.dir(), "the amendment", || {
        let answer = block_on(async {
            let client = Client::of(&auditor, exchange.address()).await?;
            anyhow::Ok(
                client
                    .audit()
                    .records(RecordsRequest { from: 0, to: 0, filter: None })
                    .await
                    .map(drop),
            )
        })?;
        Ok(answer.err().map(|status| Problem::from_status(&status)))
    })
    .unwrap();
    assert_eq!(refused.kind, Kind::NotPermitted, "{refused:?}");
    assert!(!refused.articles.is_empty(), "{refused:?}");
    assert!(refused.exchange.is_some(), "the refusal is recorded: {refused:?}");
    // Who may see its own still does.
    let second = block_on(submit(&exchange, &nsc, &year(2023, 100))).unwrap();
    let own = block_on(own_records(&exchange, &nsc));
    assert!(own.contains_key(&place(&first)) && own.contains_key(&place(&second)), "{own:?}");
}
