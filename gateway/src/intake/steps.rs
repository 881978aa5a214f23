//! The steps of the write path as types. Each is made from the one before, and only so.

use std::sync::Arc;

use birge_proto::{
    clock::Timestamp,
    envelope::{MANIFEST_TYPE, VerifyingKey, sha256},
    identity::Identity,
    limits,
    manifest::{Action, BatchId, Manifest},
    problem::{Kind, Problem},
    record::{Counts, DecreeName, Event, Outcome, Ruling},
    wire::{self, SubmitHeader},
};
use birge_schemas::{
    finding::{Code, Report},
    structure::Structures,
    validate::ValidBatch,
    wire::from_blocks,
};
use futures::{Stream, StreamExt};
use jiff::tz::TimeZone;
use prost::bytes::Bytes;

use super::refusal::{Known, Refusal, by_code};
use crate::{
    catalog::{Holding, Merged, Release, merge},
    decree::{Act, Decree, Disclosure, Request, SexSplit},
    journal::Body,
    registry::Registry,
    sequence::stale,
    submission::Submission,
};

/// A manifest that the agency's own key signed.
pub(super) struct Signed {
    header: SubmitHeader,
    manifest: Manifest,
    key: VerifyingKey,
    known: Known,
}

impl Signed {
    /// Article 5(1): the agency's signature.
    pub(super) fn verify(
        registry: &Registry,
        agency: &Identity,
        header: SubmitHeader,
    ) -> Result<Self, Refusal> {
        let mut known = Known { batch: Some(BatchId::of(&header.manifest)), ..Known::default() };
        let bad =
            |detail: &str| Problem::new(Kind::BadSignature, detail).under(["5(1)".to_owned()]);
        let key = registry
            .participant(agency)
            .and_then(|participant| participant.signing_keys.get(&header.key_id))
            .copied()
            .ok_or_else(|| {
                let detail =
                    format!("the key {:?} is not registered for {agency}", clip(&header.key_id));
                known.refuse(bad(&detail).hint("sign with the key that was enrolled"))
            })?;
        key.verify(MANIFEST_TYPE, &header.manifest, &header.signature)
            .map_err(|error| known.refuse(bad(&error.to_string())))?;
        let manifest = Manifest::parse(&header.manifest)
            .map_err(|error| known.refuse(Problem::new(Kind::Malformed, error.to_string())))?;
        known.dataset = Some(manifest.dataset.clone());
        if manifest.agency != agency.body {
            let detail = format!(
                "the batch stands in the name of {}, {agency} hands it in",
                manifest.agency
            );
            return Err(known.refuse(bad(&detail)));
        }
        Ok(Self { header, manifest, key, known })
    }

    pub(super) fn id(&self) -> BatchId {
        BatchId::of(&self.header.manifest)
    }
}

/// A batch whose every block is the one that was signed.
pub(super) struct Received {
    signed: Signed,
    blocks: Vec<Bytes>,
}

impl Received {
    pub(super) async fn read(
        signed: Signed,
        mut stream: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    ) -> Result<Self, Refusal> {
        let expected = &signed.manifest.blocks;
        let mut blocks = Vec::with_capacity(expected.len());
        while let Some(block) = stream.next().await {
            let block = block.map_err(|problem| signed.known.refuse(problem))?;
            let place = blocks.len();
            let problem = if block.len() > limits::BLOCK_BYTES {
                let most = limits::BLOCK_BYTES;
                Some((
                    Kind::TooLarge,
                    format!("block {place} has {} bytes, at most {most} are allowed", block.len()),
                ))
            } else if expected.get(place).is_none_or(|digest| digest.0 != sha256(&block)) {
                Some((Kind::BadSignature, format!("block {place} is not the one that was signed")))
            } else {
                None
            };
            if let Some((kind, detail)) = problem {
                return Err(signed.known.refuse(Problem::new(kind, detail)));
            }
            blocks.push(block);
        }
        if blocks.len() < expected.len() {
            let detail = format!("{} of {} blocks came", blocks.len(), expected.len());
            return Err(signed.known.refuse(Problem::new(Kind::Truncated, detail)));
        }
        Ok(Self { signed, blocks })
    }
}

