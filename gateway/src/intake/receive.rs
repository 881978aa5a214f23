//! From the stream to a batch whose every byte is the one that the agency signed.

use std::time::Duration;

use birge_proto::{
    envelope::{CHECK_TYPE, MANIFEST_TYPE, VerifyingKey, sha256},
    identity::Identity,
    letter::Letter,
    limits,
    manifest::{BatchId, Manifest},
    problem::{Kind, Problem},
    wire::SubmitHeader,
};
use futures::{Stream, StreamExt};
use prost::bytes::Bytes;
use tokio::time::timeout;

use super::{
    arrival::Arrival,
    refusal::{Known, Refusal, not_mandated},
};
use crate::{
    catalog::State,
    decree::{Act, Decree, Request, SexSplit},
};

/// Bytes that an observation takes while it is checked.
const TABLE_BYTES: usize = 128;

/// A manifest that the agency's own key signed.
pub(super) struct Signed {
    pub(super) header: SubmitHeader,
    pub(super) manifest: Manifest,
    pub(super) key: VerifyingKey,
    /// What accompanies it.
    pub(super) letter: Option<Letter>,
    pub(super) known: Known,
}

impl Signed {
    /// Article 5(1): the agency's signature.
    pub(super) fn verify(
        state: &State,
        agency: &Identity,
        header: SubmitHeader,
        decree: Option<&Decree>,
    ) -> Result<Self, Refusal> {
        let mut known = Known { batch: Some(BatchId::of(&header.manifest)), ..Known::default() };
        let approval = decree.map(|decree| decree.clauses().approval.to_string());
        let bad = |detail: &str| Problem::new(Kind::BadSignature, detail).under(approval.clone());
        let key = state
            .registry
            .participant(agency)
            .and_then(|participant| participant.signing_keys.get(&header.key_id))
            .copied()
            .ok_or_else(|| {
                let detail =
                    format!("the key {:?} is not registered for {agency}", clip(&header.key_id));
                known.refuse(bad(&detail).hint("sign with the key that was enrolled"))
            })?;
        let signed_as = |kind| key.verify(kind, &header.manifest, &header.signature);
        let checked_only = header.dry_run && signed_as(CHECK_TYPE).is_ok();
        if let Err(error) = signed_as(MANIFEST_TYPE).map_err(|error| error.to_string())
            && !checked_only
        {
            return Err(known.refuse(bad(&error)));
        }
        let manifest = Manifest::parse(&header.manifest)
            .map_err(|error| known.refuse(Problem::new(Kind::Malformed, error.to_string())))?;
        // A name that is nobody's is free text, and does not enter a record.
        known.dataset = state.structures.get(&manifest.dataset).map(|known| known.id.clone());
        if manifest.agency != agency.body {
            let detail = format!(
                "the batch stands in the name of {}, {agency} hands it in",
                manifest.agency
            );
            return Err(known.refuse(bad(&detail)));
        }
        let batch = BatchId::of(&header.manifest);
        let letter = header.letter.as_ref();
        let letter = letter.map(|sent| Letter::verify(sent, batch, &manifest, &key)).transpose();
        let letter = letter.map_err(|error| known.refuse(bad(&error.to_string())))?;
        Ok(Self { header, manifest, key, letter, known })
    }

    pub(super) fn id(&self) -> BatchId {
        BatchId::of(&self.header.manifest)
    }

    /// How many of its first blocks do not come again.
    pub(super) fn held(&self) -> usize {
        self.header.held as usize
    }

    /// Article 4(1), before anything of the batch is taken in.
    pub(super) fn mandated(self, decree: &Decree, agency: &Identity) -> Result<Self, Refusal> {
        let permit = decree.decide(&Request {
            principal: agency.clone(),
            suspended: decree.suspends(&agency.body),
            recorded: true,
            act: Act::Submit {
                dataset: self.manifest.dataset.clone(),
                agency: self.manifest.agency.clone(),
                signed: true,
                approved: !self.manifest.approved_by.trim().is_empty(),
                sex_split: SexSplit::Given,
            },
        });
        let mut known = self.known.clone();
        let ruling = decree.ruling(permit);
        if ruling.permit {
            return Ok(self);
        }
        known.ruling = known.dataset.is_some().then(|| ruling.clone());
        Err(known.refuse(not_mandated(agency, &self.manifest.dataset, ruling.articles)))
    }

