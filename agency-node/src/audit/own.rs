//! The records that speak of this node: a key enrolled in its name must be its own, and a batch
//! accepted in its name one that it handed in. What is found raises an alarm.

use std::{collections::HashSet, fs};

use birge_proto::{
    clock::Timestamp,
    envelope::sha256,
    identity::Identity,
    manifest::BatchId,
    record::{Event, Record},
    wire::RecordEntry,
};
use rustls_pki_types::{CertificateSigningRequestDer, pem::PemObject};

use crate::{
    alarms::{self, Kind},
    credentials::Enrolment,
    home::Home,
    node::Node,
    outbox::{State, receipts},
    output::Failure,
};

/// Checks records that were opened, one by one.
#[derive(Debug)]
pub(super) struct Own {
    identity: Identity,
    /// What this node asked to have enrolled; none where it no longer has it.
    enrolment: Option<Enrolment>,
    found: Vec<Found>,
}

/// A record that is to be explained.
#[derive(Debug)]
struct Found {
    kind: Kind,
    what: String,
    /// The batch, where it is one that the node may know by the end of the audit.
    batch: Option<BatchId>,
    record: Vec<u8>,
    opening: Vec<u8>,
}

impl Own {
    /// # Errors
    /// When `enrolment.json` is there and cannot be read.
    pub(super) fn new(node: &Node) -> Result<Self, Failure> {
        let there = node.home.join("enrolment.json").exists();
        let enrolment = there.then(|| Enrolment::of(&node.home)).transpose()?;
        Ok(Self::of(node.identity().clone(), enrolment))
    }

    /// Checks records about `identity`, of which this was to be enrolled.
    pub(super) fn of(identity: Identity, enrolment: Option<Enrolment>) -> Self {
        Self { identity, enrolment, found: vec![] }
    }

    /// Whom the records are to speak of.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Looks at a record that opened its entry.
    pub(super) fn check(&mut self, record: &Record, entry: &RecordEntry) {
        let (kind, what, batch) = match &record.event {
            Event::ParticipantEnrolled {
                identity, signing_key, witness_key, authorised, ..
            } if *identity == self.identity => {
                let request = authorised.as_ref().and_then(|said| said.request.as_deref());
                let foreign = self.foreign(signing_key.as_deref(), witness_key.as_deref(), request);
                let Some(foreign) = foreign else { return };
                let what = format!(
                    "record {}: {identity} was enrolled at {} with a {foreign} that is not this \
                     node's (by {})",
                    entry.index, record.time, record.actor
                );
                (Kind::UnknownKey, what, None)
            }
            Event::CertificateRenewed { identity, asked, .. } if *identity == self.identity => {
                let foreign = self.foreign(
                    None,
                    None,
                    asked.as_ref().and_then(|asked| asked.request.as_deref()),
                );
                let Some(foreign) = foreign else { return };
                let what = format!(
                    "record {}: a certificate of {identity} was renewed at {} for a {foreign} that \
                     is not this node's",
                    entry.index, record.time
                );
                (Kind::UnknownKey, what, None)
            }
            Event::SubmissionAccepted { batch, dataset, periods, .. }
                if record.actor == self.identity =>
            {
                let what = format!(
                    "record {}: batch {batch} ({dataset}, {}) was accepted at {} in the name of \
                     {}, and this node has neither a receipt nor the batch; or its folder was lost",
                    entry.index,
                    periods.join(", "),
                    record.time,
                    self.identity
                );
                (Kind::UnknownSubmission, what, Some(*batch))
            }
            _ => return,
        };
        let (record, opening) = (entry.record.clone(), entry.opening.clone());
        self.found.push(Found { kind, what, batch, record, opening });
    }

    /// Which of the keys in an enrolment is not this node's.
    fn foreign(
        &self,
        signing_key: Option<&str>,
        witness_key: Option<&str>,
        request: Option<&str>,
    ) -> Option<&'static str> {
        let own = self.enrolment.as_ref()?;
        let csr = CertificateSigningRequestDer::from_pem_slice(own.csr.as_bytes()).ok();
        let csr = csr.map(|der| hex::encode(sha256(&der)));
        let pairs = [
            ("signing key", signing_key, Some(own.signing_key.as_str())),
            ("witness key", witness_key, Some(own.witness_key.as_str())),
            ("certificate request", request, csr.as_deref()),
        ];
        let foreign = |said: Option<&str>, own: Option<&str>| said.is_some() && said != own;
        pairs.into_iter().find(|(_, said, own)| foreign(*said, *own)).map(|(what, ..)| what)
    }

    /// Raises the alarms; answers with what each says. What was handed in meanwhile is known.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub(super) fn raise(self, node: &Node, now: Timestamp) -> Result<Vec<String>, Failure> {
        if self.found.is_empty() {
            return Ok(vec![]);
        }
        let known = known(&node.home, node)?;
        let mut told = vec![];
        for found in self.found {
            if found.batch.is_some_and(|batch| known.contains(&batch)) {
                continue;
            }
            let opening = hex::encode(&found.opening);
            let evidence: [(&str, &[u8]); 2] =
                [("record.txt", &found.record), ("opening.txt", opening.as_bytes())];
            // An alarm that was settled is dealt with.
            if alarms::raise(&node.home, now, found.kind, &found.what, &evidence)?.is_some()
                || alarms::standing(&node.home)?.iter().any(|alarm| alarm.what == found.what)
            {
                told.push(found.what);
            }
        }
        Ok(told)
    }
}

