use birge_proto::{
    envelope::{DECREE_TYPE, SigningKey},
    tlog::{
        checkpoint::Checkpoint,
        cosignature::Cosigner,
        note::{NoteSigner, add_signature},
    },
};
use birge_schemas::decree;

use super::*;

const ORIGIN: &str = "birge.example/log";
const WHO: [&str; 6] =
    ["agency/NSC", "agency/MLSSM", "agency/MIA", "agency/MFA", "agency/SBS", "auditor/COA"];

struct Case {
    authority: SigningKey,
    log: NoteSigner,
    cosigners: Vec<Cosigner>,
}

fn case() -> Case {
    let cosigner =
        |who: &&str| Cosigner::new(&format!("x/{who}"), SigningKey::generate().unwrap()).unwrap();
    Case {
        authority: SigningKey::generate().unwrap(),
        log: NoteSigner::new(ORIGIN, SigningKey::generate().unwrap()).unwrap(),
        cosigners: WHO.iter().map(cosigner).collect(),
    }
}

fn signed(key: &SigningKey, decree: &[u8]) -> birge_proto::wire::KeySignature {
    birge_proto::wire::KeySignature {
        key_id: key.verifying_key().id(),
        signature: key.sign(DECREE_TYPE, decree),
    }
}

impl Case {
    fn says(&self, at: i64, says: Says) -> birge_proto::wire::Statement {
        let stated = Timestamp::from_second(at).unwrap();
        let statement = Statement { origin: ORIGIN.into(), stated, says };
        statement.sign(&self.authority).unwrap().into()
    }

    fn enrolment(&self, at: i64, who: &str, key: &Cosigner) -> birge_proto::wire::Statement {
        let witness_key = Some(key.verifier().vkey().to_string());
        let (identity, request) = (who.parse().unwrap(), "00".into());
        self.says(at, Says::Enrolment { identity, request, signing_key: None, witness_key })
    }

    fn answer(&self) -> WitnessesResponse {
        let decree = decree::model().unwrap();
        let witnesses =
            WHO.iter().zip(&self.cosigners).map(|(who, key)| self.enrolment(5, who, key));
        WitnessesResponse {
            signatures: vec![signed(&self.authority, &decree)],
            decree,
            witnesses: witnesses.collect(),
            log_keys: vec![],
        }
    }

    fn signatories(&self) -> Signatories {
        Signatories::new(vec![self.authority.verifying_key()], 1).unwrap()
    }

    fn policy(&self, answer: WitnessesResponse) -> Result<Policy, Failure> {
        of_answer(answer, &self.log.verifier(), &self.signatories()).map(|stated| stated.policy)
    }

    fn signed(&self, log: &NoteSigner, by: &[&Cosigner]) -> Vec<u8> {
        let checkpoint = Checkpoint::new(ORIGIN, 7, [7; 32]).unwrap();
        let time = Timestamp::from_second(1_700_000_000).unwrap();
        by.iter().fold(checkpoint.sign(log).unwrap(), |note, key| {
            add_signature(&note, &key.cosign(&checkpoint, time).unwrap()).unwrap()
        })
    }
}

#[test]
fn the_policy_follows_from_what_the_authority_signed() {
    let case = case();
    let policy = case.policy(case.answer()).unwrap();
    let all: Vec<_> = case.cosigners.iter().collect();
    assert!(policy.judge(&case.signed(&case.log, &all)).unwrap().witnessed);
    assert!(!policy.judge(&case.signed(&case.log, &all[..5])).unwrap().witnessed);

    // Of two statements of one identity the later counts, in whatever order they come.
    let newer = Cosigner::new("x/coa2", SigningKey::generate().unwrap()).unwrap();
    for first in [true, false] {
        let mut answer = case.answer();
        let place = if first { 0 } else { 6 };
        answer.witnesses.insert(place, case.enrolment(6, "auditor/COA", &newer));
        let policy = case.policy(answer).unwrap();
        assert!(!policy.judge(&case.signed(&case.log, &all)).unwrap().witnessed);
        let with = [&all[..5], &[&newer]].concat();
        assert!(policy.judge(&case.signed(&case.log, &with)).unwrap().witnessed);
    }
}

#[test]
fn what_the_authority_did_not_sign_is_refused() {
    let (case, other) = (case(), self::case());
    let refused = |change: &dyn Fn(&mut WitnessesResponse)| {
        let mut answer = case.answer();
        change(&mut answer);
        case.policy(answer).unwrap_err()
    };
    refused(&|answer| answer.decree[9] ^= 1);
    refused(&|answer| answer.signatures = vec![signed(&other.authority, &answer.decree)]);
    refused(&|answer| {
        let forged = signed(&other.authority, &answer.decree).signature;
        answer.signatures[0].signature = forged;
    });
    refused(&|answer| answer.signatures.clear());
    refused(&|answer| answer.witnesses[3] = other.answer().witnesses.remove(3));
    refused(&|answer| {
        let log_key = case.log.verifier().to_string();
        answer.witnesses[0] = case.says(1, Says::LogKey { log_key });
    });
    refused(&|answer| answer.witnesses = vec![answer.witnesses[0].clone(); STATEMENTS + 1]);
    refused(&|answer| {
        let log_key = case.log.verifier().to_string();
        answer.log_keys = vec![case.says(1, Says::LogKeyRetired { log_key })];
    });
}

