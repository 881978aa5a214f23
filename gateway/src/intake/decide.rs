//! From a signed batch to one that breaks no rule and that the decree permits.

use std::collections::BTreeSet;

use birge_proto::{
    clock::Timestamp,
    envelope::{CONSENT_TYPE, VerifyingKey},
    identity::{AgencyId, Identity, Role},
    letter::Letter,
    manifest::{Action, BatchId, Manifest},
    problem::{Kind, Problem},
    record::{KeySignature, Ruling},
    wire::{self, Consent, SubmitHeader},
};
use birge_schemas::{
    finding::{Code, Report},
    structure::Structures,
    validate::ValidBatch,
    wire::from_blocks,
};
use jiff::tz::TimeZone;
use prost::bytes::Bytes;

use super::{
    receive::{Received, Signed},
    refusal::{Known, Refusal, not_mandated},
};
use crate::{
    catalog::Holding,
    decree::{self, Act, Decree, Disclosure, Request, SexSplit},
    registry::Registry,
    sequence::stale,
};

/// A batch that breaks no rule.
pub(super) struct Checked {
    pub(super) header: SubmitHeader,
    pub(super) key: VerifyingKey,
    pub(super) letter: Option<Letter>,
    pub(super) blocks: Vec<Bytes>,
    pub(super) valid: ValidBatch,
    pub(super) known: Known,
}

impl Checked {
    pub(super) fn check(
        structures: &Structures,
        received: Received,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let Received { signed: Signed { header, manifest, key, letter, known }, blocks } = received;
        let raw = from_blocks(&blocks)
            .map_err(|error| known.refuse(Problem::new(Kind::Malformed, error.to_string())))?;
        let today = now.to_zoned(TimeZone::UTC).date();
        let valid =
            ValidBatch::new(structures, manifest, BatchId::of(&header.manifest), &raw, today)
                .map_err(|report| invalid(&known, report))?;
        Ok(Self { header, key, letter, blocks, valid, known })
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
    pub(super) current: Option<BatchId>,
    /// Those of which anything was accepted.
    pub(super) periods: BTreeSet<String>,
    /// Those of which any figure stands.
    figures: BTreeSet<String>,
    /// The agency whose key the consent names, and the key.
    consents: Option<(AgencyId, VerifyingKey)>,
}

impl Standing {
    pub(super) fn of(registry: &Registry, holding: &Holding, checked: &Checked) -> Self {
        let Manifest { dataset, periods, .. } = checked.manifest();
        let consents = checked.header.consent.as_ref().and_then(|Consent { key_id, .. }| {
            let who = registry.signs(key_id).filter(|who| who.role == Role::Agency)?;
            let key = registry.participant(who)?.signing_keys.get(key_id)?;
            Some((who.body.clone(), *key))
        });
        let stands =
            |period: &&String| registry.current(dataset, std::slice::from_ref(*period)).is_some();
        Self {
            current: registry.current(dataset, periods),
            periods: periods.iter().filter(stands).cloned().collect(),
            figures: periods.iter().filter(|period| holding.stands(period)).cloned().collect(),
            consents,
        }
    }
}

/// A batch that the decree permits.
pub(super) struct Permitted {
    pub(super) checked: Checked,
    pub(super) ruling: Ruling,
    pub(super) late: bool,
    pub(super) disclosure: Disclosure,
    /// The chair's consent, where periods are frozen.
    pub(super) consent: Option<KeySignature>,
    /// The article that asks why it revises, where it does and does not say.
    pub(super) unsaid: Option<String>,
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
        let consenting = Consenting::of(decree, agency);
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
        let mut ruling = decree.ruling(decision);
        checked.known.ruling = Some(ruling.clone());
        let known = &checked.known;
        let revision = decree.clauses().revision.to_string();
        if !ruling.permit {
            return Err(known.refuse(not_mandated(agency, &dataset, ruling.articles)));
        }
        if manifest.action == Action::Information {
            // Changes nothing, so it revises nothing.
        } else if standing.current != manifest.revises {
            let detail = stale(standing.current, manifest.revises);
            let problem = Problem::new(Kind::Stale, detail);
            return Err(known.refuse(problem.under([revision])));
        }
        if manifest.action == Action::Withdraw && manifest.cause.is_none() {
            let detail = "the withdrawal does not name its cause";
            return Err(known.refuse(
                Problem::new(Kind::NotPermitted, detail).under([revision]).hint("name it: --cause"),
            ));
        }
        if manifest.action == Action::Withdraw && manifest.revises.is_none() {
            let detail = "nothing stands for these periods that could be withdrawn";
            return Err(known.refuse(Problem::new(Kind::Conflict, detail).under([revision])));
        }
        let unsaid = manifest.reason.as_deref().unwrap_or_default().trim().is_empty();
        let unsaid = (manifest.revises.is_some() && unsaid).then(|| revision.clone());
        let mut revised =
            manifest.periods.iter().filter(|period| standing.periods.contains(*period));
        let consent = match revised.find(|period| decree.frozen(period, now)) {
            Some(period) => {
                let consent = consenting.judge(period, &checked.header, manifest.action, standing);
                let consent =
                    consent.map_err(|problem| known.refuse(problem.under([revision.clone()])))?;
                ruling.articles = decree::in_order([ruling.articles, vec![revision]].concat());
                Some(consent)
            }
            None => None,
        };
        let mut first =
            manifest.periods.iter().filter(|period| !standing.figures.contains(*period));
        let late = first.any(|period| {
            decree.deadline(&dataset, period).is_some_and(|deadline| now >= deadline)
        });
        let disclosure = decree.disclosure(&dataset).ok_or_else(|| {
            let detail =
                format!("the decree does not say how small counts of {dataset} are protected");
            known.refuse(
                Problem::new(Kind::NotPermitted, detail)
                    .under([decree.clauses().small_counts.to_string()]),
            )
        })?;
        Ok(Self { late, disclosure, consent, unsaid, ruling, checked })
    }
}

