//! The encoder against `serde_json_canonicalizer`.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};

use super::*;
use crate::{
    manifest::{Action, BatchId},
    record::{
        AccountAct, Authorised, Counts, DecreeName, Event, KeySignature, Outcome, Protection,
        Record, Ruling, Scope,
    },
};

fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = b"before".to_vec();
    append(&mut out, value)?;
    Ok(out.split_off(b"before".len()))
}

fn oracle<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).unwrap()
}

/// Text with what is awkward in names: escapes, other scripts, and characters whose order
/// in UTF-16 is not that in UTF-8.
fn text() -> impl Strategy<Value = String> {
    let awkward = prop::sample::select(vec![
        'a',
        'B',
        '"',
        '\\',
        '/',
        '\n',
        '\u{1}',
        '\u{7f}',
        'ө',
        'К',
        '\u{2028}',
        '\u{fb33}',
        '\u{ffff}',
        '\u{1f600}',
        ' ',
        '!',
    ]);
    prop_oneof![
        "[a-zA-Z]{0,8}",
        vec(prop_oneof![awkward, any::<char>()], 0..4).prop_map(String::from_iter),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1_000_i64..1_000).prop_map(Value::from),
        (EXACT - 2..EXACT + 3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((text(), inner), 0..6)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_value_is_written_as_the_oracle_does(value in value()) {
        prop_assert_eq!(canonical(&value).unwrap(), oracle(&value));
    }

    #[test]
    fn any_member_finds_its_place(members in vec((text(), value()), 0..8)) {
        // In the order drawn, which no map of JSON values keeps.
        struct Drawn(Vec<(String, Value)>);
        impl Serialize for Drawn {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_map(self.0.iter().map(|(name, value)| (name, value)))
            }
        }
        let unique = members.iter().map(|(name, _)| name).collect::<std::collections::BTreeSet<_>>();
        let (twice, members) = (unique.len() < members.len(), Drawn(members));
        match canonical(&members) {
            Ok(bytes) => prop_assert_eq!(bytes, oracle(&members)),
            Err(error) => prop_assert!(twice, "{}", error),
        }
    }
}