#[test]
fn a_log_key_that_was_retired_counts_no_more() {
    let case = case();
    let next = NoteSigner::new(ORIGIN, SigningKey::generate().unwrap()).unwrap();
    let text = |log: &NoteSigner| log.verifier().to_string();
    let mut answer = case.answer();
    answer.log_keys = vec![
        case.says(9, Says::LogKeyRetired { log_key: text(&case.log) }),
        case.says(8, Says::LogKey { log_key: text(&next) }),
    ];
    let policy = case.policy(answer).unwrap();
    assert_eq!(policy.logs(), [next.verifier()]);
    assert!(policy.judge(&case.signed(&case.log, &[])).is_err());
}

#[test]
fn every_key_that_the_authority_stated_is_told_also_when_it_is_retired() {
    let case = case();
    let [second, third] =
        [(); 2].map(|()| NoteSigner::new(ORIGIN, SigningKey::generate().unwrap()).unwrap());
    let text = |log: &NoteSigner| log.verifier().to_string();
    let mut answer = case.answer();
    answer.log_keys = vec![
        case.says(2, Says::LogKey { log_key: text(&second) }),
        case.says(3, Says::LogKeyRetired { log_key: text(&case.log) }),
        case.says(4, Says::LogKey { log_key: text(&third) }),
        case.says(5, Says::LogKeyRetired { log_key: text(&second) }),
    ];
    let log = case.log.verifier();
    let stated = of_answer(answer, &log, &case.signatories()).unwrap();
    assert_eq!(stated.policy.logs(), [third.verifier()]);
    assert_eq!(stated.newest.retired, [text(&case.log), text(&second)]);
    assert_eq!(stated.ever, [log, second.verifier(), third.verifier()]);
}

#[test]
fn article_3_4_a_decree_shown_must_bear_as_many_signatures_as_were_told() {
    let case = case();
    let [second, third] = [(); 2].map(|()| SigningKey::generate().unwrap());
    let keys = [&case.authority, &second, &third].map(SigningKey::verifying_key);
    let signatories = Signatories::new(keys.into(), 2).unwrap();
    let shown = |by: &[&SigningKey]| {
        let mut answer = case.answer();
        answer.signatures = by.iter().map(|key| signed(key, &answer.decree)).collect();
        of_answer(answer, &case.log.verifier(), &signatories)
    };
    shown(&[&third, &case.authority]).unwrap();
    for by in [&[&second][..], &[&second, &second]] {
        assert!(shown(by).is_err(), "{by:?}");
    }
}

#[test]
fn pinned_keys_are_the_only_ones_and_so_is_how_many_of_them_sign() {
    let keys: Vec<_> = (0..2).map(|_| SigningKey::generate().unwrap().verifying_key()).collect();
    let texts = |which: &[usize]| which.iter().map(|at| hex::encode(keys[*at].0)).collect();
    let believed = |pinned: (&[usize], u64), told: (&[usize], u64)| {
        let (authority_keys, authority_quorum) = (texts(told.0), told.1);
        let enrolled = Enrolled { authority_keys, authority_quorum, ..crate::testing::enrolled() };
        let (authority_keys, authority_quorum) = (texts(pinned.0), pinned.1);
        authority(&Trust { authority_keys, authority_quorum }, &enrolled)
    };
    let of = |which: &[usize], quorum| {
        Signatories::new(which.iter().map(|at| keys[*at]).collect(), quorum).unwrap()
    };
    assert_eq!(believed((&[], 0), (&[], 0)).unwrap(), Signatories::default());
    assert_eq!(believed((&[], 0), (&[0], 1)).unwrap(), of(&[0], 1));
    assert_eq!(believed((&[], 0), (&[0, 1], 0)).unwrap(), of(&[0, 1], 2), "all, unless told");
    assert_eq!(believed((&[0, 1], 1), (&[0], 1)).unwrap(), of(&[0, 1], 1));
    assert_eq!(believed((&[0, 1], 0), (&[1, 0], 2)).unwrap(), of(&[0, 1], 2));
    assert_eq!(believed((&[0], 0), (&[], 0)).unwrap(), of(&[0], 1));
    let refused = |pinned, told| believed(pinned, told).unwrap_err().to_string();
    assert!(refused((&[0], 1), (&[1], 1)).contains("does not pin"));
    assert!(refused((&[0], 1), (&[0, 1], 1)).contains("does not pin"));
    for (pinned, told) in [(0, 1), (2, 1), (1, 2), (1, 0)] {
        let words = refused((&[0, 1], pinned), (&[0, 1], told));
        assert!(words.contains("authority_quorum"), "{words}");
    }
    assert!(refused((&[0, 1], 3), (&[], 0)).contains("from 1 to 2"));
    let trust = Trust { authority_keys: vec!["xyz".into()], authority_quorum: 1 };
    assert!(authority(&trust, &crate::testing::enrolled()).is_err());
}

