use birge_proto::envelope::SigningKey;

use birge_proto::{record::Authorised, statement::Statement};

use super::*;

fn record(event: Event) -> Record {
    let actor: Identity = "operator/BIRGE".parse().unwrap();
    Record {
        time: Timestamp::UNIX_EPOCH,
        actor,
        parties: BTreeMap::new(),
        persons: BTreeMap::new(),
        event,
    }
}

fn enrolled(serial: &str) -> Record {
    record(Event::ParticipantEnrolled {
        identity: "agency/NSC".parse().unwrap(),
        serial: serial.into(),
        certificate: String::new(),
        signing_key: Some(hex::encode([7; 32])),
        witness_key: None,
        authorised: None,
    })
}

#[test]
fn who_is_revoked_takes_no_part_until_enrolled_again() {
    let nsc: Identity = "agency/NSC".parse().unwrap();
    let mut registry = Registry::default();
    registry.apply(0, &enrolled("01"));
    assert_eq!(registry.participant(&nsc).unwrap().signing_keys.len(), 1);
    registry.apply(
        1,
        &record(Event::ParticipantRevoked { identity: nsc.clone(), serials: vec!["01".into()] }),
    );
    assert!(registry.participant(&nsc).is_none());
    registry.apply(2, &enrolled("02"));
    let participant = registry.participant(&nsc).unwrap();
    assert!(participant.serials.contains("02") && !participant.serials.contains("01"));
}

#[test]
fn a_certificate_is_renewed_once_a_day_and_revoked_with_the_others() {
    let nsc: Identity = "agency/NSC".parse().unwrap();
    let asked = |hour: i64| Authorised {
        request: None,
        stated: Timestamp::from_second(hour * 3_600).unwrap(),
        key_id: String::new(),
        signature: String::new(),
    };
    let mut registry = Registry::default();
    assert!(registry.bars_renewal(&nsc, Some(&asked(0))).unwrap().contains("not enrolled"));
    registry.apply(0, &enrolled("01"));
    assert_eq!(registry.bars_renewal(&nsc, Some(&asked(0))), None);
    let renewed = Event::CertificateRenewed {
        identity: nsc.clone(),
        serial: "02".into(),
        certificate: String::new(),
        asked: Some(asked(0)),
    };
    registry.apply(1, &record(renewed));
    assert!(registry.participant(&nsc).unwrap().serials.contains("02"));
    for (hour, barred) in [(0, true), (23, true), (24, false)] {
        assert_eq!(registry.bars_renewal(&nsc, Some(&asked(hour))).is_some(), barred, "{hour}");
    }
    // Whoever revoked it had not seen the second.
    let revoked = Event::ParticipantRevoked { identity: nsc.clone(), serials: vec!["01".into()] };
    registry.apply(2, &record(revoked));
    assert_eq!(registry.revoked().collect::<Vec<_>>(), ["01", "02"]);
    assert!(registry.bars_renewal(&nsc, Some(&asked(48))).is_some());
}

#[test]
fn what_the_authority_stated_is_put_together_again_until_it_is_revoked() {
    let authority = SigningKey::generate().unwrap();
    let nsc: Identity = "agency/NSC".parse().unwrap();
    let (key, stated) = (Some(hex::encode([7; 32])), Timestamp::UNIX_EPOCH);
    let says = Says::Enrolment {
        identity: nsc.clone(),
        request: "ab".into(),
        signing_key: key.clone(),
        witness_key: None,
    };
    let statement = Statement { origin: "birge.example/log".into(), stated, says };
    let signed = statement.sign(&authority).unwrap();
    let mut registry = Registry::default();
    registry.apply(
        0,
        &record(Event::Genesis {
            origin: statement.origin.clone(),
            log_key: String::new(),
            authority_keys: vec![],
            authority_quorum: 1,
            witness_keys: BTreeMap::new(),
        }),
    );
    let enrolment = Event::ParticipantEnrolled {
        identity: nsc.clone(),
        serial: "01".into(),
        certificate: String::new(),
        signing_key: key,
        witness_key: None,
        authorised: Some(Authorised {
            request: Some("ab".into()),
            stated,
            key_id: signed.key_id.clone(),
            signature: hex::encode(&signed.signature),
        }),
    };
    registry.apply(1, &record(enrolment));
    let known = registry.participant(&nsc).unwrap().statement.clone().unwrap();
    assert_eq!(known.open(&[authority.verifying_key()]).unwrap(), statement);
    let revoked = Event::ParticipantRevoked { identity: nsc, serials: vec!["01".into()] };
    registry.apply(2, &record(revoked));
    assert!(registry.participants().all(|(_, known)| known.statement.is_none()));
}

#[test]
fn the_decree_in_force_is_the_one_whose_time_has_come() {
    let mut registry = Registry::default();
    for (index, (version, from)) in [("a", 10), ("b", 20)].into_iter().enumerate() {
        registry.apply(
            index as u64,
            &record(Event::DecreeEnacted {
                decree: DecreeName { number: "1".into(), version: version.into() },
                in_force_from: Timestamp::from_second(from).unwrap(),
                digest: String::new(),
                signatures: vec![],
            }),
        );
    }
    let at = |second| {
        let time = Timestamp::from_second(second).unwrap();
        registry.decree_at(time).map(|decree| decree.name.version.clone())
    };
    assert_eq!(at(9), None);
    assert_eq!(at(19).as_deref(), Some("a"));
    assert_eq!(at(20).as_deref(), Some("b"));
}

#[test]
fn article_11_no_decree_is_retroactive_and_none_is_enacted_twice() {
    let name = |version: &str| DecreeName { number: "1".into(), version: version.into() };
    let at = |second| Timestamp::from_second(second).unwrap();
    let mut registry = Registry::default();
    assert_eq!(registry.bars_decree(&name("a"), at(10), at(20)), None, "the log's first");
    registry.decrees.push(Enacted { name: name("a"), from: at(10), index: 2 });
    assert!(registry.bars_decree(&name("b"), at(19), at(20)).is_some());
    assert_eq!(registry.bars_decree(&name("b"), at(20), at(20)), None);
    assert!(registry.bars_decree(&name("a"), at(30), at(20)).is_some());
}
