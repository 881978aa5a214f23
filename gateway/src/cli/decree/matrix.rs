//! `gateway decree matrix`: who sees what.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use askama::Template;
use birge_schemas::structure::Structures;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{super::Said, Folder, dimensions};
use crate::decree::{Cell, Decree, Matrix, Sheet};

/// Tells who sees what.
#[derive(Debug, Args)]
pub(in super::super) struct MatrixOf {
    #[command(flatten)]
    folder: Folder,
    /// In which form.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Language of names and articles.
    #[arg(long, default_value = "en")]
    lang: String,
    /// File to write; standard output when absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The finest that each body is given.
    #[default]
    Text,
    /// Every decision, a line each.
    Csv,
    /// A page with the finest that each body is given, and the articles.
    Html,
}

impl MatrixOf {
    pub(super) fn act(self) -> Result<Said> {
        let (decree, structures) = self.folder.read()?;
        let matrix = Matrix::of(&decree, &structures);
        let text = match self.format {
            Format::Text => text(&matrix),
            Format::Csv => csv(&matrix)?,
            Format::Html => Page::of(&decree, &structures, &matrix, &self.lang).render()?,
        };
        let value = value(&matrix);
        let Some(out) = self.out else { return Ok((text, value)) };
        fs::write(&out, text).with_context(|| format!("cannot write {}", out.display()))?;
        Ok((format!("written: {}", out.display()), json!({ "file": out })))
    }
}

fn text(matrix: &Matrix) -> String {
    let mut lines = vec![];
    for sheet in matrix.sheets() {
        lines.push(format!("{}, handed in by {}: {}", sheet.dataset, sheet.owner, hidden(sheet)));
        for (principal, finest) in sheet.finest() {
            let mut who = principal.to_string();
            for cell in &finest {
                lines.push(format!("  {:18} {}", std::mem::take(&mut who), words(cell)));
            }
            if !who.is_empty() {
                lines.push(format!("  {who:18} nothing"));
            }
        }
    }
    lines.join("\n")
}

/// What is not given out of a dataset.
fn hidden(sheet: &Sheet) -> String {
    match sheet.protection {
        _ if !sheet.persons => String::from("no counts of persons"),
        Some(rule) if rule.threshold > 1 => {
            let zeros = if rule.zeros_withheld { ", and zeros," } else { "" };
            format!("counts from 1 to {}{zeros} are withheld", rule.threshold - 1)
        }
        Some(rule) if rule.zeros_withheld => String::from("zeros are withheld"),
        _ => String::from("no small count is withheld"),
    }
}

fn words(cell: &Cell) -> String {
    let small = if cell.small_counts { ", as handed in" } else { "" };
    let public = if cell.early { "" } else { ", once public" };
    format!("{}{small}{public} (article {})", cell.detail, cell.articles.join(", "))
}

fn csv(matrix: &Matrix) -> Result<String> {
    let mut table = ::csv::Writer::from_writer(vec![]);
    let header = ["dataset", "owner", "principal", "detail", "permitted", "early", "small_counts"];
    table.write_record(header.into_iter().chain(["articles"]))?;
    for sheet in matrix.sheets() {
        for cell in sheet.cells() {
            let detail = cell.detail.iter().map(|breakdown| breakdown.dimension());
            table.write_record([
                &sheet.dataset,
                sheet.owner.as_str(),
                &cell.principal.to_string(),
                &detail.collect::<Vec<_>>().join(" "),
                &cell.permitted.to_string(),
                &cell.early.to_string(),
                &cell.small_counts.to_string(),
                &cell.articles.join(" "),
            ])?;
        }
    }
    Ok(String::from_utf8(table.into_inner().map_err(|error| error.into_error())?)?)
}

fn value(matrix: &Matrix) -> Value {
    let cell = |cell: Cell| {
        json!({
            "detail": dimensions(cell.detail),
            "smallCounts": cell.small_counts,
            "early": cell.early,
            "articles": cell.articles,
        })
    };
    let sheets = matrix.sheets().iter().map(|sheet| {
        let rows = sheet.finest().map(|(principal, finest)| {
            let finest = finest.into_iter().map(cell).collect::<Vec<_>>();
            json!({ "principal": principal, "finest": finest })
        });
        let rows = rows.collect::<Vec<_>>();
        json!({ "dataset": sheet.dataset, "owner": sheet.owner, "rows": rows })
    });
    sheets.collect()
}

#[derive(Template)]
#[template(path = "matrix.html")]
struct Page {
    lang: String,
    title: String,
    from: String,
    datasets: Vec<Section>,
    articles: Vec<(String, String)>,
}

struct Section {
    id: String,
    name: String,
    owner: String,
    hidden: String,
    rows: Vec<(String, Vec<Line>)>,
}

struct Line {
    detail: String,
    early: bool,
    small_counts: bool,
    articles: Vec<String>,
}

impl Page {
    fn of(decree: &Decree, structures: &Structures, matrix: &Matrix, lang: &str) -> Self {
        let section = |sheet: &Sheet| {
            let rows = sheet.finest().map(|(principal, finest)| {
                let line = |cell: Cell| Line {
                    detail: cell.detail.to_string(),
                    early: cell.early,
                    small_counts: cell.small_counts,
                    articles: cell.articles,
                };
                (principal.to_string(), finest.into_iter().map(line).collect())
            });
            let structure = structures.get(&sheet.dataset);
            Section {
                id: sheet.dataset.clone(),
                name: structure
                    .and_then(|each| each.names.get(lang).or(each.names.get("en")))
                    .cloned()
                    .unwrap_or_default(),
                owner: sheet.owner.to_string(),
                hidden: hidden(sheet),
                rows: rows.collect(),
            }
        };
        let article =
            |article: String| Some((article.clone(), decree.article(&article, lang)?.to_owned()));
        Self {
            lang: lang.to_owned(),
            title: decree.title(lang).to_owned(),
            from: decree.in_force_from().to_string(),
            datasets: matrix.sheets().iter().map(section).collect(),
            articles: decree.articles().into_iter().filter_map(article).collect(),
        }
    }
}
