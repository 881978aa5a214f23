//! A draft of a mapping, from a file: which column may be which dimension, and how sure that is.

use std::{collections::BTreeSet, fmt::Write, fs, path::Path};

use birge_schemas::{
    crosswalk::Crosswalks,
    finding::Report,
    structure::{Dimension, Structure, Structures},
    table::RawColumn,
};
use regex::Regex;
use serde_json::{Map, Value, json};

use super::likeness::{AGES, Likeness, is_called_a_figure, likeness, name};
use crate::{
    i18n::Language,
    output::{Exit, Failure, Reply},
    report,
    source::{
        self, Lines,
        layout::Layout,
        sheet::{Numerals, Sheet},
    },
};

/// Below this nothing is proposed.
const LEAST: f64 = 0.25;

/// Drafts a mapping of a file to a dataset.
///
/// # Errors
/// When the file cannot be read, the draft not written, or there is no such dataset.
pub(super) fn propose(
    structures: &Structures,
    known: &Crosswalks,
    file: &Path,
    dataset: &str,
    out: Option<&Path>,
) -> Result<Reply, Failure> {
    let Some(structure) = structures.get(dataset) else {
        let all: Vec<_> = structures.iter().map(|known| known.id.as_str()).collect();
        return Err(Failure::Usage(format!(
            "there is no dataset {dataset}\nnext: name one of {}",
            all.join(", ")
        )));
    };
    let mut found = Report::default();
    let sheet = source::bytes(file)?
        .and_then(|bytes| source::sheet(file, bytes, &Layout::default(), |_| false, &mut found));
    let sheet = match sheet {
        Ok(sheet) => sheet,
        Err(found) => {
            let lines = Lines::default();
            let json = json!({ "report": report::json(&found, &lines) });
            let text = report::text(&found, &lines, Language::En);
            return Ok(Reply { exit: Exit::Refused, text, aside: String::new(), json });
        }
    };
    let draft = Draft::new(structure, known, &sheet);
    let mapping = draft.mapping(structure, file);
    let text = format!("{mapping:#}\n");
    if let Some(out) = out {
        fs::write(out, &text)
            .map_err(|error| Failure::Usage(format!("cannot write {}: {error}", out.display())))?;
    }
    let mut aside = String::new();
    for Guess { what, column, sure } in &draft.guesses {
        let _ = writeln!(aside, "{:>4.0} %  {what:<18} {column}", sure * 100.0);
    }
    let _ = write!(
        aside,
        "next: correct the draft, then see with `agency-node mapping apply {} --mapping FILE` what \
         it makes",
        file.display()
    );
    let guesses: Vec<_> = draft
        .guesses
        .iter()
        .map(|it| json!({ "is": it.what, "from": it.column, "sure": it.sure }))
        .collect();
    let json = json!({ "mapping": mapping, "guesses": guesses });
    let text = if out.is_some() { String::new() } else { text };
    Ok(Reply { exit: Exit::Done, text, aside, json })
}

/// What may be what.
struct Draft {
    guesses: Vec<Guess>,
    rows: Vec<Value>,
    columns: Map<String, Value>,
    value: Option<Value>,
    wide: Option<Value>,
    ignore: Vec<String>,
}

/// What a column may be, and how sure that is.
struct Guess {
    what: String,
    column: String,
    sure: f64,
}

impl Draft {
    fn new(structure: &Structure, known: &Crosswalks, sheet: &Sheet) -> Self {
        let mut draft = Self {
            guesses: vec![],
            rows: vec![],
            columns: Map::new(),
            value: None,
            wide: None,
            ignore: vec![],
        };
        let mut taken = BTreeSet::new();
        draft.time(structure, sheet, &mut taken);
        draft.figures(sheet, &mut taken);
        draft.dimensions(structure, known, sheet, &mut taken);
        draft.constants(structure, sheet, &mut taken);
        let left = sheet.names.iter().filter(|name| !taken.contains(name.as_str()));
        draft.ignore = left.filter(|name| !name.is_empty()).cloned().collect();
        draft
    }

    fn mapping(&self, structure: &Structure, file: &Path) -> Value {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let mut mapping = json!({
            "name": name,
            "dataset": structure.id,
            "columns": self.columns,
        });
        for (member, value) in [("value", &self.value), ("wide", &self.wide)] {
            if let Some(value) = value {
                mapping[member] = value.clone();
            }
        }
        if !self.rows.is_empty() {
            mapping["rows"] = json!(self.rows);
        }
        if !self.ignore.is_empty() {
            mapping["ignore"] = json!(self.ignore);
        }
        mapping
    }