/// Every batch that this node knows it handed in, or was about to.
fn known(home: &Home, node: &Node) -> Result<HashSet<BatchId>, Failure> {
    let mut known: HashSet<_> = receipts::all(home)?.into_iter().map(|filed| filed.batch).collect();
    for state in [State::Queued, State::Sent, State::Receipted] {
        known.extend(node.outbox.entries(state)?.into_iter().map(|entry| entry.batch));
    }
    for entry in fs::read_dir(home.join("rejected")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let batch = name.strip_suffix(".batch").and_then(|name| name.split_once('-'));
        known.extend(batch.and_then(|(_, batch)| batch.parse::<BatchId>().ok()));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use birge_proto::{manifest::Manifest, record::Authorised};

    use super::*;
    use crate::{handin::tests::node, outbox::file, receipt::tests::record};

    fn entry(record: &Record) -> RecordEntry {
        let record = record.to_canonical().unwrap();
        RecordEntry { index: 3, record, opening: vec![7; 32], ..Default::default() }
    }

    fn raised(node: &Node, record: &Record) -> Vec<Kind> {
        let mut own = Own::new(node).unwrap();
        own.check(record, &entry(record));
        let told = own.raise(node, record.time).unwrap();
        let standing = alarms::standing(&node.home).unwrap();
        assert!(told.iter().all(|what| standing.iter().any(|alarm| alarm.what == *what)));
        standing.into_iter().map(|alarm| alarm.kind).collect()
    }

    #[test]
    fn a_batch_that_the_node_knows_nothing_of_is_an_alarm_until_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let header = file::tests::header(&[]);
        let manifest = Manifest::parse(&header.manifest).unwrap();
        let (known, unknown) = (BatchId::of(&header.manifest), BatchId([9; 32]));
        node.outbox.enqueue(&file::tests::slip("c"), header, vec![]).unwrap();
        assert_eq!(raised(&node, &record(known, &manifest)), []);
        let foreign = record(unknown, &manifest);
        assert_eq!(raised(&node, &foreign), [Kind::UnknownSubmission]);
        assert_eq!(raised(&node, &foreign), [Kind::UnknownSubmission], "it stands");
        let name = alarms::standing(&node.home).unwrap().remove(0).name;
        alarms::settle(&node.home, &name, "the folder was lost in spring").unwrap();
        assert_eq!(raised(&node, &foreign), []);
        let other = Record { actor: "agency/NSC".parse().unwrap(), ..foreign };
        assert_eq!(raised(&node, &other), [], "of another agency");
    }

    #[test]
    fn a_key_that_is_not_the_nodes_is_an_alarm() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let own = Enrolment::of(&node.home).unwrap();
        let csr = CertificateSigningRequestDer::from_pem_slice(own.csr.as_bytes()).unwrap();
        let enrolled = |signing: &str, witness: &str, request: &str| Record {
            time: "2026-01-01T00:00:00Z".parse().unwrap(),
            actor: "operator/BIRGE".parse().unwrap(),
            parties: [(node.identity().clone(), 1)].into(),
            persons: [].into(),
            event: Event::ParticipantEnrolled {
                identity: node.identity().clone(),
                serial: "01".into(),
                certificate: "00".into(),
                signing_key: Some(signing.into()),
                witness_key: Some(witness.into()),
                authorised: Some(Authorised {
                    request: Some(request.into()),
                    stated: "2026-01-01T00:00:00Z".parse().unwrap(),
                    key_id: "00".into(),
                    signature: "00".into(),
                }),
            },
        };
        let (signing, witness) = (own.signing_key.as_str(), own.witness_key.as_str());
        let request = hex::encode(sha256(&csr));
        assert_eq!(raised(&node, &enrolled(signing, witness, &request)), []);
        assert_eq!(raised(&node, &enrolled("00", witness, &request)).len(), 1);
        assert_eq!(raised(&node, &enrolled(signing, "x+00000000+AA==", &request)).len(), 2);
        assert_eq!(raised(&node, &enrolled(signing, witness, "00")).len(), 3);
    }
}