#[test]
fn what_is_kept_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path());
    home.create().unwrap();
    let case = case();
    let log = case.log.verifier();
    assert!(!kept(&home, &log).unwrap().asks_for_witnesses());
    let policy = case.policy(case.answer()).unwrap();
    home::write(&home.join(FILE), policy.to_string().as_bytes()).unwrap();
    assert_eq!(kept(&home, &log).unwrap(), policy);
    let other = NoteSigner::new("other", SigningKey::generate().unwrap()).unwrap();
    assert!(kept(&home, &other.verifier()).is_err());
    fs::write(home.join(FILE), "quorum?").unwrap();
    assert!(kept(&home, &log).is_err());
}

#[test]
fn a_log_that_goes_on_takes_the_place_of_the_frozen_one() {
    let case = case();
    let next = NoteSigner::new("birge.example/log/2", SigningKey::generate().unwrap()).unwrap();
    let authority = case.signatories();
    let of = |origin: &str, at: i64, says: Says| {
        let stated = Timestamp::from_second(at).unwrap();
        let statement = Statement { origin: origin.into(), stated, says };
        birge_proto::wire::Statement::from(statement.sign(&case.authority).unwrap())
    };
    let text = |log: &NoteSigner| log.verifier().to_string();
    let successor =
        || Says::Successor { successor: "birge.example/log/2".into(), log_key: text(&next) };
    let mut answer = case.answer();
    answer.log_keys = vec![of(ORIGIN, 8, successor())];
    let enrolled = Says::Enrolment {
        identity: "agency/NSC".parse().unwrap(),
        request: "00".into(),
        signing_key: None,
        witness_key: None,
    };
    answer.witnesses.push(of("birge.example/log/2", 9, enrolled.clone()));
    for (log, ever) in [
        (case.log.verifier(), vec![case.log.verifier(), next.verifier()]),
        (next.verifier(), vec![next.verifier()]),
    ] {
        let stated = of_answer(answer.clone(), &log, &authority).unwrap();
        assert_eq!((stated.policy.logs(), &stated.ever), (&[next.verifier()][..], &ever));
    }
    // Neither of another exchange of the same authority, nor a key of the frozen log after it.
    let late = Says::LogKey { log_key: text(&next) };
    for wrong in [of("other.example/log", 9, successor()), of("birge.example/log/2", 7, late)] {
        let mut answer = answer.clone();
        answer.log_keys.push(wrong);
        assert!(of_answer(answer, &case.log.verifier(), &authority).is_err());
    }
    let mut answer = answer.clone();
    answer.witnesses.push(of("other.example/log", 9, enrolled));
    assert!(of_answer(answer, &case.log.verifier(), &authority).is_err());
}

#[test]
fn what_is_older_than_what_was_seen_is_not_taken() {
    let case = case();
    let seen = |answer: WitnessesResponse| {
        let stated = of_answer(answer, &case.log.verifier(), &case.signatories());
        stated.map(|stated| (stated.newest, stated.policy.logs().to_vec())).unwrap()
    };
    let next = NoteSigner::new(ORIGIN, SigningKey::generate().unwrap()).unwrap();
    let mut answer = case.answer();
    answer.witnesses.push(case.enrolment(6, "agency/NSC", &case.cosigners[0]));
    let text = |log: &NoteSigner| log.verifier().to_string();
    answer.log_keys = vec![
        case.says(8, Says::LogKey { log_key: text(&next) }),
        case.says(9, Says::LogKeyRetired { log_key: text(&case.log) }),
    ];
    let (newest, logs) = seen(answer.clone());
    assert_eq!(newest.clone().and(newest.clone(), &logs).unwrap(), newest);
    let older: [fn(&mut WitnessesResponse); 3] = [
        |answer| drop(answer.witnesses.pop()),
        |answer| drop(answer.log_keys.pop()),
        |answer| answer.log_keys.clear(),
    ];
    for older in older {
        let mut shown = answer.clone();
        older(&mut shown);
        let (shown, logs) = seen(shown);
        assert!(newest.clone().and(shown, &logs).is_err());
    }
    let earlier = newest.in_force_from.map(|from| from - jiff::SignedDuration::from_secs(1));
    let (decree, _) = (Newest { in_force_from: earlier, ..newest.clone() }, ());
    assert!(newest.and(decree, &logs).is_err());
}
