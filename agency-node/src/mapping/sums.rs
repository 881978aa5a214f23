//! Figures that are sums: rows of one key, totals that the source does not give, and what parts
//! leave of those that it does.

use std::collections::{BTreeMap, HashMap, HashSet};

use birge_schemas::{
    extent::spans,
    finding::{Code, Finding, Report},
    structure::{AttributeKind, Structure},
};

use super::{Rest, Total, Unsplit, rows::Rows};
use crate::source::Lines;

/// The code of a total.
const TOTAL: &str = "_T";

/// Which of two statuses a sum has: the first of these.
const STATUSES: [&str; 19] =
    ["B", "D", "E", "I", "P", "F", "U", "G", "J", "K", "W", "N", "S", "V", "A", "H", "L", "O", "M"];

/// Adds up the rows of each key. A sum of which a part has no figure has none.
pub(super) fn combine(structure: &Structure, rows: &mut Rows) -> u64 {
    let key = key(structure, rows);
    let mut first: HashMap<Box<[u32]>, usize> = HashMap::new();
    let mut kept = vec![];
    for row in 0..rows.count() {
        match first.get(&rows.key(row, &key)) {
            None => {
                first.insert(rows.key(row, &key), row);
                kept.push(row);
            }
            Some(&into) => {
                let sum = rows.value(into).zip(rows.value(row)).map(|(one, other)| one + other);
                rows.set_value(into, sum);
                if let Some(text) = rows.unreadable.remove(&row) {
                    rows.unreadable.entry(into).or_insert(text);
                }
                for (id, text) in attributes(structure, rows, &[into, row]) {
                    rows.set(&id, into, &text);
                }
            }
        }
    }
    let gone = rows.count() - kept.len();
    if gone > 0 {
        rows.keep(&kept);
    }
    gone as u64
}

/// Adds the totals that are not given. None is made where a part has no figure, or parts overlap,
/// which is a finding.
pub(super) fn totals(
    structure: &Structure,
    totals: &[Total],
    rows: &mut Rows,
    report: &mut Report,
) -> u64 {
    let (base, key) = (rows.count(), key(structure, rows));
    let mut known: HashSet<Vec<String>> = (0..base).map(|row| texts(rows, row, &key)).collect();
    let mut made = 0;
    for total in totals {
        let along: Vec<usize> = total.along.iter().filter_map(|id| rows.column(id)).collect();
        let overlaps = along.iter().any(|column| overlap(structure, rows, *column, report));
        if overlaps || along.len() < total.along.len() {
            continue;
        }
        let others: Vec<usize> = key.iter().copied().filter(|id| !along.contains(id)).collect();
        let mut sums: BTreeMap<Box<[u32]>, Vec<usize>> = BTreeMap::new();
        let divided =
            |row: &usize| along.iter().all(|column| rows.columns[*column].at(*row) != TOTAL);
        for row in (0..base).filter(divided) {
            sums.entry(rows.key(row, &others)).or_default().push(row);
        }
        for parts in sums.into_values() {
            let has =
                |code: &String| parts.iter().any(|row| rows.columns[along[0]].at(*row) == code);
            if !total.of.iter().all(has) {
                continue;
            }
            let values: Option<Vec<f64>> = parts.iter().map(|row| rows.value(*row)).collect();
            let mut codes = attributes(structure, rows, &parts);
            codes.extend(along.iter().map(|c| (rows.columns[*c].id.clone(), TOTAL.to_owned())));
            codes.extend(total.with.clone());
            let Some(values) = values else { continue };
            let own = |column: &usize| {
                let column = &rows.columns[*column];
                codes.get(&column.id).map_or(column.at(parts[0]), String::as_str).to_owned()
            };
            if known.insert(key.iter().map(own).collect()) {
                let codes = codes.iter().map(|(id, text)| (id.as_str(), text.as_str()));
                rows.push_like(parts[0], codes, Some(values.iter().sum()), Lines::MADE);
                made += 1;
            }
        }
    }
    made
}