/// Records of many kinds, whose texts and request are what is drawn.
fn records(text: &str, number: u64, request: &Value) -> Vec<Record> {
    let text = || text.to_owned();
    let decree = || DecreeName { number: text(), version: text() };
    let ruling = || Ruling {
        decree: decree(),
        permit: number.is_multiple_of(2),
        articles: vec![text(), String::from("7(2)")],
        request: request.clone(),
    };
    let findings = || BTreeMap::from([(text(), number), (String::from("MIG-7"), 1)]);
    let time = "2026-01-01T00:00:00.000000001Z".parse().unwrap();
    let identity = || "agency/NSC".parse().unwrap();
    let authorised =
        || Authorised { request: Some(text()), stated: time, key_id: text(), signature: text() };
    let batch = BatchId([number as u8; 32]);
    let events = vec![
        Event::Genesis {
            origin: text(),
            log_key: text(),
            authority_keys: vec![text()],
            authority_quorum: number,
            witness_keys: BTreeMap::from([(identity(), text())]),
        },
        Event::StructuresAdopted { digest: text() },
        Event::DecreeEnacted {
            decree: decree(),
            in_force_from: time,
            digest: text(),
            signatures: vec![KeySignature { key_id: text(), signature: text() }],
        },
        Event::ParticipantEnrolled {
            identity: identity(),
            serial: text(),
            certificate: text(),
            signing_key: Some(text()),
            witness_key: Some(text()),
            authorised: Some(authorised()),
        },
        Event::LogKeyAdded { log_key: text(), authorised: authorised() },
        Event::LogKeyRetired { log_key: text(), authorised: authorised() },
        Event::LogFrozen { successor: text(), log_key: text(), authorised: authorised() },
        Event::LogContinued { origin: text(), log_key: text(), last: text() },
        Event::WitnessQuorumLost { witnessed: number, missing: vec![identity()] },
        Event::WitnessQuorumRegained { witnessed: number },
        Event::StartedUnwitnessed { answered: number, needed: 4 },
        Event::HoldPlaced { hold: text(), from: number, to: None },
        Event::HoldLifted { hold: text() },
        Event::ParticipantRevoked { identity: identity(), serials: vec![text(), text()] },
        Event::SubmissionAccepted {
            batch,
            dataset: text(),
            version: text(),
            periods: vec![text()],
            action: Action::Replace,
            revises: Some(batch),
            outcome: Outcome::Warning,
            counts: Counts { imported: number, ..Counts::default() },
            findings: findings(),
            late: true,
            cause: None,
            consent: Some(KeySignature { key_id: text(), signature: text() }),
            approved: Some(text()),
            justified: vec![text()],
            digest: text(),
            ruling: ruling(),
        },
        Event::Account {
            person: "member/NSC/k3jq7x2m".parse().unwrap(),
            act: AccountAct::TokenIssued {
                token: text(),
                scopes: Scope::ALL.into(),
                expires: time,
            },
        },
        Event::SubmissionChecked {
            batch,
            dataset: text(),
            outcome: Outcome::Success,
            findings: findings(),
        },
        Event::SubmissionRejected {
            batch: None,
            dataset: Some(text()),
            problem: text(),
            findings: findings(),
            ruling: Some(ruling()),
            articles: vec![text()],
        },
        Event::Released {
            dataset: text(),
            periods: vec![text()],
            batch,
            cells: number,
            withheld: 0,
            method: text(),
            protection: Some(Protection { attacked: number, ..Protection::default() }),
            digest: text(),
        },
        Event::PublicReleased {
            dataset: text(),
            periods: vec![text()],
            batch,
            decree: ruling().decree,
            articles: vec![text()],
        },
        Event::QueryAnswered {
            dataset: text(),
            selection: text(),
            batches: vec![batch],
            answered: number,
            withheld: 1,
            early: number,
            as_of: Some(time),
            digest: text(),
            ruling: ruling(),
        },
        Event::QueryRefused { dataset: None, problem: text(), ruling: Some(ruling()) },
        Event::ActRefused { act: text(), problem: text() },
        Event::RecordsRead { from: number, to: u64::MAX },
        Event::Simulated { digest: text(), records: number, changed: 0 },
        Event::NamesErased { before: time, records: number },
        Event::Turned { since: time, counts: findings() },
    ];
    let record = |event| Record {
        time,
        actor: identity(),
        parties: BTreeMap::from([(identity(), number), ("auditor/COA".parse().unwrap(), 7)]),
        persons: BTreeMap::from([(text(), text())]),
        event,
    };
    events.into_iter().map(record).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_record_is_written_as_the_oracle_does(
        text in text(), number in any::<u64>(), request in value()
    ) {
        for record in records(&text, number, &request) {
            prop_assert_eq!(canonical(&record).unwrap(), oracle(&record));
        }
    }
}

#[test]
fn the_specification_s_example_comes_out() {
    let value = json!({
        "numbers": [333_333_333.333_333_3, 1E30, 4.50, 2e-3, 0.000_000_000_000_000_000_000_000_001],
        "string": "\u{20ac}$\u{f}\nA'B\"\\\\\"/",
        "literals": [null, true, false]
    });
    assert_eq!(
        String::from_utf8(canonical(&value).unwrap()).unwrap(),
        r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
    );
}

#[test]
fn names_that_are_numbers_sort_as_text() {
    let map = BTreeMap::from([(2_u8, 'b'), (10, 'a')]);
    assert_eq!(canonical(&map).unwrap(), br#"{"10":"a","2":"b"}"#);
}

#[test]
fn a_name_that_stands_twice_is_refused() {
    #[derive(Serialize)]
    struct Outer {
        a: u8,
        #[serde(flatten)]
        inner: BTreeMap<&'static str, u8>,
    }
    for names in [["a", "b"], ["a", "ө"]] {
        let twice = Outer { a: 1, inner: names.map(|name| (name, 2)).into() };
        assert!(canonical(&twice).unwrap_err().to_string().contains("twice"));
    }
}
