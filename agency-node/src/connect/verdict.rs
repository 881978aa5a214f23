//! What a call ended with. A broken handshake is told apart from a gateway that is away: one
//! side has refused the other's certificate.

use std::{error::Error as StdError, io};

use birge_proto::problem::{Kind, Problem};
use tonic::Status;

/// How an alert of the gateway begins in words. Where the connection had begun to be used, words
/// are all that is left of it.
const ALERT: &str = "received fatal alert: ";

/// The problem that a call ended with.
#[must_use]
pub fn problem(status: &Status) -> Problem {
    let problem = Problem::from_status(status);
    if problem.kind != Kind::Unavailable {
        return problem;
    }
    let causes = causes(status);
    if let Some(broken) = causes.iter().find_map(|cause| handshake(*cause)) {
        return broken;
    }
    match causes.last() {
        Some(cause) => Problem::new(Kind::Unavailable, cause.to_string()),
        // The gateway said so itself.
        None => problem,
    }
}

/// The problem, where the cause is that one side refused the other.
fn handshake(cause: &(dyn StdError + 'static)) -> Option<Problem> {
    let words = cause.to_string();
    let (detail, next) = match words.strip_prefix(ALERT) {
        Some("CertificateRevoked") => (
            "the certificate of this node was revoked".to_owned(),
            "ask the operator why; a node that is to go on is enrolled again",
        ),
        Some("CertificateExpired") => (
            "the certificate of this node has expired".to_owned(),
            "send enrolment.json to the operator again, and put the answer at enrolled.json",
        ),
        Some("UnknownCA" | "DecryptError") => (
            "the gateway does not know the certificate of this node".to_owned(),
            "check the gateway's address; if it is right, ask the operator to enrol this node",
        ),
        Some(alert) => (
            format!("the gateway refused the connection of this node: {alert}"),
            "check the gateway's address; if it is right, ask the operator about this node's \
             certificate",
        ),
        None if cause.is::<rustls::Error>() => (
            format!("no secure connection: {words}"),
            "check the gateway's address; if it is right, tell the operator: another may stand \
             in the gateway's place",
        ),
        None => return None,
    };
    Some(Problem::new(Kind::NotEnrolled, detail).hint(next))
}

/// What caused a failure, the outermost first. An I/O error is followed by what it wraps.
fn causes(status: &Status) -> Vec<&(dyn StdError + 'static)> {
    let mut causes = vec![];
    let mut next = status.source();
    while let Some(error) = next {
        causes.push(error);
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    causes
}

#[cfg(test)]
mod tests {
    use birge_proto::wire::StatusRequest;

    use super::*;
    use crate::{
        handin::tests::node,
        output::{Exit, Failure},
        receipt::tests::signer,
        testing::{Authority, Standing},
    };

    /// What a node of this standing is told at its first call.
    async fn told(standing: Standing) -> Failure {
        let folder = tempfile::tempdir().unwrap();
        let mut node = node(&folder.path().join("mia"));
        let authority = Authority::of_nodes(standing);
        let port = authority.serve("gateway/BIRGE", vec![]).await;
        authority.enrol(&mut node, &signer().verifier().to_string(), port);
        let (link, _) = node.link().unwrap();
        problem(&link.intake().status(StatusRequest::default()).await.unwrap_err()).into()
    }

    #[tokio::test]
    async fn a_node_turned_away_is_told_why() {
        for (standing, words) in [
            (Standing::Revoked, "was revoked"),
            (Standing::Expired, "has expired"),
            (Standing::Unknown, "does not know"),
        ] {
            let failure = told(standing).await;
            assert_eq!(failure.exit(), Exit::Refused, "{failure}");
            let Failure::Refused(problem) = failure else { panic!("{failure}") };
            assert_eq!(problem.kind, Kind::NotEnrolled);
            assert!(problem.detail.contains(words), "{problem}");
        }
    }

    #[tokio::test]
    async fn a_gateway_that_answers_or_is_away_has_turned_nobody_away() {
        let Failure::Refused(problem) = told(Standing::Good).await else { panic!("not answered") };
        assert_eq!(problem.kind, Kind::Internal);
        let folder = tempfile::tempdir().unwrap();
        let mut node = node(&folder.path().join("mia"));
        let listener = std::net::TcpListener::bind(("localhost", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        Authority::new().enrol(&mut node, &signer().verifier().to_string(), port);
        let (link, _) = node.link().unwrap();
        let away = link.intake().status(StatusRequest::default()).await;
        assert_eq!(super::problem(&away.unwrap_err()).kind, Kind::Unavailable);
    }
}
