//! Quorums, groups in groups, and texts that are no policy.

use proptest::prelude::*;

use super::*;
use crate::{
    envelope::SigningKey,
    tlog::{
        cosignature::Cosigner,
        note::{NoteSigner, add_signature},
    },
};

const ORIGIN: &str = "birge.example/log";

fn cosigner(name: &str) -> Cosigner {
    Cosigner::new(&format!("birge.example/witness/{name}"), SigningKey::generate().unwrap())
        .unwrap()
}

fn named(name: &str, cosigner: &Cosigner) -> (String, CosignatureVerifier) {
    (name.to_owned(), cosigner.verifier())
}

#[test]
fn the_chamber_and_so_many_participants_make_the_quorum() {
    let log = NoteSigner::new(ORIGIN, SigningKey::generate().unwrap()).unwrap();
    let chamber = cosigner("COA");
    let others: Vec<_> = ["A", "B", "C"].map(|name| (name, cosigner(name))).into();
    let mandatory = vec![(String::from("COA"), Some(chamber.verifier()))];
    let participants = others.iter().map(|(name, key)| named(name, key)).collect();
    let policy = Policy::of_quorum(vec![log.verifier()], mandatory, participants, 2).unwrap();
    assert_eq!(Policy::parse(policy.to_string().as_bytes()), Ok(policy.clone()));

    let checkpoint = Checkpoint::new(ORIGIN, 7, [7; 32]).unwrap();
    let time = Timestamp::from_second(1_700_000_000).unwrap();
    let cosign = |note: &[u8], key: &Cosigner| {
        add_signature(note, &key.cosign(&checkpoint, time).unwrap()).unwrap()
    };
    let mut note = checkpoint.sign(&log).unwrap();
    for (_, other) in &others {
        note = cosign(&note, other);
        assert!(!policy.judge(&note).unwrap().witnessed, "without the Chamber");
    }
    let mut few = cosign(&checkpoint.sign(&log).unwrap(), &chamber);
    few = cosign(&few, &others[0].1);
    assert!(!policy.judge(&few).unwrap().witnessed, "one participant of two");
    let judged = policy.judge(&cosign(&few, &others[2].1)).unwrap();
    assert!(judged.witnessed);
    assert_eq!(judged.cosigned.keys().collect::<Vec<_>>(), ["A", "C", "COA"]);

    let stranger = NoteSigner::new(ORIGIN, SigningKey::generate().unwrap()).unwrap();
    assert!(policy.judge(&checkpoint.sign(&stranger).unwrap()).is_err());
}

#[test]
fn a_quorum_that_cannot_be_is_never_reached() {
    let (a, b) = (cosigner("A"), cosigner("B"));
    let both = || vec![named("A", &a), named("B", &b)];
    let absent = vec![(String::from("COA"), None)];
    for policy in [
        Policy::of_quorum(vec![], absent, both(), 1).unwrap(),
        Policy::of_quorum(vec![], vec![], both(), 3).unwrap(),
        Policy::of_quorum(vec![], vec![], both(), 0).unwrap(),
    ] {
        assert!(!policy.is_quorum(|_| true), "{policy}");
    }
    assert!(Policy::of_quorum(vec![], vec![], both(), 2).unwrap().is_quorum(|_| true));
    let twice = vec![named("A", &a), named("B", &a)];
    assert!(Policy::of_quorum(vec![], vec![], twice, 1).is_err());
}

#[test]
fn groups_in_groups_as_in_the_specification() {
    let mut text = String::from("# two bodies\n\n");
    for name in ["X1", "X2", "X3", "Y1", "Y2", "Y3"] {
        text +=
            &format!("witness {name}\t{}  https://w.example/\n", cosigner(name).verifier().vkey());
    }
    text += "group X 2 X1 X2 X3\n  group Y any Y1 Y2 Y3\ngroup X-and-Y all X Y\nquorum X-and-Y\n";
    let policy = Policy::parse(text.as_bytes()).unwrap();
    let quorum = |names: &[&str]| policy.is_quorum(|name| names.contains(&name));
    assert!(quorum(&["X1", "X3", "Y2"]));
    assert!(!quorum(&["X1", "X2", "X3"]) && !quorum(&["X1", "Y1", "Y2"]));
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let key = cosigner("A").verifier().vkey().to_string();
    let line = |text: &str| match Policy::parse(text.as_bytes()) {
        Err(PolicyError::Line { line, .. }) => line,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(line("quorum A\n"), 1);
    assert_eq!(line(&format!("witness A {key}\nwitness B {key}\nquorum A\n")), 2);
    assert_eq!(line(&format!("witness A {key}\ngroup G 2 A\nquorum G\n")), 2);
    assert_eq!(line(&format!("witness A {key}\ngroup G 01 A\nquorum G\n")), 2);
    assert_eq!(line(&format!("witness A {key}\ngroup G 1 A\ngroup H 1 A\nquorum G\n")), 3);
    assert_eq!(line(&format!("witness none {key}\nquorum none\n")), 1);
    assert_eq!(line("log x\nquorum none\n"), 1);
    assert_eq!(line("quorum none\nquorum none\n"), 2);
    assert_eq!(line("quorum none\r\n"), 1);
    assert_eq!(Policy::parse(b"# nothing\n"), Err(PolicyError::NoQuorum));
    assert_eq!(Policy::parse(b"\xff"), Err(PolicyError::Text));
    assert_eq!(Policy::parse(&vec![b'#'; POLICY_BYTES + 1]), Err(PolicyError::TooLarge));
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_read_is_written(text in "((log|witness|group|quorum|any|all|none|a|b|1|#)[ \t\n]){0,20}") {
        if let Ok(policy) = Policy::parse(text.as_bytes()) {
            prop_assert_eq!(Policy::parse(policy.to_string().as_bytes()), Ok(policy));
        }
    }
}
