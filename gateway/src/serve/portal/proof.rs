//! That a record stands in the log: checked here, and told step by step, so that others can check it
//! too.

use birge_proto::{
    problem::{Kind, Problem},
    receipt::{Evidence, Receipt},
    record::Opening,
    tlog::checkpoint::Checkpoint,
};

use super::{Portal, guard::Visit};

/// What is shown of a proof.
pub(super) struct Proved {
    pub(super) index: u64,
    pub(super) origin: String,
    pub(super) size: String,
    pub(super) root: String,
    /// Hashes from the leaf's neighbour up to the root.
    pub(super) hashes: Vec<String>,
    /// Was the record itself held against the leaf, too?
    pub(super) opened: bool,
    /// The checkpoint, as it is signed.
    pub(super) note: String,
    /// Witnesses, and when they signed this checkpoint; none where they have not.
    pub(super) witnesses: Vec<(String, Option<String>)>,
}

impl Portal {
    /// Proves a record, holding it against the log's leaf where it is known; none where no checkpoint
    /// covers it yet.
    ///
    /// # Errors
    /// `DAMAGED` where it does not stand there.
    pub(super) async fn prove(
        &self,
        visit: &Visit,
        index: u64,
        record: Option<(&[u8], Opening)>,
    ) -> Result<Option<Proved>, Problem> {
        if self.ledger.settled().borrow().checkpoint.size() <= index {
            return Ok(None);
        }
        let proof = self.ledger.evidence(index).await?;
        let wrong = |error: &dyn std::fmt::Display| {
            Problem::new(Kind::Damaged, format!("record {index}: {error}"))
        };
        let receipt = Receipt::parse(&proof).map_err(|error| wrong(&error))?;
        let checkpoint =
            Checkpoint::unverified(&receipt.checkpoint).map_err(|error| wrong(&error))?;
        if self.ledger.recognise(&receipt.checkpoint).is_none() {
            return Err(wrong(&"the checkpoint is not signed by the log's key"));
        }
        if let Some((record, opening)) = record {
            let evidence = Evidence { proof, record: record.to_vec(), opening };
            let keys = self.ledger.keys().iter();
            let mut verified = keys.map(|key| evidence.verify(key, checkpoint.origin()));
            // By whichever of the log's keys signed it.
            let held = verified.find_map(Result::ok);
            held.ok_or_else(|| wrong(&"it is not what the log's leaf commits to"))?;
        }
        let decree = self.decree().ok();
        let signed = self.assembly.roster().map_or_else(
            |_| vec![],
            |roster| {
                let witnesses = roster.counted();
                let signed = witnesses.map(|(identity, key)| {
                    let at = key.verify(&receipt.checkpoint).ok();
                    let name = visit.say.identity(decree.as_deref(), identity);
                    (name, at.map(|at| visit.say.moment(at)))
                });
                signed.collect()
            },
        );
        Ok(Some(Proved {
            index,
            origin: checkpoint.origin().to_owned(),
            size: visit.say.count(checkpoint.size()),
            root: hex::encode(checkpoint.root()),
            hashes: receipt.hashes.iter().map(hex::encode).collect(),
            opened: record.is_some(),
            note: String::from_utf8_lossy(&receipt.checkpoint).into_owned(),
            witnesses: signed,
        }))
    }
}
