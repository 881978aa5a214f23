//! What counts only with the authority's signature: enrolments, decrees.
//! Whoever holds all that the operator holds makes no agency and no witness by that.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use birge_gateway::{
    ceremony::{Authorisation, Enrolment},
    keys::read_signing_key,
};
use birge_proto::{
    clock::{Clock, SystemClock},
    envelope::SigningKey,
    problem::{Kind, Problem},
    record::Event,
    statement::{Says, Statement},
    tlog::cosignature::Cosigner,
    wire::EnrolRequest,
};
use birge_tests::{
    binaries::binaries,
    decree::Draft,
    exchange::{Exchange, TRUST_DOMAIN},
    node::Node,
    process::{Output, Process},
};
use serde_json::Value;

use crate::support::{block_on, operator, record, records, stop_and_verify, submit, year};

/// A node that is not enrolled, in a folder of its own.
pub(crate) fn stranger(exchange: &Exchange, folder: &str, identity: &str) -> (Node, Enrolment) {
    let dir = exchange.dir().join(folder);
    let node = Node::at(&dir, identity, exchange.address().port()).unwrap();
    let enrolment = Enrolment::read(&node.enrolment()).unwrap();
    (node, enrolment)
}

pub(crate) fn origin() -> String {
    format!("{TRUST_DOMAIN}/log")
}

pub(crate) fn authority(exchange: &Exchange) -> SigningKey {
    read_signing_key(&exchange.authority()).unwrap()
}

/// The enrolment, countersigned now with `key` for the log `origin`.
pub(crate) fn countersigned(enrolment: &Enrolment, origin: &str, key: &SigningKey) -> Enrolment {
    let mut signed = enrolment.clone();
    signed.countersign(origin, SystemClock.now(), key).unwrap();
    signed
}

/// Sends the enrolment as it is, with the operator's certificate; answers with its number.
pub(crate) fn enrol(exchange: &Exchange, enrolment: &Enrolment) -> Result<u64, Problem> {
    let Enrolment { identity, csr, signing_key, witness_key, authorisation } = enrolment.clone();
    let authorisation = authorisation.unwrap();
    let request = EnrolRequest {
        csr,
        identity: identity.to_string(),
        signing_key: hex::decode(signing_key).unwrap(),
        witness_key,
        stated: authorisation.stated.to_string(),
        key_id: authorisation.key_id,
        signature: hex::decode(authorisation.signature).unwrap(),
    };
    block_on(async { operator(exchange).await.admin().enrol(request).await })
        .map(|answer| answer.into_inner().exchange)
        .map_err(|status| Problem::from_status(&status))
}

