//! `agency-node audit export`: records into a file, as JSON Lines (whole, with what opens
//! their commitments, so that anybody can prove them again) or as CSV (a line each).

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use birge_proto::wire::PersonName;
use clap::ValueEnum;
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Asked, progress, row::Row, shown::Shown, shown::Told};
use crate::{
    asker::Asker,
    home,
    output::{Exit, Failure, Reply},
};

/// In which form records are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A JSON object a line: `index`, and `record` (the exact canonical JSON, as a string)
    /// with `opening` (hex), or `notice`.
    #[default]
    Jsonl,
    /// A line a record, with a header; for spreadsheets.
    Csv,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    file: PathBuf,
    records: u64,
    checkpoint: u64,
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, records, checkpoint } = self;
        write!(f, "{records} records, each proved under the checkpoint of {checkpoint} entries: ")?;
        write!(f, "{}", file.display())
    }
}

/// Writes records to `out`; `-` is standard output. A file appears whole or not at all.
///
/// # Errors
/// As for [`super::list::list`], or when the file cannot be written.
pub async fn export(
    asker: &Asker,
    asked: &Asked,
    form: Form,
    out: &Path,
) -> Result<Reply, Failure> {
    if out.is_dir() {
        return Err(Failure::Usage(format!("--out {}: expected a file", out.display())));
    }
    let mut shown = Shown::begin(asker, asked).await?;
    let (checkpoint, (from, to)) = (shown.head.size(), shown.range);
    let bar = progress(to - from);
    if out == Path::new("-") {
        write_all(&mut shown, form, io::stdout().lock(), &bar).await?;
        return Ok(Reply {
            exit: Exit::Done,
            text: String::new(),
            aside: String::new(),
            json: json!(null),
        });
    }
    let unfinished = home::with_ending(out, ".tmp");
    let place = || format!("cannot write {}", out.display());
    // Openings and names are for their reader alone.
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600);
    let file = options.open(&unfinished).with_context(place)?;
    let written = async {
        let records = write_all(&mut shown, form, BufWriter::new(&file), &bar).await?;
        file.sync_all().with_context(place)?;
        home::rename(&unfinished, out)?;
        Ok(records)
    };
    let records = match written.await {
        Ok(records) => records,
        Err(failure) => {
            let _ = fs::remove_file(&unfinished); // what failed is told
            return Err(failure);
        }
    };
    bar.finish_and_clear();
    Reply::new(Exit::Done, &Exported { file: out.to_owned(), records, checkpoint })
}

async fn write_all(
    shown: &mut Shown,
    form: Form,
    out: impl Write,
    bar: &ProgressBar,
) -> Result<u64, Failure> {
    let mut lines = match form {
        Form::Jsonl => Lines::Json(out),
        Form::Csv => {
            let mut csv = csv::Writer::from_writer(out);
            csv.write_record(Row::COLUMNS).context("cannot write the header")?;
            Lines::Csv(Box::new(csv))
        }
    };
    let mut records = 0;
    while let Some(told) = shown.next().await? {
        lines.write(&told).context("cannot write a record")?;
        bar.set_position(told.row().exchange - shown.range.0);
        records += 1;
    }
    lines.flush().context("cannot write the last records")?;
    Ok(records)
}

/// A name that the record commits to, while it is not erased.
fn person(person: &PersonName) -> Value {
    let PersonName { capacity, name, opening } = person;
    json!({ "capacity": capacity, "name": name, "opening": hex::encode(opening) })
}

enum Lines<W: Write> {
    Json(W),
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write> Lines<W> {
    fn write(&mut self, told: &Told) -> Result<(), anyhow::Error> {
        match self {
            Self::Json(out) => {
                let line = match told {
                    Told::Record { entry, .. } => json!({
                        "index": entry.index,
                        "record": str::from_utf8(&entry.record)?,
                        "opening": hex::encode(&entry.opening),
                        "persons": entry.persons.iter().map(person).collect::<Vec<_>>(),
                    }),
                    Told::Notice { entry, .. } => json!({
                        "index": entry.index,
                        "notice": str::from_utf8(&entry.notice)?,
                    }),
                };
                writeln!(out, "{line}")?;
            }
            Self::Csv(csv) => csv.write_record(told.row().cells().map(harmless))?,
        }
        Ok(())
    }

    fn flush(self) -> io::Result<()> {
        match self {
            Self::Json(mut out) => out.flush(),
            Self::Csv(mut csv) => csv.flush(),
        }
    }
}

/// A spreadsheet must take no cell for a formula.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(harmless("=1+1".into()), "'=1+1");
        assert_eq!(harmless("6(5)".into()), "6(5)");
    }
}