    fn guess(&mut self, what: impl Into<String>, column: impl Into<String>, sure: f64) {
        self.guesses.push(Guess { what: what.into(), column: column.into(), sure });
    }

    /// The column of reference periods.
    fn time<'s>(&mut self, structure: &Structure, sheet: &'s Sheet, taken: &mut BTreeSet<&'s str>) {
        let patterns: Vec<Regex> =
            structure.frequencies().filter_map(|it| Regex::new(it.pattern()).ok()).collect();
        let share = |column: &RawColumn| {
            let given = column.dictionary.iter().filter(|text| !text.is_empty());
            let fits = |text: &&String| patterns.iter().any(|pattern| pattern.is_match(text));
            given.clone().filter(fits).count() as f64 / given.count().max(1) as f64
        };
        let scored = sheet
            .texts
            .iter()
            .map(|column| (share(column) * (0.5 + 0.5 * name(&column.id, "TIME_PERIOD")), column));
        let best = scored.max_by(|one, other| one.0.total_cmp(&other.0));
        if let Some((sure, column)) = best.filter(|(sure, _)| *sure > LEAST) {
            taken.insert(&column.id);
            self.columns.insert("TIME_PERIOD".into(), json!({ "from": column.id }));
            self.guess("TIME_PERIOD", &column.id, sure);
        }
    }

    /// The columns of figures: one, or those that stand side by side.
    fn figures<'s>(&mut self, sheet: &'s Sheet, taken: &mut BTreeSet<&'s str>) {
        let numeric: Vec<(&RawColumn, f64)> = sheet
            .texts
            .iter()
            .filter(|column| !taken.contains(column.id.as_str()))
            .map(|column| (column, numeric(column)))
            .filter(|(_, share)| *share > 0.5)
            .collect();
        let named = |(column, _): &&(&RawColumn, f64)| !stands_for(&column.id).is_empty();
        let side_by_side = numeric.iter().filter(named).count() > 2;
        if side_by_side {
            let mut columns = Map::new();
            for (column, share) in numeric {
                let stands_for = stands_for(&column.id);
                let sure = if stands_for.is_empty() { 0.1 } else { 0.7 * share };
                taken.insert(&column.id);
                self.guess("figures", &column.id, sure);
                columns.insert(column.id.clone(), Value::Object(stands_for));
            }
            self.wide = Some(json!([{ "columns": columns }]));
            return;
        }
        let sure = |column: &RawColumn, share: f64| {
            share * if is_called_a_figure(&column.id) { 1.0 } else { 0.5 }
        };
        let best = numeric.into_iter().map(|(column, share)| (sure(column, share), column));
        if let Some((sure, column)) = best.max_by(|one, other| one.0.total_cmp(&other.0)) {
            taken.insert(&column.id);
            self.value = Some(json!({ "from": column.id }));
            self.guess("the figure", &column.id, sure);
        }
    }

    /// The columns of codes, the surest first.
    fn dimensions<'s>(
        &mut self,
        structure: &Structure,
        known: &Crosswalks,
        sheet: &'s Sheet,
        taken: &mut BTreeSet<&'s str>,
    ) {
        let mut pairs: Vec<(f64, &Dimension, &RawColumn, Likeness)> = structure
            .coded()
            .flat_map(|dimension| sheet.texts.iter().map(move |column| (dimension, column)))
            .filter(|(_, column)| !taken.contains(column.id.as_str()))
            .filter_map(|(dimension, column)| {
                let like = likeness(column, sheet.rows, dimension, known)?;
                Some((like.score(), dimension, column, like))
            })
            .filter(|(score, ..)| *score > LEAST)
            .collect();
        pairs.sort_by(|one, other| other.0.total_cmp(&one.0));
        for (score, dimension, column, like) in pairs {
            if self.columns.contains_key(&dimension.id) || taken.contains(column.id.as_str()) {
                continue;
            }
            taken.insert(&column.id);
            let mut origin = json!({ "from": column.id });
            if like.ages {
                let replace =
                    AGES.iter().map(|(pattern, with)| json!({ "pattern": pattern, "with": with }));
                origin["replace"] = replace.collect();
            }
            if !like.walks.is_empty() {
                origin["codes"] = json!(like.walks);
            }
            let through = match &like.walks[..] {
                [] => column.id.clone(),
                walks => format!("{} through {}", column.id, walks.join(", ")),
            };
            self.columns.insert(dimension.id.clone(), origin);
            self.guess(&dimension.id, through, score);
            if like.allowed < 0.5 * like.coded && !like.texts.is_empty() {
                self.rows.push(json!({ "column": column.id, "is": like.texts }));
                let texts: Vec<_> = like.texts.into_iter().collect();
                self.guess("rows", format!("{} is {}", column.id, texts.join(", ")), score);
            }
        }
    }

    /// What no column says: the one code that there may be, or the total.
    fn constants<'s>(
        &mut self,
        structure: &Structure,
        sheet: &'s Sheet,
        taken: &mut BTreeSet<&'s str>,
    ) {
        let set: BTreeSet<String> = self
            .wide
            .iter()
            .flat_map(|wide| wide[0]["columns"].as_object().into_iter().flat_map(Map::values))
            .flat_map(|own| own.as_object().into_iter().flat_map(Map::keys).cloned())
            .collect();
        for dimension in structure.coded() {
            if self.columns.contains_key(&dimension.id) || set.contains(&dimension.id) {
                continue;
            }
            let allowed: Vec<&str> = dimension.allowed().collect();
            let (code, sure) = match &allowed[..] {
                [only] => (*only, 1.0),
                all if all.contains(&"_T") => ("_T", 0.5),
                all => (all.first().copied().unwrap_or_default(), 0.1),
            };
            self.columns.insert(dimension.id.clone(), json!({ "constant": code }));
            self.guess(&dimension.id, format!("always {code}"), sure);
        }
        let flag = sheet.names.iter().find(|name| {
            ["obs_status", "obs_flag", "flag", "flags"].contains(&name.to_lowercase().as_str())
        });
        match flag.filter(|name| !taken.contains(name.as_str())) {
            Some(flag) => {
                taken.insert(flag);
                let origin = json!({ "from": flag, "codes": ["OBS_STATUS_EUROSTAT"] });
                self.columns.insert("OBS_STATUS".into(), origin);
                self.guess("OBS_STATUS", flag, 0.6);
            }
            None => {
                self.columns.insert("OBS_STATUS".into(), json!({ "constant": "A" }));
                self.guess("OBS_STATUS", "always A", 0.5);
            }
        }
    }
}

