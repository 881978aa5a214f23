//! What an approver is shown of a batch: what it says, its most aggregated figures, what the rules
//! warn of and why that is right, what it changes of what stands.

use std::{cmp::Reverse, fmt::Write};

use birge_schemas::{
    finding::{Code, Severity},
    history::Difference,
    structure::{Structure, Structures},
    table::{RawColumn, RawTable},
    validate::{Context, Validation, validate},
};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::{
    batch::Draft,
    consent, diff,
    i18n::{self, Language},
    node::Node,
    outbox::prepared::{self, Prepared},
    output::{Exit, Failure, Reply},
    query,
};

/// Figures that are shown.
const SHOWN: usize = 12;
/// The code of a total.
const TOTAL: &str = "_T";

/// A batch as its approver sees it.
#[derive(Debug)]
pub struct Seen {
    /// The figures that most are added up in: what they are of, and the figure.
    pub figures: Vec<(String, String)>,
    /// What the rules warn of.
    pub warnings: Vec<Warning>,
}

/// What the rules warn of.
#[derive(Debug)]
pub struct Warning {
    /// The finding's code.
    pub code: Code,
    /// How often; 0: the node has found none, the gateway may.
    pub count: u64,
    /// Why that is right, where the officer said so.
    pub justified: Option<String>,
}

impl Seen {
    /// Looks at a batch.
    ///
    /// # Errors
    /// When its figures cannot be read.
    pub fn of(structures: &Structures, draft: &Draft) -> Result<Self, Failure> {
        let manifest = &draft.manifest;
        let structure = structures.get(&manifest.dataset).ok_or_else(|| {
            Failure::Wrong(format!("there is no dataset {} in this version", manifest.dataset))
        })?;
        let table = query::table(&draft.blocks)?;
        let context = Context {
            agency: &manifest.agency,
            dataset: &manifest.dataset,
            version: &manifest.version,
            periods: &manifest.periods,
            action: manifest.action,
            today: manifest.prepared.to_zoned(TimeZone::UTC).date(),
        };
        let Validation { report, .. } = validate(structure, &context, &table);
        let said = |code: &Code| draft.justified.get(code).cloned();
        let warned = report.by_code.iter().filter(|(code, _)| code.severity() == Severity::Warning);
        let warnings = warned.map(|(code, count)| Warning {
            code: *code,
            count: *count,
            justified: said(code),
        });
        // What is compared with what stood is found at the gateway alone.
        let more = draft.justified.keys().filter(|code| !report.by_code.contains_key(code));
        let more = more.map(|code| Warning { code: *code, count: 0, justified: said(code) });
        let warnings = warnings.chain(more).collect();
        Ok(Self { figures: figures(structure, &table), warnings })
    }
}

/// The figures with the most totals among their codes.
fn figures(structure: &Structure, table: &RawTable) -> Vec<(String, String)> {
    let columns: Vec<&RawColumn> =
        structure.dimensions.iter().filter_map(|it| table.column(&it.id)).collect();
    let totals = |row: &usize| columns.iter().filter(|it| it.at(*row) == TOTAL).count();
    let mut rows: Vec<_> = (0..table.rows).collect();
    rows.sort_by_key(|row| Reverse(totals(row)));
    rows.truncate(SHOWN);
    let shown = |row| {
        let varying = columns.iter().filter(|it| it.dictionary.len() > 1);
        let codes = varying.map(|it| format!("{} {}", it.id, it.at(row)));
        let value = table.value(row).map_or_else(|| "–".to_owned(), |value| value.to_string());
        (codes.collect::<Vec<_>>().join(", "), value)
    };
    rows.into_iter().map(shown).collect()
}

