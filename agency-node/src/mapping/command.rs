//! `agency-node mapping`: what a mapping makes of a file, what it leaves, and a draft of one. It
//! needs no node.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use birge_schemas::{crosswalk::Crosswalks, structure::Structures};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Mapping, propose::propose};
use crate::{
    i18n::Language,
    output::{Exit, Failure, Reply},
    report,
    source::{Input, Lines, template},
};

/// What `mapping` does.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Show what a mapping makes of a file, in the common template, and tell which codes each side
    /// has that the other lacks. Nothing is checked by the rules, and nothing handed in.
    Apply {
        /// A file of the source.
        file: PathBuf,
        /// The mapping.
        #[arg(long, value_name = "FILE")]
        mapping: PathBuf,
        /// Where the common template is written; '-' for standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Draft a mapping from a file, and tell of each column how sure it is.
    Propose {
        /// A file of the source.
        file: PathBuf,
        /// The dataset that it is to become.
        #[arg(long)]
        dataset: String,
        /// Where the draft is written.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// List the cross-walks that ship with Birge, with the code list that each leads to.
    Crosswalks,
}

/// Does what the command line says.
///
/// # Errors
/// When a file cannot be read or written, or a mapping is wrong.
pub fn mapping(command: &Command) -> Result<Reply, Failure> {
    let structures = Structures::bundled().map_err(anyhow::Error::from)?;
    let crosswalks = Crosswalks::bundled().map_err(anyhow::Error::from)?;
    match command {
        Command::Apply { file, mapping, out } => {
            let mapping = Mapping::load(mapping)?;
            apply(&structures, &mapping, file, out.as_deref())
        }
        Command::Propose { file, dataset, out } => {
            propose(&structures, &crosswalks, file, dataset, out.as_deref())
        }
        Command::Crosswalks => Ok(listed(&crosswalks)),
    }
}

fn apply(
    structures: &Structures,
    mapping: &Mapping,
    file: &Path,
    out: Option<&Path>,
) -> Result<Reply, Failure> {
    let input = match mapping.read(structures, file)? {
        Ok(input) => input,
        Err(found) => {
            let lines = Lines::default();
            let json = json!({ "report": report::json(&found, &lines) });
            let text = report::text(&found, &lines, Language::En);
            return Ok(Reply { exit: Exit::Refused, text, aside: String::new(), json });
        }
    };
    if let Some(out) = out {
        let bytes = template::write(&input).map_err(anyhow::Error::from)?;
        match out == Path::new("-") {
            true => print!("{}", String::from_utf8_lossy(&bytes)),
            false => fs::write(out, bytes).map_err(|error| {
                Failure::Usage(format!("cannot write {}: {error}", out.display()))
            })?,
        }
    }
    let covered = covered(structures, &input);
    let found = input.report.errors > 0;
    let mut text = format!(
        "{}\n{} observations\n",
        report::text(&input.report, &input.lines, Language::En),
        input.table.rows
    );
    for (dimension, Covered { strange, absent }) in &covered {
        if !strange.is_empty() {
            let _ = writeln!(text, "{dimension}: no code for {}", shown(strange));
        }
        if !absent.is_empty() {
            let _ = writeln!(text, "{dimension}: nothing for {}", shown(absent));
        }
    }
    let covered: BTreeMap<_, Value> = covered
        .into_iter()
        .map(|(id, it)| (id, json!({ "withoutCode": it.strange, "withoutFigures": it.absent })))
        .collect();
    let json = json!({
        "observations": input.table.rows,
        "report": report::json(&input.report, &input.lines),
        "dimensions": covered,
    });
    let exit = if found { Exit::Refused } else { Exit::Done };
    let aside = if out == Some(Path::new("-")) { std::mem::take(&mut text) } else { String::new() };
    Ok(Reply { exit, text, aside, json })
}

/// What a source has that the template lacks, and the reverse.
struct Covered {
    strange: Vec<String>,
    absent: Vec<String>,
}

/// By dimension, where there is anything to tell.
fn covered(structures: &Structures, input: &Input) -> BTreeMap<String, Covered> {
    let Some(structure) = structures.get(&input.header.dataset) else { return BTreeMap::new() };
    let of = |dimension: &birge_schemas::structure::Dimension| {
        let column = input.table.column(&dimension.id)?;
        let allowed: BTreeSet<&str> = dimension.allowed().collect();
        let stands: BTreeSet<&str> = column.dictionary.iter().map(String::as_str).collect();
        let only = |one: &BTreeSet<&str>, other: &BTreeSet<&str>| {
            one.difference(other).map(|code| (*code).to_owned()).collect::<Vec<_>>()
        };
        let covered = Covered { strange: only(&stands, &allowed), absent: only(&allowed, &stands) };
        Some((dimension.id.clone(), covered))
    };
    structure.coded().filter_map(of).collect()
}

/// The first of some codes, and how many more there are.
fn shown(codes: &[String]) -> String {
    const SHOWN: usize = 12;
    let first = codes[..codes.len().min(SHOWN)].join(", ");
    match codes.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn listed(crosswalks: &Crosswalks) -> Reply {
    let all = crosswalks.iter();
    let text: Vec<_> =
        all.clone().map(|(id, walk)| format!("{id:<22}{}", walk.code_list)).collect();
    let json: BTreeMap<_, _> = all.map(|(id, walk)| (id, &walk.code_list)).collect();
    Reply { exit: Exit::Done, text: text.join("\n"), aside: String::new(), json: json!(json) }
}
