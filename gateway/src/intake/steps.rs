//! The steps of the write path as types. Each is made from the one before, and only so.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

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
use tokio::time::timeout;

use super::refusal::{Known, Refusal, by_code};
use crate::{
    catalog::{Holding, Merged, Release, State, merge},
    decree::{Act, Decree, Disclosure, Request, SexSplit},
    journal::Body,
    registry::Registry,
    sequence::stale,
    submission::Submission,
};

/// Bytes that an observation takes while it is checked.
const TABLE_BYTES: usize = 128;

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
        state: &State,
        agency: &Identity,
        header: SubmitHeader,
    ) -> Result<Self, Refusal> {
        let mut known = Known { batch: Some(BatchId::of(&header.manifest)), ..Known::default() };
        let bad =
            |detail: &str| Problem::new(Kind::BadSignature, detail).under(["5(1)".to_owned()]);
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
        key.verify(MANIFEST_TYPE, &header.manifest, &header.signature)
            .map_err(|error| known.refuse(bad(&error.to_string())))?;
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
        Ok(Self { header, manifest, key, known })
    }

    pub(super) fn id(&self) -> BatchId {
        BatchId::of(&self.header.manifest)
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
    signed: Signed,
    blocks: Vec<Bytes>,
}

impl Received {
    pub(super) async fn read(
        signed: Signed,
        stream: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
        patience: Duration,
    ) -> Result<Self, Refusal> {
        let known = signed.known.clone();
        timeout(patience, Self::read_all(signed, stream)).await.unwrap_or_else(|_| {
            let detail = "the batch took too long to come";
            Err(known.refuse(Problem::new(Kind::Truncated, detail)))
        })
    }

    async fn read_all(
        signed: Signed,
        mut stream: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    ) -> Result<Self, Refusal> {
        let expected = &signed.manifest.blocks;
        let mut blocks = Vec::with_capacity(expected.len());
        let mut bytes = 0;
        while let Some(block) = stream.next().await {
            let block = block.map_err(|problem| signed.known.refuse(problem))?;
            let place = blocks.len();
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

    pub(super) fn report(&self) -> wire::Report {
        self.valid.report().to_wire()
    }

    /// Is it to be checked only? The action *Information* changes nothing either.
    pub(super) fn dry_run(&self) -> bool {
        self.header.dry_run || self.manifest().action == Action::Information
    }
}

/// What stands of a batch's periods.
pub(super) struct Standing {
    /// The newest accepted batch that touches any of them.
    current: Option<BatchId>,
    /// Those of which anything was accepted.
    periods: BTreeSet<String>,
}

impl Standing {
    pub(super) fn of(registry: &Registry, manifest: &Manifest) -> Self {
        let Manifest { dataset, periods, .. } = manifest;
        let stands =
            |period: &&String| registry.current(dataset, std::slice::from_ref(*period)).is_some();
        Self {
            current: registry.current(dataset, periods),
            periods: periods.iter().filter(stands).cloned().collect(),
        }
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
        standing: &Standing,
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
            return Err(known.refuse(not_mandated(agency, &dataset, ruling.articles)));
        }
        if manifest.action == Action::Information {
            // Changes nothing, so it revises nothing.
        } else if standing.current != manifest.revises {
            let detail = stale(standing.current, manifest.revises);
            let problem = Problem::new(Kind::Stale, detail);
            return Err(known.refuse(problem.under(["5(2)".to_owned()])));
        }
        let unsaid = manifest.reason.as_deref().unwrap_or_default().trim().is_empty();
        if manifest.revises.is_some() && unsaid {
            let detail = "the batch revises another and does not say why";
            let problem = Problem::new(Kind::NotPermitted, detail).under(["5(2)".to_owned()]);
            return Err(known.refuse(problem.hint("give a reason in the manifest")));
        }
        let mut revised =
            manifest.periods.iter().filter(|period| standing.periods.contains(*period));
        if let Some(period) = revised.find(|period| decree.frozen(period, now)) {
            let detail = format!(
                "the period {period} is frozen: it ended too long ago to be revised by the agency alone"
            );
            return Err(
                known.refuse(Problem::new(Kind::NotPermitted, detail).under(["5(2)".to_owned()]))
            );
        }
        let mut first =
            manifest.periods.iter().filter(|period| !standing.periods.contains(*period));
        let late = first.any(|period| {
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
    pattern: Body,
}

impl Ready {
    /// Applies the batch to what stands, and computes what may be given out (article 7).
    pub(super) fn prepare(permitted: Permitted, holding: &Holding) -> Result<Self, Refusal> {
        let Checked { valid, known, .. } = &permitted.checked;
        let structure = valid.table().structure();
        let merged = merge(structure, holding, valid.manifest(), valid.table())
            .map_err(|conflict| known.refuse(Problem::new(Kind::Conflict, conflict.to_string())))?;
        let release = Release::compute(holding, &merged, permitted.disclosure)
            .map_err(|error| known.refuse(Problem::new(Kind::Internal, error.to_string())))?;
        let pattern = serde_json::to_vec(&release)
            .map_err(|error| known.refuse(Problem::new(Kind::Internal, error.to_string())))?;
        Ok(Self { merged: Arc::new(merged), release, pattern: pattern.into(), permitted })
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
        self.permitted.checked.report()
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
        let released = Event::Released {
            dataset: manifest.dataset.clone(),
            periods: manifest.periods.clone(),
            batch: valid.id(),
            cells: self.release.cells,
            withheld: self.release.withheld,
            method: self.release.method.clone(),
            digest: hex::encode(self.pattern.digest()),
        };
        vec![(accepted, Some(batch)), (released, Some(self.pattern.clone()))]
    }

    /// Back to where the decree is asked.
    pub(super) fn again(self) -> Checked {
        self.permitted.checked
    }
}

fn not_mandated(agency: &Identity, dataset: &str, articles: Vec<String>) -> Problem {
    let dataset = clip(dataset);
    let detail =
        format!("{agency} may not hand in {dataset} under article {}", articles.join(", "));
    Problem::new(Kind::NotPermitted, detail).under(articles)
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
