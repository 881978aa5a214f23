//! Every receipt is verified before it is filed: it must prove that exactly the batch that was
//! signed here stands in the log, with the outcome that the gateway told.

pub mod grade;

use birge_proto::{
    clock::Timestamp,
    identity::Identity,
    manifest::{BatchId, Manifest},
    receipt::{Evidence, Receipt, ReceiptError},
    record::{Counts, Event, Outcome},
    tlog::policy::Policy,
    wire,
};

pub use self::grade::{improve, judge};
use crate::outbox::{
    file::Slip,
    receipts::{Filed, Grade},
};

/// What was sent, for comparison with what a receipt proves.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// Who signed.
    pub identity: &'a Identity,
    /// The batch's name.
    pub batch: BatchId,
    /// What was signed.
    pub manifest: &'a Manifest,
    /// What the node noted of it.
    pub slip: &'a Slip,
}

/// Why a receipt is not filed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReceipt {
    /// There is none.
    #[error("the gateway accepted the batch and gave no receipt")]
    None,
    /// It proves nothing.
    #[error("the receipt does not hold: {0}")]
    Proof(#[from] ReceiptError),
    /// It proves something else.
    #[error("the receipt is of something else: its record says another {0} than was sent")]
    Other(&'static str),
}

/// A receipt that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// What to file.
    pub filed: Filed,
    /// The proof as text, to be filed beside it.
    pub proof: Vec<u8>,
    /// The checkpoint in it, as a signed note.
    pub checkpoint: Vec<u8>,
    /// The policy by which it was graded, as text, to be filed beside it.
    pub policy: String,
}

/// Verifies the receipt in `response` against the log's keys, which `policy` names, and against
/// what was `sent`; grades it by the policy.
///
/// # Errors
/// When there is none, when it does not hold, or when it is of something else.
pub fn check(
    sent: Sent<'_>,
    response: &wire::SubmitResponse,
    policy: &Policy,
    now: Timestamp,
) -> Result<Checked, BadReceipt> {
    let evidence = Evidence::try_from(response.receipt.clone().ok_or(BadReceipt::None)?)?;
    let (verified, judged, checkpoint) = judge(&evidence, policy)?;
    let (outcome, counts) = compare(&verified.record.actor, &verified.record.event, sent)?;
    if response.counts.is_some_and(|told| told != to_wire(counts)) {
        return Err(BadReceipt::Other("count of observations"));
    }
    let filed = Filed {
        batch: sent.batch,
        exchange: verified.index,
        outcome,
        counts,
        source: sent.slip.source.clone(),
        content: sent.slip.content.clone(),
        filed: now,
        record: String::from_utf8_lossy(&evidence.record).into_owned(),
        opening: hex::encode(evidence.opening.0),
        grade: Grade::of(&judged),
        cosigned: judged.cosigned.into_keys().collect(),
    };
    Ok(Checked { filed, proof: evidence.proof, checkpoint, policy: policy.to_string() })
}

/// The checkpoint, as a signed note, in the receipt that a `response` brings; nothing of it is
/// verified yet.
///
/// # Errors
/// When there is no receipt, or it cannot be read.
pub fn checkpoint(response: &wire::SubmitResponse) -> Result<Vec<u8>, BadReceipt> {
    let receipt = response.receipt.as_ref().ok_or(BadReceipt::None)?;
    Ok(Receipt::parse(&receipt.proof)?.checkpoint)
}

/// Verifies a filed receipt anew, offline: as [`check`] did before it was filed. `known` names
/// the keys by which the log ever signed, also those that were retired since.
///
/// # Errors
/// When its proof, record and opening do not hold together any more.
pub fn recheck(filed: &Filed, proof: Vec<u8>, known: &Policy) -> Result<(), BadReceipt> {
    let opening = hex::decode(&filed.opening).unwrap_or_default();
    let record = filed.record.clone().into_bytes();
    let evidence = Evidence::try_from(wire::Receipt { proof, record, opening })?;
    let (verified, ..) = judge(&evidence, known)?;
    match verified.record.event {
        _ if verified.index != filed.exchange => Err(BadReceipt::Other("exchange number")),
        Event::SubmissionAccepted { batch, .. } if batch == filed.batch => Ok(()),
        Event::SubmissionAccepted { .. } => Err(BadReceipt::Other("batch")),
        _ => Err(BadReceipt::Other("event")),
    }
}

/// Says the record the same as what was signed?
fn compare(
    actor: &Identity,
    event: &Event,
    sent: Sent<'_>,
) -> Result<(Outcome, Counts), BadReceipt> {
    let Event::SubmissionAccepted {
        batch,
        dataset,
        version,
        periods,
        action,
        revises,
        outcome,
        counts,
        ..
    } = event
    else {
        return Err(BadReceipt::Other("event"));
    };
    let manifest = sent.manifest;
    let same = [
        ("agency", actor == sent.identity),
        ("batch", *batch == sent.batch),
        ("dataset", *dataset == manifest.dataset && *version == manifest.version),
        ("list of periods", *periods == manifest.periods),
        ("action", *action == manifest.action),
        ("batch revised", *revises == manifest.revises),
        ("outcome", matches!(outcome, Outcome::Success | Outcome::Warning)),
    ];
    match same.into_iter().find(|(_, same)| !same) {
        Some((what, _)) => Err(BadReceipt::Other(what)),
        None => Ok((*outcome, *counts)),
    }
}

