//! From what was read to a signed batch: the rules, the manifest, the blocks, the signature.

mod said;

use birge_proto::{
    clock::Timestamp,
    envelope::{MANIFEST_TYPE, SigningKey, sha256},
    identity::AgencyId,
    manifest::{Action, BatchId, Manifest, Salt},
    problem::{Kind, Problem},
    wire::SubmitHeader,
};
use birge_schemas::{
    finding::{Code, Finding, Report},
    structure::Structures,
    table::RawTable,
    validate::{Context, Validation, validate},
    wire::to_blocks,
};
use jiff::{civil::Date, tz::TimeZone};

pub use self::said::Said;
use crate::{
    config,
    outbox::Past,
    output::Failure,
    report,
    source::{Header, Input, Lines, only},
};

/// A file after the rules were applied.
#[derive(Debug)]
pub struct Checked {
    /// Everything found.
    pub report: Report,
    /// On which lines the rows stand.
    pub lines: Lines,
    /// What can be signed, where no error was found.
    pub batch: Option<Unsigned>,
}

/// A batch that breaks no rule, ready to be signed.
#[derive(Debug)]
pub struct Unsigned {
    header: Header,
    said: Said,
    periods: Vec<String>,
    observations: u64,
    blocks: Vec<Vec<u8>>,
    content: String,
}

/// A signed batch.
#[derive(Debug)]
pub struct Signed {
    /// Manifest and signature, as they are sent.
    pub header: SubmitHeader,
    /// The columns.
    pub blocks: Vec<Vec<u8>>,
    /// Digest of what it says; see [`crate::outbox::file::Slip::content`].
    pub content: String,
}

/// Applies the rules to what was read from a file.
#[must_use]
pub fn check(
    structures: &Structures,
    agency: &AgencyId,
    input: Result<Input, Report>,
    said: Said,
    now: Timestamp,
) -> Checked {
    let input = match input {
        Ok(input) => input,
        Err(report) => return Checked { report, lines: Lines::default(), batch: None },
    };
    let Input { header, table, report: read, lines, blanks } = input;
    let periods = header.periods.clone().unwrap_or_else(|| periods_of(&table));
    let mut judged = judge(structures, agency, &header, &periods, &table, day(now));
    blanks.name(&mut judged);
    let mut report = report::joined(read, judged);
    if report.errors > 0 {
        return Checked { report, lines, batch: None };
    }
    let blocks = match to_blocks(&table) {
        Ok(blocks) => blocks,
        Err(error) => {
            let expected = "a batch within the limits: hand it in as several files";
            report.push(Finding::new(Code::Format, expected, error.to_string()));
            return Checked { report, lines, batch: None };
        }
    };
    let Header { revises, reason, removes, .. } = &header;
    let said = said.or(Said {
        revises: *revises,
        reason: reason.clone(),
        cause: None,
        removes: removes.clone(),
    });
    let content = content_digest(&header, &said.removes, &blocks);
    let observations = table.rows as u64;
    let batch = Unsigned { header, said, periods, observations, blocks, content };
    Checked { report, lines, batch: Some(batch) }
}

fn judge(
    structures: &Structures,
    agency: &AgencyId,
    header: &Header,
    periods: &[String],
    table: &RawTable,
    today: Date,
) -> Report {
    if let Some(other) = header.agency.as_ref().filter(|other| *other != agency) {
        let finding = Finding::new(Code::Provider, agency.as_str(), other.as_str());
        return only(finding.column("agency"));
    }
    let Some(structure) = structures.get(&header.dataset) else {
        let known: Vec<_> = structures.iter().map(|known| known.id.as_str()).collect();
        let finding = Finding::new(Code::Provider, known.join(", "), &header.dataset);
        return only(finding.column("dataset"));
    };
    let Header { dataset, version, action, .. } = header;
    let context = Context { agency, dataset, version, periods, action: *action, today };
    let Validation { report, .. } = validate(structure, &context, table);
    report
}

impl Unsigned {
    /// The dataset.
    #[must_use]
    pub fn dataset(&self) -> &str {
        &self.header.dataset
    }

    /// Number of observations.
    #[must_use]
    pub fn observations(&self) -> u64 {
        self.observations
    }

    /// Digest of what it says.
    #[must_use]
    pub fn content(&self) -> &str {
        &self.content
    }

    /// Is it to be checked only? The gateway stores nothing of the action *Information* and
    /// gives no receipt for it.
    #[must_use]
    pub fn informs(&self) -> bool {
        self.header.action == Action::Information
    }

    /// The batch that said the same before, unless that was replaced or taken back since.
    #[must_use]
    pub fn already(&self, history: &[Past]) -> Option<BatchId> {
        let place = history.iter().rposition(|past| past.content == self.content)?;
        let appends = self.header.action == Action::Append;
        let undone = history[place + 1..]
            .iter()
            .any(|later| self.touches(later) && !(appends && later.action == Action::Append));
        (!undone).then(|| history[place].batch)
    }