/// A batch that breaks no rule.
pub(super) struct Checked {
    header: SubmitHeader,
    key: VerifyingKey,
    blocks: Vec<Bytes>,
    valid: ValidBatch,
    known: Known,
}

impl Checked {
    pub(super) fn check(
        structures: &Structures,
        received: Received,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let Received { signed: Signed { header, manifest, key, known }, blocks } = received;
        let raw = from_blocks(&blocks)
            .map_err(|error| known.refuse(Problem::new(Kind::Malformed, error.to_string())))?;
        let today = now.to_zoned(TimeZone::UTC).date();
        let valid =
            ValidBatch::new(structures, manifest, BatchId::of(&header.manifest), &raw, today)
                .map_err(|report| invalid(&known, report))?;
        Ok(Self { header, key, blocks, valid, known })
    }

    pub(super) fn manifest(&self) -> &Manifest {
        self.valid.manifest()
    }

    /// Is it to be checked only? The action *Information* changes nothing either.
    pub(super) fn dry_run(&self) -> bool {
        self.header.dry_run || self.manifest().action == Action::Information
    }
}

/// A batch that the decree permits.
pub(super) struct Permitted {
    checked: Checked,
    ruling: Ruling,
    late: bool,
    disclosure: Disclosure,
}

impl Permitted {
    /// Articles 4(1), 4(3), 5(1), 5(2), 10.
    pub(super) fn decide(
        mut checked: Checked,
        agency: &Identity,
        decree: &Decree,
        current: Option<BatchId>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let manifest = checked.valid.manifest();
        let dataset = manifest.dataset.clone();
        let structure = checked.valid.table().structure();
        let persons = structure.rules.persons;
        let decision = decree.decide(&Request {
            principal: agency.clone(),
            suspended: decree.suspends(&agency.body),
            recorded: true,
            act: Act::Submit {
                dataset: dataset.clone(),
                agency: manifest.agency.clone(),
                signed: true,
                approved: !manifest.approved_by.trim().is_empty(),
                sex_split: sex_split(checked.valid.report(), persons),
            },
        });
        let ruling = decree.ruling(decision);
        checked.known.ruling = Some(ruling.clone());
        let known = &checked.known;
        if !ruling.permit {
            let articles = ruling.articles;
            let detail =
                format!("{agency} may not hand in {dataset} under article {}", articles.join(", "));
            return Err(known.refuse(Problem::new(Kind::NotPermitted, detail).under(articles)));
        }
        if manifest.action == Action::Information {
            // Changes nothing, so it revises nothing.
        } else if current != manifest.revises {
            let problem = Problem::new(Kind::Stale, stale(current, manifest.revises));
            return Err(known.refuse(problem.under(["5(2)".to_owned()])));
        }
        let unsaid = manifest.reason.as_deref().unwrap_or_default().trim().is_empty();
        if manifest.revises.is_some() && unsaid {
            let detail = "the batch revises another and does not say why";
            let problem = Problem::new(Kind::NotPermitted, detail).under(["5(2)".to_owned()]);
            return Err(known.refuse(problem.hint("give a reason in the manifest")));
        }
        let frozen = manifest.periods.iter().find(|period| decree.frozen(period, now));
        if let (Some(period), Some(_)) = (frozen, manifest.revises) {
            let detail = format!(
                "the period {period} is frozen: it ended too long ago to be revised by the agency alone"
            );
            return Err(
                known.refuse(Problem::new(Kind::NotPermitted, detail).under(["5(2)".to_owned()]))
            );
        }
        let late = current.is_none()
            && manifest.periods.iter().any(|period| {
                decree.deadline(&dataset, period).is_some_and(|deadline| now >= deadline)
            });
        let disclosure = decree.disclosure(&dataset).ok_or_else(|| {
            let detail =
                format!("the decree does not say how small counts of {dataset} are protected");
            known.refuse(Problem::new(Kind::NotPermitted, detail).under(["7(1)".to_owned()]))
        })?;
        Ok(Self { late, disclosure, ruling, checked })
    }
}

/// A batch with all that is to be committed.
pub(super) struct Ready {
    permitted: Permitted,
    merged: Arc<Merged>,
    release: Release,
}