/// Who consents to a revision of frozen periods (article 5(2)), where the decree has anybody.
struct Consenting(Option<AgencyId>);

impl Consenting {
    fn of(decree: &Decree, agency: &Identity) -> Self {
        let group = decree.working_group();
        Self(group.and_then(|group| group.consents_for(&agency.body)).cloned())
    }

    /// The consent, which must be to this very batch and by whoever consents.
    fn judge(
        &self,
        period: &str,
        header: &SubmitHeader,
        action: Action,
        standing: &Standing,
    ) -> Result<KeySignature, Problem> {
        let frozen = format!("the period {period} is frozen: it ended too long ago");
        let Some(chair) = &self.0 else {
            let detail = format!("{frozen} to be revised");
            return Err(Problem::new(Kind::NotPermitted, detail));
        };
        let Some(Consent { key_id, signature }) = &header.consent else {
            let detail = format!("{frozen} to be revised without the consent of {chair}");
            let ask = match action {
                Action::Withdraw => "withdraw BATCH --cause CAUSE",
                _ => "submit FILE",
            };
            return Err(Problem::new(Kind::NotPermitted, detail).hint(format!(
                "ask for it: agency-node {ask} --reason TEXT --ask-consent REQUEST; {chair} gives \
                 it with agency-node consent give, and you hand the batch in with agency-node \
                 consent use"
            )));
        };
        let key = standing.consents.as_ref().filter(|(who, _)| who == chair).map(|(_, key)| key);
        let batch = BatchId::of(&header.manifest).to_string();
        let verified = key.map(|key| key.verify(CONSENT_TYPE, batch.as_bytes(), signature));
        if !matches!(verified, Some(Ok(()))) {
            let detail = format!("{chair} has not consented to this very batch");
            return Err(Problem::new(Kind::BadSignature, detail));
        }
        Ok(KeySignature { key_id: key_id.clone(), signature: hex::encode(signature) })
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
