//! From a permitted batch to all that is committed of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use birge_proto::{
    envelope::VerifyingKey,
    letter::Letter,
    manifest::{Action, BatchId, Manifest},
    problem::{Kind, Problem},
    record::{Counts, DecreeName, Event, Outcome, Protection},
    wire::{self, Preview},
};

use birge_schemas::{
    finding::{Code, Report},
    history::{progress, revision},
};

use super::{
    decide::{Checked, Permitted},
    refusal::{Known, Refusal, by_code},
};
use crate::{
    catalog::{Holding, Merged, Release, merge, preview},
    decree::Disclosure,
    disclosure::ShapeError,
    journal::Body,
    submission::Submission,
};

/// A batch with all that is to be committed.
pub(super) struct Ready {
    permitted: Permitted,
    merged: Arc<Merged>,
    release: Release,
    protection: Protection,
    pattern: Body,
    previews: Vec<Preview>,
    /// What the rules found, those that look at what stood among them.
    report: Report,
}

/// Thresholds of which a preview tells, beside the decree's own.
const USUAL: [u64; 3] = [3, 5, 10];

impl Ready {
    /// Applies the batch to what stands, and computes what may be given out (article 7).
    pub(super) fn prepare(permitted: Permitted, holding: &Holding) -> Result<Self, Refusal> {
        let Checked { valid, known, .. } = &permitted.checked;
        let structure = valid.table().structure();
        let merged = merge(structure, holding, valid.manifest(), valid.table())
            .map_err(|conflict| known.refuse(Problem::new(Kind::Conflict, conflict.to_string())))?;
        let history = history(valid.manifest(), holding, &merged, permitted.checked.dry_run());
        let report = valid.report().clone().joined(history.report);
        if let Some(article) = &permitted.unsaid {
            let told = history.told.join("; ");
            let detail = format!("the batch revises another and does not say why: {told}");
            let problem = Problem::new(Kind::NotPermitted, detail).under([article.clone()]);
            let hint = "give a reason: --reason TEXT, or reason in FILE.batch.toml";
            return Err(known.refuse(problem.hint(hint)));
        }
        let (release, protection) = Release::compute(holding, &merged, permitted.disclosure)
            .map_err(|error| known.refuse(Problem::new(Kind::Internal, error.to_string())))?;
        let previews = match permitted.checked.header.preview && permitted.checked.dry_run() {
            true => previews(holding, &merged, permitted.disclosure)
                .map_err(|error| known.refuse(Problem::new(Kind::Internal, error.to_string())))?,
            false => vec![],
        };
        let pattern = serde_json::to_vec(&release)
            .map_err(|error| known.refuse(Problem::new(Kind::Internal, error.to_string())))?;
        Ok(Self {
            merged: Arc::new(merged),
            release,
            protection,
            pattern: pattern.into(),
            previews,
            report,
            permitted,
        })
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

    /// Whom the batch names: the responsible officer (article 5(1)).
    pub(super) fn persons(&self) -> BTreeMap<String, String> {
        let officer = self.permitted.checked.valid.manifest().approved_by.clone();
        BTreeMap::from([(String::from("officer"), officer)])
    }

    /// What would be withheld under other thresholds, where that was asked for.
    pub(super) fn previews(&self) -> Vec<Preview> {
        self.previews.clone()
    }

    pub(super) fn report(&self) -> wire::Report {
        self.report.to_wire()
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self.report.warnings {
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
            findings: by_code(&self.report),
        }
    }

    /// What is recorded of a batch: that it was accepted, and what of it may be given out.
    pub(super) fn events(&self) -> Vec<(Event, Option<Body>)> {
        let Permitted { checked, ruling, late, consent, .. } = &self.permitted;
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
            findings: by_code(&self.report),
            late: *late,
            cause: manifest.cause,
            consent: consent.clone(),
            approved: checked.letter.as_ref().and_then(approver),
            justified: checked.letter.as_ref().map(justified).unwrap_or_default(),
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
            protection: Some(self.protection),
            digest: hex::encode(self.pattern.digest()),
        };
        vec![(accepted, Some(batch)), (released, Some(self.pattern.clone()))]
    }

    /// Back to where the decree is asked.
    pub(super) fn again(self) -> Checked {
        self.permitted.checked
    }
}

/// Name of the key that approved the batch; the letter was verified.
fn approver(letter: &Letter) -> Option<String> {
    let key = hex::decode(&letter.approval.as_ref()?.key).ok()?;
    VerifyingKey::from_bytes(&key).ok().map(|key| key.id())
}

/// Of which findings the agency says why they are right. A code that this gateway does not know is
/// free text to it, and enters no record.
fn justified(letter: &Letter) -> Vec<String> {
    let known = |code: &&String| code.parse::<Code>().is_ok();
    letter.justifications.keys().filter(known).cloned().collect()
}

/// What the rules find that look at what stood.
struct History {
    report: Report,
    /// Of each period that a batch revises, what it changes.
    told: Vec<String>,
}

/// Periods of which a message tells what changes.
const TOLD: usize = 5;

/// Compares what a batch makes of its periods with what stood, and with the periods before.
/// `listed`: each figure that changes is told.
fn history(manifest: &Manifest, holding: &Holding, merged: &Merged, listed: bool) -> History {
    let mut history = History { report: Report::default(), told: vec![] };
    if manifest.action == Action::Information {
        return history;
    }
    let brings = matches!(manifest.action, Action::Append | Action::Replace);
    for (period, slice) in &merged.slices {
        let stood = holding.periods().find(|(stood, _)| stood == period);
        let stood = stood.map(|(_, version)| version.slice.as_ref());
        if let Some(stood) = stood.filter(|_| manifest.revises.is_some()) {
            let changes = revision(stood, slice, listed, &mut history.report);
            history.told.push(format!("{period}: {changes}"));
        }
        let before = holding.periods().take_while(|(before, _)| *before < period.as_str()).last();
        // Within a batch the rules have looked already.
        let before = before.filter(|(before, _)| brings && !merged.slices.contains_key(*before));
        if let Some((_, before)) = before {
            progress(&before.slice, stood, slice, &mut history.report);
        }
    }
    let more = history.told.len().saturating_sub(TOLD);
    history.told.truncate(TOLD);
    if more > 0 {
        history.told.push(format!("and {more} more periods"));
    }
    history
}

/// What would be withheld under the decree's threshold and the usual ones.
fn previews(
    holding: &Holding,
    merged: &Merged,
    rule: Disclosure,
) -> Result<Vec<Preview>, ShapeError> {
    let thresholds: BTreeSet<u64> = USUAL.into_iter().chain([rule.threshold]).collect();
    let previewed = |threshold| {
        let decreed = threshold == rule.threshold;
        let found = preview(holding, merged, Disclosure { threshold, ..rule })?;
        Ok(Preview { decreed, ..found })
    };
    thresholds.into_iter().map(previewed).collect()
}