impl Ready {
    /// Applies the batch to what stands, and computes what may be given out (article 7).
    pub(super) fn prepare(permitted: Permitted, holding: &Holding) -> Result<Self, Refusal> {
        let Checked { valid, known, .. } = &permitted.checked;
        let structure = valid.table().structure();
        let merged =
            merge(structure, holding, valid.manifest(), valid.table()).map_err(|conflict| {
                known.refuse(
                    Problem::new(Kind::Stale, conflict.to_string()).under(["5(2)".to_owned()]),
                )
            })?;
        let release = Release::compute(holding, &merged, permitted.disclosure)
            .map_err(|error| known.refuse(Problem::new(Kind::Internal, error.to_string())))?;
        Ok(Self { permitted, merged: Arc::new(merged), release })
    }

    pub(super) fn id(&self) -> BatchId {
        self.permitted.checked.valid.id()
    }

    pub(super) fn merged(&self) -> Arc<Merged> {
        Arc::clone(&self.merged)
    }

    pub(super) fn counts(&self) -> Counts {
        self.merged.counts
    }

    pub(super) fn known(&self) -> &Known {
        &self.permitted.checked.known
    }

    pub(super) fn decree(&self) -> DecreeName {
        self.permitted.ruling.decree.clone()
    }

    pub(super) fn signed_by(&self) -> VerifyingKey {
        self.permitted.checked.key
    }

    pub(super) fn report(&self) -> wire::Report {
        self.permitted.checked.valid.report().to_wire()
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self.permitted.checked.valid.report().warnings {
            0 => Outcome::Success,
            _ => Outcome::Warning,
        }
    }

    /// What is recorded of a dry run.
    pub(super) fn checked_event(&self) -> Event {
        let valid = &self.permitted.checked.valid;
        Event::SubmissionChecked {
            batch: valid.id(),
            dataset: valid.manifest().dataset.clone(),
            outcome: self.outcome(),
            findings: by_code(valid.report()),
        }
    }

    /// What is recorded of a batch: that it was accepted, and what of it may be given out.
    pub(super) fn events(&self) -> Vec<(Event, Option<Body>)> {
        let Permitted { checked, ruling, late, .. } = &self.permitted;
        let valid = &checked.valid;
        let manifest = valid.manifest();
        let blocks = checked.blocks.clone();
        let batch = Submission { header: checked.header.clone(), blocks }.to_body();
        let accepted = Event::SubmissionAccepted {
            batch: valid.id(),
            dataset: manifest.dataset.clone(),
            version: manifest.version.clone(),
            periods: manifest.periods.clone(),
            action: manifest.action,
            revises: manifest.revises,
            outcome: self.outcome(),
            counts: self.merged.counts,
            findings: by_code(valid.report()),
            late: *late,
            digest: hex::encode(batch.digest()),
            ruling: ruling.clone(),
        };
        let pattern = Body::from(serde_json::to_vec(&self.release).unwrap_or_default());
        let released = Event::Released {
            dataset: manifest.dataset.clone(),
            periods: manifest.periods.clone(),
            batch: valid.id(),
            cells: self.release.cells,
            withheld: self.release.withheld,
            method: self.release.method.clone(),
            digest: hex::encode(pattern.digest()),
        };
        vec![(accepted, Some(batch)), (released, Some(pattern))]
    }

    /// Back to where the decree is asked.
    pub(super) fn again(self) -> Checked {
        self.permitted.checked
    }
}

fn invalid(known: &Known, report: Report) -> Refusal {
    let detail = format!("{} errors were found in the batch", report.errors);
    let mut refusal = known.refuse(Problem::new(Kind::InvalidBatch, detail));
    refusal.report = Some(report);
    refusal
}

fn sex_split(report: &Report, persons: bool) -> SexSplit {
    let found = |code| report.by_code.contains_key(&code);
    match persons {
        false => SexSplit::None,
        true if found(Code::SexSplitMissing) => SexSplit::Missing,
        true if found(Code::SexSplitExplained) => SexSplit::Explained,
        true => SexSplit::Given,
    }
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}