fn to_wire(counts: Counts) -> wire::Counts {
    let Counts { imported, updated, unchanged, deleted, ignored } = counts;
    wire::Counts { imported, updated, unchanged, deleted, ignored }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use birge_proto::{
        envelope::SigningKey,
        manifest::Action,
        record::{DecreeName, Opening, Record, Ruling},
        tlog::{checkpoint::Checkpoint, hash, note::NoteSigner},
    };

    use super::*;

    pub(crate) fn record(batch: BatchId, manifest: &Manifest) -> Record {
        let actor = Identity::of(birge_proto::identity::Role::Agency, manifest.agency.clone());
        let decree = DecreeName { number: "1".into(), version: "2024-01-01".into() };
        Record {
            time: "2026-01-01T00:00:00Z".parse().unwrap(),
            parties: BTreeMap::from([(actor.clone(), 1)]),
            actor,
            persons: BTreeMap::new(),
            event: Event::SubmissionAccepted {
                batch,
                dataset: manifest.dataset.clone(),
                version: manifest.version.clone(),
                periods: manifest.periods.clone(),
                action: manifest.action,
                revises: manifest.revises,
                outcome: Outcome::Success,
                counts: Counts { imported: 1, ..Counts::default() },
                findings: BTreeMap::new(),
                late: false,
                cause: None,
                consent: None,
                approved: None,
                justified: vec![],
                digest: "00".into(),
                ruling: Ruling {
                    decree,
                    permit: true,
                    articles: vec!["4(1)".into()],
                    request: serde_json::Value::Null,
                },
            },
        }
    }

    /// A receipt in a log of this one record.
    pub(crate) fn respond(record: &Record, signer: &NoteSigner) -> wire::SubmitResponse {
        let (record, opening) = (record.to_canonical().unwrap(), Opening([7; 32]));
        let root = hash::leaf(&opening.leaf(&record));
        let checkpoint = Checkpoint::new("birge.example/log", 1, root).unwrap();
        let proof = birge_proto::receipt::Receipt {
            index: 0,
            hashes: vec![],
            checkpoint: checkpoint.sign(signer).unwrap(),
            extra: None,
        };
        wire::SubmitResponse {
            outcome: wire::Outcome::Success.into(),
            counts: Some(wire::Counts { imported: 1, ..Default::default() }),
            report: None,
            receipt: Some(Evidence { proof: proof.encode(), record, opening }.into()),
            previews: vec![],
        }
    }

    pub(crate) fn signer() -> NoteSigner {
        NoteSigner::new("birge.example/log", SigningKey::generate().unwrap()).unwrap()
    }

    pub(super) struct Case {
        pub(super) manifest: Manifest,
        pub(super) batch: BatchId,
        slip: Slip,
        identity: Identity,
        pub(super) signer: NoteSigner,
    }

    impl Case {
        pub(super) fn new() -> Self {
            let header = crate::outbox::file::tests::header(&[]);
            Self {
                manifest: Manifest::parse(&header.manifest).unwrap(),
                batch: BatchId::of(&header.manifest),
                slip: crate::outbox::file::tests::slip("c"),
                identity: "agency/MIA".parse().unwrap(),
                signer: signer(),
            }
        }

        pub(super) fn check(&self, response: &wire::SubmitResponse) -> Result<Checked, BadReceipt> {
            let sent = Sent {
                identity: &self.identity,
                batch: self.batch,
                manifest: &self.manifest,
                slip: &self.slip,
            };
            let now = "2026-01-02T00:00:00Z".parse().unwrap();
            check(sent, response, &Policy::of_logs(vec![self.signer.verifier()]), now)
        }
    }

    #[test]
    fn a_receipt_that_holds_is_filed() {
        let case = Case::new();
        let checked = case.check(&respond(&record(case.batch, &case.manifest), &case.signer));
        let Checked { filed, proof, .. } = checked.unwrap();
        let log = Policy::of_logs(vec![case.signer.verifier()]);
        assert_eq!(recheck(&filed, proof.clone(), &log), Ok(()));
        let elsewhere = Filed { exchange: 1, ..filed.clone() };
        assert!(recheck(&elsewhere, proof.clone(), &log).is_err());
        let changed = Filed { record: filed.record.replace("2023", "2022"), ..filed.clone() };
        assert!(recheck(&changed, proof, &log).is_err());
        assert_eq!((filed.exchange, filed.counts.imported), (0, 1));
        assert_eq!(filed.past().unwrap().dataset, "TRAFFICKING");
    }

    #[test]
    fn a_receipt_of_anything_else_is_not() {
        let case = Case::new();
        let refuse = |change: &dyn Fn(&mut Manifest), what| {
            let mut manifest = case.manifest.clone();
            change(&mut manifest);
            let response = respond(&record(case.batch, &manifest), &case.signer);
            assert_eq!(case.check(&response), Err(BadReceipt::Other(what)));
        };
        refuse(&|manifest| manifest.dataset = "REFUGEES".into(), "dataset");
        refuse(&|manifest| manifest.periods.clear(), "list of periods");
        refuse(&|manifest| manifest.action = Action::Replace, "action");
        refuse(&|manifest| manifest.revises = Some(BatchId([1; 32])), "batch revised");
        refuse(&|manifest| manifest.agency = "NSC".parse().unwrap(), "agency");
        let other = respond(&record(BatchId([1; 32]), &case.manifest), &case.signer);
        assert_eq!(case.check(&other), Err(BadReceipt::Other("batch")));
    }

    #[test]
    fn a_receipt_of_another_log_or_none_is_not() {
        let case = Case::new();
        let record = record(case.batch, &case.manifest);
        let theirs = respond(&record, &signer());
        assert!(matches!(case.check(&theirs), Err(BadReceipt::Proof(_))));
        let mut changed = respond(&record, &case.signer);
        if let Some(receipt) = &mut changed.receipt {
            receipt.opening[0] ^= 1;
        }
        assert!(matches!(case.check(&changed), Err(BadReceipt::Proof(_))));
        changed.receipt = None;
        assert_eq!(case.check(&changed), Err(BadReceipt::None));
    }
}
