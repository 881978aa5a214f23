//! How far a receipt can be trusted, and what a newer one of the same record makes of it.

use birge_proto::{
    clock::Timestamp,
    receipt::{Evidence, Receipt, ReceiptError, Verified},
    tlog::{
        checkpoint::CheckpointError,
        note::NoteError,
        policy::{Judged, Policy},
    },
    wire,
};

use super::BadReceipt;
use crate::outbox::receipts::{Filed, Grade};

/// Verifies evidence by the log's keys that a policy names; answers also with what the policy
/// says of its checkpoint, and with the checkpoint as a signed note.
///
/// # Errors
/// When any part of it does not hold, saying which.
pub fn judge(
    evidence: &Evidence,
    policy: &Policy,
) -> Result<(Verified, Judged, Vec<u8>), ReceiptError> {
    let note = Receipt::parse(&evidence.proof)?.checkpoint;
    let judged = policy.judge(&note)?;
    let mut verified = Err(ReceiptError::Checkpoint(NoteError::Unsigned.into()));
    for log in policy.logs() {
        verified = evidence.verify(log, log.vkey().name());
        // Only a key that did not sign leaves room for another.
        if !matches!(verified, Err(ReceiptError::Checkpoint(CheckpointError::Note(_)))) {
            break;
        }
    }
    Ok((verified?, judged, note))
}

/// What a newer receipt of the same record makes of a filed one: nothing, unless its grade is
/// better.
///
/// # Errors
/// When the newer one does not hold, or is of another record.
pub fn improve(
    filed: &Filed,
    newer: wire::Receipt,
    policy: &Policy,
    now: Timestamp,
) -> Result<Option<(Filed, Vec<u8>)>, BadReceipt> {
    let evidence = Evidence::try_from(newer)?;
    let (verified, judged, _) = judge(&evidence, policy)?;
    let same = [
        ("exchange number", verified.index == filed.exchange),
        ("record", evidence.record == filed.record.as_bytes()),
        ("opening", hex::encode(evidence.opening.0) == filed.opening),
    ];
    if let Some((what, _)) = same.into_iter().find(|(_, same)| !same) {
        return Err(BadReceipt::Other(what));
    }
    let grade = Grade::of(&judged);
    let cosigned = judged.cosigned.into_keys().collect();
    let better = Filed { grade, cosigned, filed: now, ..filed.clone() };
    Ok((grade > filed.grade).then_some((better, evidence.proof)))
}

#[cfg(test)]
pub(crate) mod tests {
    use birge_proto::{
        envelope::SigningKey,
        manifest::BatchId,
        tlog::{
            checkpoint::Checkpoint,
            cosignature::Cosigner,
            note::{NoteSigner, add_signature},
        },
    };

    use super::*;
    use crate::receipt::{
        recheck,
        tests::{Case, record, respond, signer},
    };

    /// The receipt in `response`, cosigned by these too.
    pub(crate) fn cosigned(response: &wire::SubmitResponse, by: &[&Cosigner]) -> wire::Receipt {
        let mut receipt = response.receipt.clone().unwrap();
        let mut proof = Receipt::parse(&receipt.proof).unwrap();
        let body = String::from_utf8(proof.checkpoint.clone()).unwrap();
        let body = body.split_once("\n\n").unwrap().0.to_owned() + "\n";
        let checkpoint = Checkpoint::parse(&body).unwrap();
        for cosigner in by {
            let line = cosigner.cosign(&checkpoint, "2026-01-03T00:00:00Z".parse().unwrap());
            proof.checkpoint = add_signature(&proof.checkpoint, &line.unwrap()).unwrap();
        }
        receipt.proof = proof.encode();
        receipt
    }

    /// Two witnesses, and the policy of the log that both must have signed.
    pub(crate) fn two_witnesses(log: &NoteSigner) -> ([Cosigner; 2], Policy) {
        let cosigners = ["COA", "NSC"].map(|name| {
            Cosigner::new(&format!("x/{name}"), SigningKey::generate().unwrap()).unwrap()
        });
        let mandatory = vec![("COA".to_owned(), Some(cosigners[0].verifier()))];
        let others = vec![("NSC".to_owned(), cosigners[1].verifier())];
        let policy = Policy::of_quorum(vec![log.verifier()], mandatory, others, 1).unwrap();
        (cosigners, policy)
    }

    #[test]
    fn a_receipt_becomes_witnessed_and_never_less() {
        let case = Case::new();
        let response = respond(&record(case.batch, &case.manifest), &case.signer);
        let ([coa, nsc], policy) = two_witnesses(&case.signer);
        let now = "2026-01-04T00:00:00Z".parse().unwrap();
        let filed = case.check(&response).unwrap().filed;
        assert_eq!((filed.grade, &filed.cosigned), (Grade::Sequenced, &vec![]));
        let improve = |filed: &Filed, newer| improve(filed, newer, &policy, now);
        assert_eq!(improve(&filed, cosigned(&response, &[])), Ok(None));
        assert_eq!(improve(&filed, cosigned(&response, &[&nsc])), Ok(None));
        let (better, proof) = improve(&filed, cosigned(&response, &[&coa, &nsc])).unwrap().unwrap();
        assert_eq!((better.grade, better.filed), (Grade::Witnessed, now));
        assert_eq!(better.cosigned, ["COA", "NSC"]);
        assert_eq!(recheck(&better, proof, &Policy::of_logs(vec![case.signer.verifier()])), Ok(()));
        assert_eq!(improve(&better, cosigned(&response, &[])), Ok(None), "it got worse");
        let other = respond(&record(BatchId([1; 32]), &case.manifest), &case.signer);
        let refused = improve(&filed, cosigned(&other, &[&coa, &nsc]));
        assert_eq!(refused, Err(BadReceipt::Other("record")));
        let theirs = respond(&record(case.batch, &case.manifest), &signer());
        assert!(matches!(
            improve(&filed, cosigned(&theirs, &[&coa, &nsc])),
            Err(BadReceipt::Proof(_))
        ));
    }
}