    /// Signs the batch. Where nobody said what it revises, it is the newest batch of
    /// `history` that touches any of its periods; what changes nothing revises nothing.
    ///
    /// # Errors
    /// A refusal where no officer approves it (article 5(1)).
    pub fn sign(
        self,
        agency: &AgencyId,
        key: &SigningKey,
        sender: &config::Batch,
        history: &[Past],
        now: Timestamp,
    ) -> Result<Signed, Failure> {
        approved(sender)?;
        let touched = |past: &&Past| !self.informs() && self.touches(past);
        let newest = history.iter().rfind(touched).map(|past| past.batch);
        let revises = self.said.revises.or(newest);
        let Self { header, said, periods, observations, blocks, content } = self;
        let manifest = Manifest {
            dataset: header.dataset,
            version: header.version,
            agency: agency.clone(),
            periods,
            action: header.action,
            revises,
            reason: said.reason,
            cause: said.cause,
            removes: said.removes,
            contact: sender.contact.clone(),
            approved_by: sender.officer.clone(),
            prepared: now,
            observations,
            blocks: blocks.iter().map(|block| BatchId::of(block)).collect(),
            salt: Salt::generate().map_err(anyhow::Error::from)?,
        };
        let manifest = manifest.to_bytes().map_err(anyhow::Error::from)?;
        let header = SubmitHeader {
            signature: key.sign(MANIFEST_TYPE, &manifest),
            key_id: key.verifying_key().id(),
            manifest,
            dry_run: false,
            consent: None,
        };
        Ok(Signed { header, blocks, content })
    }

    fn touches(&self, past: &Past) -> bool {
        past.action != Action::Information
            && past.dataset == self.header.dataset
            && past.periods.iter().any(|period| self.periods.contains(period))
    }
}

/// The reference periods of the observations, ascending.
fn periods_of(table: &RawTable) -> Vec<String> {
    let mut periods: Vec<_> = table
        .column("TIME_PERIOD")
        .map(|column| column.dictionary.iter().filter(|period| !period.is_empty()).cloned())
        .into_iter()
        .flatten()
        .collect();
    periods.sort();
    periods
}

fn content_digest(header: &Header, removes: &[String], blocks: &[Vec<u8>]) -> String {
    let Header { dataset, version, action, periods, .. } = header;
    let blocks: Vec<_> = blocks.iter().map(|block| BatchId::of(block)).collect();
    let said = serde_json::json!([dataset, version, action, periods, removes, blocks]);
    hex::encode(sha256(said.to_string().as_bytes()))
}

/// A batch names the officer who approved it (article 5(1)).
fn approved(sender: &config::Batch) -> Result<(), Failure> {
    if !sender.officer.trim().is_empty() {
        return Ok(());
    }
    let problem = Problem::new(Kind::NotPermitted, "nobody approved the batch")
        .hint("name the responsible officer in node.toml: officer under [batch], the office held");
    Err(problem.into())
}

