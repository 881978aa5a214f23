//! A gateway that is one version older or newer than the node.

use std::collections::HashMap;

use birge_proto::problem::DOMAIN;
use tonic_types::{ErrorDetails, StatusExt};

use super::*;

/// As a newer gateway refuses, under a code that this node does not have.
fn newer(code: Code) -> Status {
    let mut details = ErrorDetails::with_error_info("ON_HOLIDAY", DOMAIN, HashMap::new());
    details.add_precondition_failure_violation("ON_HOLIDAY", "", "come again on Monday");
    Status::with_error_details(code, "nobody is in", details)
}

#[tokio::test]
async fn a_refusal_that_the_node_does_not_know_is_told_and_loses_nothing() {
    let vkey = signer().verifier().to_string();
    for code in [Code::ResourceExhausted, Code::InvalidArgument, Code::Unavailable] {
        let folder = tempfile::tempdir().unwrap();
        let (mut node, entry, manifest) = queued(folder.path());
        let failure =
            deliver(&mut node, &entry, "gateway/BIRGE", &vkey, Err(newer(code))).await.unwrap_err();
        let told = failure.reply().aside;
        for part in ["nobody is in", "ON_HOLIDAY", "come again on Monday"] {
            assert!(told.contains(part), "{code:?}: {part} is missing in {told}");
        }
        let entry = node.outbox.waiting().unwrap().remove(0);
        assert_eq!(entry.state, State::Sent);
        // Handed in again, to a gateway that has no `Held`: it goes from the first block.
        let signer = signer();
        let (answer, vkey) =
            (respond(&record(entry.batch, &manifest), &signer), signer.verifier().to_string());
        let delivery = deliver(&mut node, &entry, "gateway/BIRGE", &vkey, Ok(answer)).await;
        assert!(matches!(delivery, Ok(Delivery::Accepted { .. })), "{code:?}: {delivery:?}");
        assert!(node.outbox.waiting().unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_outcome_that_the_node_does_not_know_is_filed_with_its_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, entry, manifest) = queued(folder.path());
    let signer = signer();
    let mut answer = respond(&record(entry.batch, &manifest), &signer);
    answer.outcome = 99;
    let finding = wire::Finding { code: "NEW_RULE".into(), severity: 99, ..Default::default() };
    answer.report = Some(wire::Report { findings: vec![finding], ..Default::default() });
    let vkey = signer.verifier().to_string();
    let delivery = deliver(&mut node, &entry, "gateway/BIRGE", &vkey, Ok(answer)).await.unwrap();
    assert!(matches!(delivery, Delivery::Accepted { .. }));
    assert_eq!(receipts::all(&node.home).unwrap()[0].batch, entry.batch);
}
