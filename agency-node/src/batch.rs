//! From what was read to a signed batch: the rules, the manifest, the blocks, the signature.

mod draft;
mod said;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use birge_proto::{
    clock::Timestamp,
    envelope::sha256,
    identity::AgencyId,
    manifest::{Action, BatchId, Manifest, Salt},
    wire::SubmitHeader,
};
use birge_schemas::{
    finding::{Code, Finding, Report},
    side_by_side::side_by_side,
    structure::Structures,
    table::RawTable,
    validate::{Context, Validation, validate},
    wire::to_blocks,
};
use jiff::{civil::Date, tz::TimeZone};

pub use self::{draft::Draft, said::Said};
use crate::{
    config,
    output::Failure,
    source::{Explained, Header, Input, Lines, only},
};

/// A file after the rules were applied.
#[derive(Debug, Default)]
pub struct Checked {
    /// Everything found.
    pub report: Report,
    /// On which lines the rows stand.
    pub lines: Lines,
    /// How the file's texts came to be codes.
    pub explained: Explained,
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
    /// Their digests.
    digests: Vec<BatchId>,
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
        Err(report) => return Checked { report, ..Checked::default() },
    };
    let Input { header, table, report: read, lines, blanks, explained } = input;
    let periods = header.periods.clone().unwrap_or_else(|| periods_of(&table));
    let mut judged = judge(structures, agency, &header, &periods, &table, day(now));
    blanks.name(&mut judged);
    explained.name(&mut judged);
    let mut report = read.joined(judged);
    if report.errors > 0 {
        return Checked { report, lines, explained, batch: None };
    }
    let blocks = match to_blocks(&table) {
        Ok(blocks) => blocks,
        Err(error) => {
            let expected = "a batch within the limits: hand it in as several files";
            report.push(Finding::new(Code::Format, expected, error.to_string()));
            return Checked { report, lines, explained, batch: None };
        }
    };
    let Header { revises, reason, removes, .. } = &header;
    let said = said.or(Said {
        revises: *revises,
        reason: reason.clone(),
        cause: None,
        removes: removes.clone(),
        justify: BTreeMap::new(),
    });
    let digests = side_by_side(&blocks, |block| BatchId::of(block));
    let content = content_digest(&header, &said.removes, &digests);
    let observations = table.rows as u64;
    let batch = Unsigned { header, said, periods, observations, blocks, digests, content };
    Checked { report, lines, explained, batch: Some(batch) }
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

    /// What it does.
    #[must_use]
    pub fn action(&self) -> Action {
        self.header.action
    }

    /// Its reference periods, ascending.
    #[must_use]
    pub fn periods(&self) -> &[String] {
        &self.periods
    }

    /// Its observations.
    #[must_use]
    pub fn blocks(&self) -> &[Vec<u8>] {
        &self.blocks
    }

    /// The same batch as one that replaces its periods whole, of which these keys disappear.
    #[must_use]
    pub fn replacing(mut self, removes: Vec<String>) -> Self {
        self.header.action = Action::Replace;
        self.said.removes = removes;
        self.content = content_digest(&self.header, &self.said.removes, &self.digests);
        self
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

    /// The batch described. What `sender` says of itself goes into it.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn draft(
        self,
        agency: &AgencyId,
        sender: &config::Batch,
        now: Timestamp,
    ) -> Result<Draft, Failure> {
        let Self { header, said, periods, observations, blocks, digests, content } = self;
        let manifest = Manifest {
            dataset: header.dataset,
            version: header.version,
            agency: agency.clone(),
            periods,
            action: header.action,
            revises: said.revises,
            reason: said.reason,
            cause: said.cause,
            removes: said.removes,
            contact: sender.contact.clone(),
            approved_by: String::new(),
            prepared: now,
            observations,
            blocks: digests,
            salt: Salt::generate().map_err(anyhow::Error::from)?,
        };
        Ok(Draft { manifest, blocks, content, justified: said.justify })
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

fn content_digest(header: &Header, removes: &[String], blocks: &[BatchId]) -> String {
    let Header { dataset, version, action, periods, .. } = header;
    let said = serde_json::json!([dataset, version, action, periods, removes, blocks]);
    hex::encode(sha256(said.to_string().as_bytes()))
}

/// The day of a moment, in universal time.
fn day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}