/// The day of a moment, in universal time.
fn day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::source::csv;

    const HEAD: &str = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,REF_AREA,INDICATOR,SEX,AGE,CITIZENSHIP,\
                        UNIT_MEASURE,TIME_PERIOD,OBS_VALUE,OBS_STATUS\n";

    fn rows(action: &str, period: &str, female: &str) -> String {
        [("_T", "17"), ("F", female), ("M", "13")]
            .map(|(sex, value)| {
                format!(
                    "dataflow,BIRGE:TRAFFICKING(1.0.0),{action},A,KG,VC_HTF_DETV,{sex},_T,_T,PS,\
                     {period},{value},A\n"
                )
            })
            .concat()
    }

    fn structures() -> Arc<Structures> {
        Structures::bundled().unwrap()
    }

    fn checked(rows: &str) -> Checked {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let input = csv::read(format!("{HEAD}{rows}").as_bytes());
        check(&structures(), &"MIA".parse().unwrap(), input, Said::default(), now)
    }

    fn unsigned(rows: &str) -> Unsigned {
        let Checked { report, batch, .. } = checked(rows);
        batch.unwrap_or_else(|| panic!("{report}"))
    }

    fn sender() -> config::Batch {
        config::Batch { officer: "head of statistics".into(), ..config::Batch::default() }
    }

    fn past(batch: &Unsigned, id: u8) -> Past {
        Past {
            batch: BatchId([id; 32]),
            dataset: batch.header.dataset.clone(),
            periods: batch.periods.clone(),
            action: batch.header.action,
            content: batch.content.clone(),
        }
    }

    #[test]
    fn every_finding_of_reading_and_of_the_rules_is_in_one_report() {
        let wrong = format!("{}dataflow,short\n", rows("A", "2023", "F"));
        let report = checked(&wrong).report;
        let counts = [Code::Format, Code::ValueFormat].map(|code| report.count(code));
        assert_eq!(counts, [1, 1], "{report}");
        assert!(checked(&rows("A", "2023", "5")).batch.is_none());
    }

    #[test]
    fn a_blank_is_told_as_it_was_written() {
        for (written, told) in
            [("NaN", "NaN with"), ("#N/A", "#N/A with"), ("", "no value with"), ("4", "")]
        {
            let report = checked(&rows("A", "2023", written)).report;
            let blank = report.findings.iter().find(|finding| finding.code == Code::ValueBlank);
            assert!(blank.map_or("", |finding| &finding.found).starts_with(told), "{report}");
            assert_eq!(blank.is_none(), told.is_empty());
        }
    }

    #[test]
    fn a_signed_batch_says_what_was_read_and_what_it_revises() {
        let key = SigningKey::generate().unwrap();
        let batch = unsigned(&(rows("A", "2023", "4") + &rows("A", "2022", "4")));
        let history = [past(&unsigned(&rows("A", "2022", "4")), 1), past(&batch, 2)];
        let mut elsewhere = past(&batch, 3);
        elsewhere.periods = vec!["2019".into()];
        let history = [&history[..], &[elsewhere]].concat();
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let (agency, sender) = ("MIA".parse().unwrap(), sender());
        let signed = batch.sign(&agency, &key, &sender, &history, now).unwrap();
        let header = &signed.header;
        key.verifying_key().verify(MANIFEST_TYPE, &header.manifest, &header.signature).unwrap();
        let manifest = Manifest::parse(&header.manifest).unwrap();
        assert_eq!(manifest.periods, ["2022", "2023"]);
        assert_eq!(manifest.revises, Some(BatchId([2; 32])));
        assert_eq!((manifest.observations, manifest.blocks.len()), (6, 1));
        assert_eq!(manifest.blocks[0], BatchId::of(&signed.blocks[0]));
    }

    #[test]
    fn what_nobody_approved_is_not_signed() {
        let key = SigningKey::generate().unwrap();
        let agency = "MIA".parse().unwrap();
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        for officer in ["", " "] {
            let sender = config::Batch { officer: officer.into(), ..sender() };
            let batch = unsigned(&rows("A", "2023", "4"));
            let failure = batch.sign(&agency, &key, &sender, &[], now).unwrap_err();
            let reply = failure.reply();
            assert_eq!(reply.exit, crate::output::Exit::Refused);
            for part in ["nobody approved", "name the responsible officer in node.toml"] {
                assert!(reply.aside.contains(part), "{}", reply.aside);
            }
        }
    }

    #[test]
    fn what_changes_nothing_revises_nothing_and_is_not_revised() {
        let key = SigningKey::generate().unwrap();
        let (agency, sender) = ("MIA".parse().unwrap(), sender());
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let (informs, adds) = (rows("I", "2023", "4"), rows("A", "2023", "4"));
        let history = [past(&unsigned(&adds), 1), past(&unsigned(&informs), 2)];
        let revises = |rows: &str| {
            let signed = unsigned(rows).sign(&agency, &key, &sender, &history, now).unwrap();
            Manifest::parse(&signed.header.manifest).unwrap().revises
        };
        assert_eq!(revises(&adds), Some(BatchId([1; 32])));
        assert_eq!(revises(&informs), None);
    }

    #[test]
    fn the_same_content_is_known_again_until_it_was_undone() {
        let batch = unsigned(&rows("A", "2023", "4"));
        let (same, replaced) = (past(&batch, 1), past(&unsigned(&rows("R", "2023", "4")), 2));
        assert_eq!(batch.already(&[]), None);
        assert_eq!(batch.already(std::slice::from_ref(&same)), Some(same.batch));
        let mut more = past(&batch, 3);
        more.content = "another".into();
        assert_eq!(batch.already(&[same.clone(), more.clone()]), Some(same.batch));
        assert_eq!(batch.already(&[same, replaced.clone()]), None);
        let replacing = unsigned(&rows("R", "2023", "4"));
        assert_eq!(replacing.already(&[replaced, more]), None);
    }

    #[test]
    fn a_file_of_another_agency_or_dataset_is_refused() {
        let report = checked(&rows("A", "2023", "4").replace("TRAFFICKING", "NOTHING")).report;
        assert_eq!(report.count(Code::Provider), 1);
        let mut input = csv::read(format!("{HEAD}{}", rows("A", "2023", "4")).as_bytes()).unwrap();
        input.header.agency = Some("NSC".parse().unwrap());
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let agency = "MIA".parse().unwrap();
        let checked = check(&structures(), &agency, Ok(input), Said::default(), now);
        assert_eq!(checked.report.count(Code::Provider), 1);
    }
}