/// Adds what the parts of totals leave of them, where that is more than nothing and there are
/// parts. None is made where one has no figure, or they overlap, which is a finding.
pub(super) fn rests(
    structure: &Structure,
    rests: &[Rest],
    rows: &mut Rows,
    report: &mut Report,
) -> u64 {
    let mut made = 0;
    for Rest { along, code, with } in rests {
        let Some(column) = rows.column(along) else { continue };
        if overlap(structure, rows, column, report) {
            continue;
        }
        let key = key(structure, rows);
        let others: Vec<usize> = key.into_iter().filter(|id| *id != column).collect();
        let mut lines: BTreeMap<Box<[u32]>, Line> = BTreeMap::new();
        for row in 0..rows.count() {
            let line = lines.entry(rows.key(row, &others)).or_default();
            match rows.columns[column].at(row) {
                TOTAL => line.total = Some(row),
                _ => line.parts.push(row),
            }
        }
        for Line { total, parts } in lines.into_values() {
            let given = parts.iter().any(|row| rows.columns[column].at(*row) == code);
            let values: Option<Vec<f64>> = parts.iter().map(|row| rows.value(*row)).collect();
            let whole = total.and_then(|row| Some((row, rows.value(row)?)));
            let Some(((total, whole), values)) = whole.zip(values) else { continue };
            let rest = whole - values.iter().sum::<f64>();
            if rest > 0.0 && !given && !parts.is_empty() {
                let mut codes = attributes(structure, rows, &parts);
                codes.extend(with.clone());
                codes.insert(along.clone(), code.clone());
                let codes = codes.iter().map(|(id, text)| (id.as_str(), text.as_str()));
                rows.push_like(total, codes, Some(rest), Lines::MADE);
                made += 1;
            }
        }
    }
    made
}

/// A total and its parts along a dimension, by row.
#[derive(Default)]
struct Line {
    total: Option<usize>,
    parts: Vec<usize>,
}

/// Says of totals along a dimension that have no parts what is to be said.
pub(super) fn unsplit(structure: &Structure, unsplit: &[Unsplit], rows: &mut Rows) {
    for Unsplit { along, with } in unsplit {
        let Some(column) = rows.column(along) else { continue };
        let key = key(structure, rows);
        let others: Vec<usize> = key.into_iter().filter(|id| *id != column).collect();
        let is_total = |row: usize| rows.columns[column].at(row) == TOTAL;
        let parts = (0..rows.count()).filter(|row| !is_total(*row));
        let split: HashSet<Box<[u32]>> = parts.map(|row| rows.key(row, &others)).collect();
        let totals = (0..rows.count()).filter(|row| is_total(*row));
        let without = totals.filter(|row| !split.contains(&rows.key(*row, &others)));
        for row in without.collect::<Vec<_>>() {
            with.iter().for_each(|(id, text)| rows.set(id, row, text));
        }
    }
}

/// The columns of the dimensions.
fn key(structure: &Structure, rows: &Rows) -> Vec<usize> {
    structure.dimensions.iter().filter_map(|dimension| rows.column(&dimension.id)).collect()
}

fn texts(rows: &Rows, row: usize, columns: &[usize]) -> Vec<String> {
    columns.iter().map(|column| rows.columns[*column].at(row).to_owned()).collect()
}

/// What the attributes of a sum of these rows are.
fn attributes(structure: &Structure, rows: &Rows, parts: &[usize]) -> BTreeMap<String, String> {
    let mut merged = BTreeMap::new();
    for attribute in &structure.attributes {
        let Some(column) = rows.column(&attribute.id) else { continue };
        let mut said: Vec<&str> = parts
            .iter()
            .map(|row| rows.columns[column].at(*row))
            .filter(|t| !t.is_empty())
            .collect();
        said.dedup();
        let text = match (&attribute.kind, said.len()) {
            (_, 0) => continue,
            (_, 1) => said[0].to_owned(),
            (AttributeKind::Text(most), _) => {
                let mut seen = HashSet::new();
                let all: Vec<&str> = said
                    .iter()
                    .flat_map(|text| text.split("; "))
                    .filter(|t| seen.insert(*t))
                    .collect();
                let all = all.join("; ");
                if all.chars().count() <= *most { all } else { said[0].to_owned() }
            }
            _ if attribute.id == "OBS_STATUS" => {
                let rank = |text: &str| STATUSES.iter().position(|each| *each == text);
                said.iter().min_by_key(|text| rank(text)).map_or("", |text| text).to_owned()
            }
            _ => said[0].to_owned(),
        };
        merged.insert(attribute.id.clone(), text);
    }
    merged
}

/// Do codes that stand in a column have something in common, so that they cannot be added up?
fn overlap(structure: &Structure, rows: &Rows, column: usize, report: &mut Report) -> bool {
    let column = &rows.columns[column];
    let dimension = structure.coded().find(|dimension| dimension.id == column.id);
    let Some((coded, spans)) = dimension.and_then(|it| Some((it.codes()?, spans(it)?))) else {
        return false;
    };
    let parts = column.dictionary.iter().filter(|text| *text != TOTAL);
    let mut parts: Vec<_> = parts
        .filter_map(|text| Some((spans[usize::from(coded.list.position(text)?)], text)))
        .collect();
    parts.sort_unstable();
    let Some(pair) = parts.windows(2).find(|pair| pair[0].0.meets(pair[1].0)) else { return false };
    let expected = "codes that exclude each other, to be added up";
    let found = format!("{} and {}", pair[0].1, pair[1].1);
    report.push(Finding::new(Code::Format, expected, found).column(&column.id));
    true
}