/// What a batch says, in words and for programs.
///
/// # Errors
/// As for [`Seen::of`].
pub fn told(
    structures: &Structures,
    waits: &Prepared,
    draft: &Draft,
) -> Result<(String, Value), Failure> {
    let seen = Seen::of(structures, draft)?;
    let mut text = consent::words(waits.batch, &draft.manifest);
    let _ = write!(text, "\ncontact  {}", draft.manifest.contact);
    if !seen.figures.is_empty() {
        text += "\nits most aggregated figures:";
    }
    for (of, figure) in &seen.figures {
        let _ = write!(text, "\n  {figure:>12}  {of}");
    }
    let texts = i18n::SOURCES.texts(Language::En);
    for Warning { code, count, justified } in &seen.warnings {
        let said = justified.as_deref().unwrap_or("not justified");
        let meaning = texts.say(&format!("finding-{code}"));
        let _ = match count {
            0 => write!(text, "\n{code}, should the gateway find it: {said}"),
            count => write!(text, "\nwarning {code}, {count} times: {said}\n    {meaning}"),
        };
    }
    if seen.warnings.is_empty() {
        text += "\nthe rules of the node warn of nothing";
    }
    let figures = seen.figures.iter().map(|(of, figure)| json!({ "of": of, "figure": figure }));
    let warnings = seen
        .warnings
        .iter()
        .map(|it| json!({ "code": it.code, "count": it.count, "justified": it.justified }));
    let json = json!({
        "batch": waits.batch,
        "manifest": draft.manifest,
        "source": waits.slip.source,
        "figures": figures.collect::<Vec<_>>(),
        "warnings": warnings.collect::<Vec<_>>(),
    });
    Ok((text, json))
}

/// Tells all of one batch.
///
/// # Errors
/// When its file is damaged.
pub async fn show(node: &Node, waits: &Prepared) -> Result<Reply, Failure> {
    let draft = waits.draft()?;
    let (mut text, mut json) = told(&node.structures, waits, &draft)?;
    if waits.slip.from_inbox {
        let made_of = node.home.join("sent").join(&waits.slip.source);
        let _ = write!(text, "\nmade of  {}", made_of.display());
    }
    let changes = match changes(node, &draft).await {
        Ok(changes) => changes.iter().map(|(period, it)| format!("{period}: {it}")).collect(),
        Err(why) => vec![format!("not compared: {why}")],
    };
    text += "\nagainst what stands:";
    for line in &changes {
        let _ = write!(text, "\n  {line}");
    }
    json["changes"] = json!(changes);
    let short = &waits.batch.to_string()[..12];
    let _ = write!(
        text,
        "\nnext: agency-node approval give {short} --key FILE, or approval return {short} --reason \
         TEXT"
    );
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

/// What a batch changes of what stands, period by period.
///
/// # Errors
/// Why that is not known.
pub async fn changes(node: &Node, draft: &Draft) -> Result<Vec<(String, Difference)>, String> {
    let compared = match node.link() {
        Ok((link, _)) => diff::differences(node, &link, draft.into()).await,
        Err(failure) => Err(failure),
    };
    let first =
        |failure: Failure| failure.to_string().lines().next().unwrap_or_default().to_owned();
    compared.map_err(first)
}

/// Tells which batches wait.
///
/// # Errors
/// When a file is damaged.
pub fn list(node: &Node) -> Result<Reply, Failure> {
    let waiting = prepared::all(&node.home)?;
    let lines = waiting.iter().map(|waits| {
        let manifest = &waits.manifest;
        format!(
            "{}  {} for {}: {:?}, {} observations, prepared {}, of {}\n",
            &waits.batch.to_string()[..12],
            manifest.dataset,
            manifest.periods.join(", "),
            manifest.action,
            manifest.observations,
            manifest.prepared,
            waits.slip.source,
        )
    });
    let mut text: String = lines.collect();
    text += match waiting.is_empty() {
        true => "no batch waits for approval",
        false => "next: agency-node approval show BATCH",
    };
    let json = waiting
        .iter()
        .map(|it| json!({ "batch": it.batch, "source": it.slip.source, "manifest": it.manifest }));
    let json = json!({ "waiting": json.collect::<Vec<_>>() });
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}
