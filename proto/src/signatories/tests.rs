//! Which signatures are enough, and which are not.

use super::*;
use crate::envelope::SigningKey;

const BUNDLE: &[u8] = b"a decree";

/// Three keys, ascending by id, and the authority that asks for two of them.
fn three() -> (Vec<SigningKey>, Signatories) {
    let mut keys: Vec<_> = (0..3).map(|_| SigningKey::generate().unwrap()).collect();
    keys.sort_by_key(|key| key.verifying_key().id());
    let public = keys.iter().rev().map(SigningKey::verifying_key).collect();
    (keys, Signatories::new(public, 2).unwrap())
}

fn signed(key: &SigningKey, bytes: &[u8]) -> KeySignature {
    let signature = hex::encode(key.sign(DECREE_TYPE, bytes));
    KeySignature { key_id: key.verifying_key().id(), signature }
}

#[test]
fn an_authority_has_keys_each_once_and_asks_for_no_more_than_there_are() {
    let key = SigningKey::generate().unwrap().verifying_key();
    let other = SigningKey::generate().unwrap().verifying_key();
    assert_eq!(Signatories::new(vec![], 1), Err(SignatoriesError::Nobody));
    let twice = Signatories::new(vec![key, other, key], 2);
    assert_eq!(twice, Err(SignatoriesError::Twice(key.id())));
    for quorum in [0, 3] {
        let error = Signatories::new(vec![key, other], quorum).unwrap_err();
        assert_eq!(error, SignatoriesError::Quorum { quorum, count: 2 });
        assert!(error.to_string().ends_with("from 1 to 2"), "{error}");
    }
    let error = Signatories::pinned(&["0102".into()], 1).unwrap_err();
    assert_eq!(error, SignatoriesError::Key("0102".into()));
    let nobody = Signatories::default();
    assert!(nobody.tally(BUNDLE, &[]).is_err() && nobody.suffices(&[]).is_err());
}

#[test]
fn it_is_kept_as_it_was_and_nothing_unsound_is_read() {
    let (_, signatories) = three();
    let kept = serde_json::to_value(&signatories).unwrap();
    assert_eq!(serde_json::from_value::<Signatories>(kept.clone()).unwrap(), signatories);
    for quorum in [0, 4] {
        let mut wrong = kept.clone();
        wrong["quorum"] = quorum.into();
        assert!(serde_json::from_value::<Signatories>(wrong).is_err());
    }
}

#[test]
fn any_two_of_three_are_enough_and_are_put_in_order() {
    let (keys, signatories) = three();
    for (one, other) in [(0, 1), (1, 2), (2, 0)] {
        let given = [&keys[one], &keys[other]].map(|key| signed(key, BUNDLE));
        let held = signatories.tally(BUNDLE, &given).unwrap();
        assert!(held[0].key_id < held[1].key_id);
        signatories.verify(BUNDLE, &held).unwrap();
    }
    let all: Vec<_> = keys.iter().map(|key| signed(key, BUNDLE)).collect();
    assert_eq!(signatories.tally(BUNDLE, &all).unwrap(), all);
    signatories.verify(BUNDLE, &all).unwrap();
}

#[test]
fn one_key_counts_once_and_what_does_not_hold_for_nothing() {
    let (keys, signatories) = three();
    let [one, other] = [&keys[0], &keys[1]].map(|key| signed(key, BUNDLE));
    let twice = signatories.tally(BUNDLE, &[one.clone(), one.clone()]);
    assert_eq!(twice, Err(Unsigned::Twice(one.key_id.clone())));
    let forged = signed(&keys[2], b"another decree");
    let stranger = signed(&SigningKey::generate().unwrap(), BUNDLE);
    let few = |signatures: &[KeySignature]| match signatories.tally(BUNDLE, signatures) {
        Err(Unsigned::Few(few)) => few,
        other => panic!("{other:?}"),
    };
    let told = few(&[stranger.clone(), one.clone(), forged.clone()]);
    assert_eq!(
        told,
        Few {
            needed: 2,
            pinned: 3,
            signed: vec![one.key_id.clone()],
            forged: vec![forged.key_id.clone()],
            strangers: vec![stranger.key_id.clone()],
        }
    );
    let words = told.to_string();
    assert!(words.contains("1 of 2 signatures"), "{words}");
    assert!([&one, &forged, &stranger].iter().all(|each| words.contains(&each.key_id)));
    let unread = KeySignature { signature: "x".into(), ..one.clone() };
    assert_eq!(few(&[unread]).forged, std::slice::from_ref(&one.key_id));

    let held = signatories.tally(BUNDLE, &[other.clone(), forged, stranger, one.clone()]);
    assert_eq!(held.unwrap(), [one, other], "two that hold are enough, and only they are told");
}

#[test]
fn a_record_bears_enough_signatures_in_order_each_once_and_none_that_does_not_hold() {
    let (keys, signatories) = three();
    let all: Vec<_> = keys.iter().map(|key| signed(key, BUNDLE)).collect();
    let [one, two, three] = [0, 1, 2].map(|at| all[at].clone());
    let stranger = signed(&SigningKey::generate().unwrap(), BUNDLE);
    let refused = |signatures: &[KeySignature]| signatories.suffices(signatures).unwrap_err();
    assert!(matches!(refused(&[]), Unsigned::Few(_)));
    assert!(matches!(refused(std::slice::from_ref(&one)), Unsigned::Few(_)));
    assert_eq!(refused(&[one.clone(), one.clone()]), Unsigned::Twice(one.key_id.clone()));
    assert_eq!(refused(&[two.clone(), one.clone()]), Unsigned::Disordered);
    let mut with = vec![one.clone(), two.clone(), stranger.clone()];
    with.sort_by(|a, b| a.key_id.cmp(&b.key_id));
    assert_eq!(refused(&with), Unsigned::Stranger(stranger.key_id));

    let forged = KeySignature { signature: one.signature.clone(), ..three };
    let signatures = [one, two, forged.clone()];
    signatories.suffices(&signatures).unwrap();
    let verified = signatories.verify(BUNDLE, &signatures);
    assert_eq!(verified, Err(Unsigned::Forged(forged.key_id)));
    assert!(signatories.verify(b"another decree", &signatures).is_err());
}

#[test]
fn an_error_repeats_little_of_what_others_wrote() {
    let (_, signatories) = three();
    let strange = |at: usize| KeySignature {
        key_id: format!("{at}\u{7}{}", "x".repeat(1 << 20)),
        signature: String::new(),
    };
    let given: Vec<_> = (0..9).map(strange).collect();
    let words = signatories.tally(BUNDLE, &given).unwrap_err().to_string();
    assert!(words.len() < 500 && words.contains("and 5 more"), "{words}");
    assert!(!words.contains('\u{7}'));
}