    /// Bytes that it may take in memory, as it comes and as a table.
    pub(super) fn most_bytes(&self) -> usize {
        let as_it_comes = self.manifest.blocks.len() * limits::BLOCK_BYTES;
        let as_table = usize::try_from(self.manifest.observations).unwrap_or(usize::MAX);
        as_it_comes.max(as_table.saturating_mul(TABLE_BYTES)).min(limits::BATCH_BYTES)
    }
}

/// A batch whose every block is the one that was signed.
pub(super) struct Received {
    pub(super) signed: Signed,
    pub(super) blocks: Vec<Bytes>,
}

impl Received {
    /// Reads what is not there yet; what is read is there, should the stream break.
    pub(super) async fn read(
        signed: Signed,
        arrival: &Arrival,
        stream: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
        patience: Duration,
    ) -> Result<Self, Refusal> {
        let known = signed.known.clone();
        let truncated = |detail| Err(known.refuse(Problem::new(Kind::Truncated, detail)));
        tokio::select! {
            read = timeout(patience, Self::read_all(signed, arrival, stream)) => {
                read.unwrap_or_else(|_| truncated("the batch took too long to come"))
            }
            () = arrival.taken_over() => truncated("another stream goes on with the batch"),
        }
    }

    async fn read_all(
        signed: Signed,
        arrival: &Arrival,
        mut stream: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    ) -> Result<Self, Refusal> {
        let expected = &signed.manifest.blocks;
        let mut bytes = arrival.bytes();
        while let Some(block) = stream.next().await {
            let block = block.map_err(|problem| signed.known.refuse(problem))?;
            let place = arrival.count();
            bytes += block.len();
            let problem = if block.len() > limits::BLOCK_BYTES {
                let most = limits::BLOCK_BYTES;
                Some((
                    Kind::TooLarge,
                    format!("block {place} has {} bytes, at most {most} are allowed", block.len()),
                ))
            } else if bytes > limits::BATCH_BYTES {
                let most = limits::BATCH_BYTES;
                Some((Kind::TooLarge, format!("the batch has more than the {most} bytes allowed")))
            } else if expected.get(place).is_none_or(|digest| digest.0 != sha256(&block)) {
                Some((Kind::BadSignature, format!("block {place} is not the one that was signed")))
            } else {
                None
            };
            if let Some((kind, detail)) = problem {
                return Err(signed.known.refuse(Problem::new(kind, detail)));
            }
            arrival.push(block);
        }
        let blocks = arrival.blocks();
        if blocks.len() < expected.len() {
            let detail = format!("{} of {} blocks came", blocks.len(), expected.len());
            return Err(signed.known.refuse(Problem::new(Kind::Truncated, detail)));
        }
        Ok(Self { signed, blocks })
    }
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use birge_proto::{envelope::SigningKey, manifest::Action};
    use futures::stream;

    use super::*;

    fn signed(blocks: &[Bytes]) -> Signed {
        let manifest = Manifest {
            dataset: "MIG_STOCK".into(),
            version: "1.0.0".into(),
            agency: "NSC".parse().unwrap(),
            periods: vec!["2024".into()],
            action: Action::Append,
            revises: None,
            reason: None,
            cause: None,
            removes: vec![],
            contact: String::new(),
            approved_by: String::new(),
            prepared: "2026-01-01T00:00:00Z".parse().unwrap(),
            observations: 1,
            blocks: blocks.iter().map(|block| BatchId::of(block)).collect(),
            salt: birge_proto::manifest::Salt::generate().unwrap(),
        };
        let key = SigningKey::generate().unwrap().verifying_key();
        let (header, known) = (SubmitHeader::default(), Known::default());
        Signed { header, manifest, key, letter: None, known }
    }

    /// Blocks that come one by one, each in time, and never to an end.
    #[tokio::test]
    async fn a_batch_that_takes_too_long_as_a_whole_is_refused() {
        let block = Bytes::from_static(b"block");
        let blocks = vec![block.clone(), block.clone()];
        let endless = stream::iter([Ok(block.clone())]).chain(stream::pending());
        let arrival = Arrival::new().await;
        let read = Received::read(signed(&blocks), &arrival, endless, Duration::from_millis(1));
        let read = timeout(Duration::from_secs(20), read).await.expect("it is waited for");
        assert_eq!(read.err().map(|refusal| refusal.problem.kind), Some(Kind::Truncated));
        assert_eq!(arrival.count(), 1, "what came is kept");
        let rest = stream::iter([Ok(block)]);
        let read = Received::read(signed(&blocks), &arrival, rest, Duration::from_secs(20)).await;
        assert_eq!(read.map_err(|refusal| refusal.problem).unwrap().blocks, blocks);
    }
}