/// Runs `gateway` on a machine where there is no exchange.
pub(crate) fn elsewhere(arguments: &[&str]) -> Output {
    let mut command = Command::new(&binaries().unwrap().gateway);
    command.args(arguments).args(["--output", "json"]);
    Process::spawn("gateway elsewhere", &mut command).unwrap().wait_end().unwrap()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_operator_alone_makes_no_agency() {
    let mut exchange = Exchange::start().unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    let (sbs, plain) = stranger(&exchange, "sbs", "agency/SBS");
    let (_, nbkr) = stranger(&exchange, "nbkr", "agency/NBKR");
    let (authority, forger) = (authority(&exchange), SigningKey::generate().unwrap());

    let refused = exchange.gateway(&["enrol", text(&sbs.enrolment())]).unwrap();
    let said = refused.expect_code(1).unwrap().stderr;
    assert!(said.contains("gateway countersign"), "{said}");

    let sound = countersigned(&plain, &origin(), &authority);
    let signed = |change: &dyn Fn(&mut Enrolment)| {
        let mut changed = sound.clone();
        change(&mut changed);
        changed
    };
    let authorised = |change: &dyn Fn(&mut Authorisation)| {
        signed(&|changed| change(changed.authorisation.as_mut().unwrap()))
    };
    let mut to_come = plain.clone();
    let tomorrow = SystemClock.now() + std::time::Duration::from_secs(86_400);
    to_come.countersign(&origin(), tomorrow, &authority).unwrap();
    let forged = countersigned(&plain, &origin(), &forger);
    let true_id = authority.verifying_key().id();
    let disguised = |forged: &Enrolment| {
        let mut forged = forged.clone();
        forged.authorisation.as_mut().unwrap().key_id.clone_from(&true_id);
        forged
    };
    let cases = [
        ("no countersignature", authorised(&|it| it.signature.clear()), Kind::BadSignature),
        ("another's key", forged.clone(), Kind::BadSignature),
        ("another's key in its name", disguised(&forged), Kind::BadSignature),
        ("another log", countersigned(&plain, "other/log", &authority), Kind::BadSignature),
        ("another agency", signed(&|it| it.identity = nbkr.identity.clone()), Kind::BadSignature),
        ("another request", signed(&|it| it.csr.clone_from(&nbkr.csr)), Kind::BadSignature),
        (
            "another signing key",
            signed(&|it| it.signing_key.clone_from(&nbkr.signing_key)),
            Kind::BadSignature,
        ),
        (
            "another witness key",
            signed(&|it| it.witness_key.clone_from(&nbkr.witness_key)),
            Kind::BadSignature,
        ),
        ("no witness key", signed(&|it| it.witness_key.clear()), Kind::BadSignature),
        (
            "another moment",
            authorised(&|it| it.stated += std::time::Duration::from_nanos(1)),
            Kind::BadSignature,
        ),
        ("a moment to come", to_come, Kind::Malformed),
    ];
    for (what, enrolment, kind) in cases {
        let problem = enrol(&exchange, &enrolment).expect_err(what);
        assert_eq!(problem.kind, kind, "{what}: {problem:?}");
        assert!(problem.exchange.is_some(), "{what} is not recorded");
    }
    let number = enrol(&exchange, &sound).unwrap();

    let Event::ParticipantEnrolled {
        signing_key, witness_key, authorised: Some(authorised), ..
    } = block_on(record(&exchange, &auditor, number)).event
    else {
        panic!("exchange {number} is no countersigned enrolment")
    };
    let says = Says::Enrolment {
        identity: plain.identity,
        request: authorised.request.clone().unwrap(),
        signing_key,
        witness_key,
    };
    let statement = Statement { origin: origin(), stated: authorised.stated, says };
    let keys = [authority.verifying_key()];
    statement.verify(&authorised, &keys).expect("what the record keeps is enough for an auditor");
    stop_and_verify(&mut exchange);
}

#[test]
fn what_the_authority_took_back_does_not_enrol_again() {
    let exchange = Exchange::start().unwrap();
    let (sbs, plain) = stranger(&exchange, "sbs", "agency/SBS");
    let first = exchange.countersign(&sbs).unwrap();
    let arguments = ["enrol", text(&first), "--output", "json"];
    exchange.gateway(&arguments).unwrap().expect_code(0).unwrap();
    let enrolled: Value = serde_json::from_slice(&fs::read(sbs.enrolled()).unwrap()).unwrap();
    let public = hex::encode(authority(&exchange).verifying_key().0);
    assert_eq!(enrolled["authorityKeys"], serde_json::json!([public]));

    exchange
        .gateway(&["revoke", "agency/SBS", "--reason", "a test"])
        .unwrap()
        .expect_code(0)
        .unwrap();
    let refused = exchange.gateway(&arguments).unwrap().expect_code(1).unwrap();
    let problem: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(problem["problem"]["code"], "CONFLICT", "{problem}");

    // Another key for the witness that is enrolled: only once it was revoked.
    enrol(&exchange, &countersigned(&plain, &origin(), &authority(&exchange))).unwrap();
    let key = Cosigner::new("birge.example/witness/2", SigningKey::generate().unwrap()).unwrap();
    let mut other = plain.clone();
    other.witness_key = key.verifier().vkey().to_string();
    let other = || countersigned(&other, &origin(), &authority(&exchange));
    assert_eq!(enrol(&exchange, &other()).unwrap_err().kind, Kind::Conflict);
    exchange
        .gateway(&["revoke", "agency/SBS", "--reason", "a test"])
        .unwrap()
        .expect_code(0)
        .unwrap();
    enrol(&exchange, &other()).unwrap();

    // Nor does anybody else get a key that was somebody's.
    let (_, mut nbkr) = stranger(&exchange, "nbkr", "agency/NBKR");
    nbkr.witness_key = plain.witness_key;
    let nbkr = countersigned(&nbkr, &origin(), &authority(&exchange));
    assert_eq!(enrol(&exchange, &nbkr).unwrap_err().kind, Kind::Conflict);
}

#[test]
fn an_exchange_is_founded_without_the_authoritys_key() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let [key, model, signature] = ["authority.key", "model", "signature.json"].map(|n| dir.join(n));
    Draft::model().unwrap().write(&model).unwrap();
    let made = elsewhere(&["authority", "new", "--out", text(&key)]).expect_code(0).unwrap();
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let public = made["publicKey"].as_str().unwrap().to_owned();
    let sign = |folder: &Path, out: &Path| {
        let (folder, out) = (text(folder), text(out));
        let arguments = ["decree", "sign", folder, "--authority", text(&key), "--out", out];
        elsewhere(&arguments).expect_code(0).unwrap();
    };
    sign(&model, &signature);
    let coa = Node::at(&dir.join("coa"), "auditor/COA", 1).unwrap();
    let plain = coa.enrolment();
    let arguments = ["countersign", text(&plain), "--authority", text(&key), "--origin", &origin()];
    let prints = elsewhere(&arguments).expect_code(0).unwrap().stdout;
    let witness = plain.with_extension("authorised.json");
    let enrolment = Enrolment::read(&witness).unwrap();
    let shown = enrolment.fingerprints().unwrap().witness_key.unwrap();
    assert!(prints.contains(&shown), "{prints}");

    let found = |signature: &Path, witness: &Path| {
        let (signature, witness) = (text(signature), text(witness));
        let ceremony = ["--authority-key", &*public, "--decree-signature", signature];
        Exchange::found(dir, &[&ceremony[..], &["--witness", witness]].concat()).unwrap()
    };
    let other = dir.join("other");
    Draft::amendment("2025-01-01", "2025-01-01T00:00:00Z".parse().unwrap())
        .unwrap()
        .write(&other)
        .unwrap();
    let wrong = dir.join("wrong.json");
    sign(&other, &wrong);
    let said = found(&wrong, &witness).expect_code(1).unwrap().stderr;
    assert!(said.contains("another decree"), "{said}");
    let said = found(&signature, &plain).expect_code(1).unwrap().stderr;
    assert!(said.contains("gateway countersign"), "{said}");
    found(&signature, &witness).expect_code(0).unwrap();

    let mut exchange = Exchange::at(dir).unwrap();
    assert!(!exchange.authority().exists());
    exchange.serve().unwrap();
    let answer = dir.join("coa/enrolled.json");
    let enrol = ["enrol", text(&witness), "--out", text(&answer)];
    exchange.gateway(&enrol).unwrap().expect_code(0).unwrap();
    let later = dir.join("later");
    let draft = Draft::amendment("2099-01-01", "2099-01-01T00:00:00Z".parse().unwrap()).unwrap();
    draft.write(&later).unwrap();
    let without = exchange.gateway(&["decree", "enact", text(&later)]).unwrap();
    let said = without.expect_code(1).unwrap().stderr;
    assert!(said.contains("--authority") && said.contains("--signature"), "{said}");
    let amended = dir.join("amended.json");
    sign(&later, &amended);
    let enact = ["decree", "enact", text(&later), "--signature", text(&amended)];
    exchange.gateway(&enact).unwrap().expect_code(0).unwrap();

    let records = block_on(records(&exchange, &coa));
    let Event::Genesis { authority_keys, witness_keys, .. } = &records[&0].event else {
        panic!("{:?}", records[&0])
    };
    assert_eq!(authority_keys[..], [public]);
    let pinned = BTreeMap::from([(enrolment.identity, enrolment.witness_key)]);
    assert_eq!(*witness_keys, pinned);
    stop_and_verify(&mut exchange);
}

#[test]
fn a_gateway_serves_without_the_authoritys_key() {
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    fs::rename(exchange.home().join("authority"), exchange.dir().join("carried away")).unwrap();
    exchange.serve().unwrap();
    block_on(submit(&exchange, &nsc, &year(2024, 100))).unwrap();
    stop_and_verify(&mut exchange);
}