/// The share of a column's texts that are numbers.
fn numeric(column: &RawColumn) -> f64 {
    let numerals = Numerals::Either;
    let given = column.dictionary.iter().filter(|text| !text.is_empty());
    let numbers = given.clone().filter(|text| numerals.read(text).is_some()).count();
    numbers as f64 / given.count().max(1) as f64
}

/// What the name of a column of figures stands for: `f_0_4` for women and girls from 0 to 4.
fn stands_for(column: &str) -> Map<String, Value> {
    let column = column.to_lowercase();
    let words: Vec<&str> = column.split(|c: char| !c.is_alphanumeric()).collect();
    let mut stands_for = Map::new();
    let sex = |codes: &[&str]| words.iter().any(|word| codes.contains(word));
    if sex(&["f", "female", "females", "women", "ж", "женщины"]) {
        stands_for.insert("SEX".into(), json!("F"));
    } else if sex(&["m", "male", "males", "men", "м", "мужчины"]) {
        stands_for.insert("SEX".into(), json!("M"));
    } else if sex(&["total", "all", "всего"]) {
        stands_for.insert("SEX".into(), json!("_T"));
    }
    let numbers: Vec<&str> =
        words.iter().copied().filter(|word| word.parse::<u8>().is_ok()).collect();
    match numbers[..] {
        [from, to] => _ = stands_for.insert("AGE".into(), json!(format!("Y{from}T{to}"))),
        [from] => _ = stands_for.insert("AGE".into(), json!(format!("Y_GE{from}"))),
        _ if words.contains(&"total") => _ = stands_for.insert("AGE".into(), json!("_T")),
        _ if words.contains(&"other") => _ = stands_for.insert("AGE".into(), json!("_U")),
        _ => {}
    }
    stands_for
}
