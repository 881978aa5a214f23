//! How much a column of a file is like a dimension: by its name, and by its texts.

use std::{collections::BTreeSet, sync::LazyLock};

use birge_schemas::{
    codelist::CodeList,
    crosswalk::{Crosswalk, Crosswalks, Meaning, NAMES},
    structure::Dimension,
    table::RawColumn,
};
use regex::Regex;

/// What columns are called that hold a dimension, beside its id; parts of names, in small letters.
const CALLED: [(&str, &[&str]); 9] = [
    (
        "REF_AREA",
        &[
            "geo",
            "area",
            "destination",
            "coa",
            "region",
            "oblast",
            "country",
            "receiving",
            "област",
            "регион",
            "страна",
            "территор",
            "аймак",
            "вилоят",
        ],
    ),
    ("CITIZENSHIP", &["citizen", "nationality", "coo", "гражданств", "жаран", "шаҳрванд"]),
    ("COUNTRY_BIRTH", &["birth", "born", "origin", "рожден", "туулган", "таваллуд"]),
    (
        "COUNTERPART_AREA",
        &["counterpart", "partner", "sending", "reporting", "geo", "abroad", "партнер"],
    ),
    ("SEX", &["sex", "gender", "пол", "жыныс", "ҷинс"]),
    ("AGE", &["age", "возраст", "жаш", "синну"]),
    (
        "INDICATOR",
        &["indicator", "series", "measure", "var", "app", "показател", "көрсөткүч", "нишондиҳанда"],
    ),
    ("MIG_STATUS", &["status", "pop_type", "статус"]),
    (
        "TIME_PERIOD",
        &[
            "time",
            "year",
            "period",
            "date",
            "month",
            "quarter",
            "год",
            "период",
            "жыл",
            "мезгил",
            "сол",
        ],
    ),
];

/// What columns are called that hold figures.
const FIGURES: [&str; 17] = [
    "obs_value",
    "value",
    "values",
    "n",
    "count",
    "number",
    "people",
    "persons",
    "total",
    "amount",
    "количество",
    "число",
    "человек",
    "всего",
    "сан",
    "саны",
    "шумора",
];

/// Patterns by which ages are written, and the codes that they are.
pub(super) const AGES: [(&str, &str); 3] = [
    (r"^(\d+)\s*[-–_]\s*(\d+)$", "Y${1}T$2"),
    (r"^(\d+)\s*\+$", "Y_GE$1"),
    (r"^(?i:total)$", "_T"),
];

/// How a column may become a dimension.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Likeness {
    /// Of the column's rows, for how many there is a code of the list.
    pub(super) coded: f64,
    /// For how many there is one that the dataset allows.
    pub(super) allowed: f64,
    /// How much the name is like the dimension's, from 0 to 1.
    pub(super) name: f64,
    /// The cross-walks that lead there.
    pub(super) walks: Vec<String>,
    /// Are its texts ages that must be rewritten first?
    pub(super) ages: bool,
    /// The texts that lead to codes that the dataset allows.
    pub(super) texts: BTreeSet<String>,
}

impl Likeness {
    /// How sure it is, from 0 to 1.
    pub(super) fn score(&self) -> f64 {
        // A country of many may be asked for, and all others left out.
        let texts = if self.allowed > 0.0 { self.coded } else { 0.0 };
        texts * (0.5 + 0.5 * self.name)
    }
}

/// How much a column is like a coded dimension.
pub(super) fn likeness(
    column: &RawColumn,
    rows: usize,
    dimension: &Dimension,
    known: &Crosswalks,
) -> Option<Likeness> {
    let list = &dimension.codes()?.list;
    // A column of so many texts tells persons or cases apart.
    if column.dictionary.len() > 4 * list.codes().len() + 100 {
        return None;
    }
    let names = known.names(list);
    let shipped = known.iter().filter(|(_, walk)| walk.code_list == list.id);
    // Of two that lead as many texts to codes the last is taken: one that was made for it.
    let walks: Vec<(&str, &Crosswalk)> = [(NAMES, &names)].into_iter().chain(shipped).collect();
    let counts = counts(column, rows);
    let allowed: BTreeSet<&str> = dimension.allowed().collect();
    let plain = reached(&counts, column, list, &allowed, &walks, |text| text.to_owned());
    let ages = dimension.id == "AGE";
    let rewritten = ages.then(|| reached(&counts, column, list, &allowed, &walks, of_age));
    let best = match rewritten {
        Some(rewritten) if rewritten.coded > plain.coded => Likeness { ages: true, ..rewritten },
        _ => plain,
    };
    Some(Likeness { name: name(&column.id, &dimension.id), ..best })
}

/// A text with ages rewritten as codes.
fn of_age(text: &str) -> String {
    static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let read =
            AGES.iter().filter_map(|(pattern, with)| Some((Regex::new(pattern).ok()?, *with)));
        read.collect()
    });
    PATTERNS.iter().fold(text.to_owned(), |text, (pattern, with)| {
        pattern.replace_all(&text, *with).into_owned()
    })
}

/// How many rows have each text.
fn counts(column: &RawColumn, rows: usize) -> Vec<usize> {
    let mut counts = vec![0; column.dictionary.len()];
    (0..rows).for_each(|row| counts[column.entry(row)] += 1);
    counts
}

fn reached(
    counts: &[usize],
    column: &RawColumn,
    list: &CodeList,
    allowed: &BTreeSet<&str>,
    walks: &[(&str, &Crosswalk)],
    rewrite: impl Fn(&str) -> String,
) -> Likeness {
    let mut found = Likeness {
        coded: 0.0,
        allowed: 0.0,
        name: 0.0,
        walks: vec![],
        ages: false,
        texts: BTreeSet::new(),
    };
    let given: Vec<(usize, &String)> = counts
        .iter()
        .copied()
        .zip(&column.dictionary)
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let all: usize = given.iter().map(|(count, _)| count).sum();
    let code = |text: &str, walks: &[String], every: &[(&str, &Crosswalk)]| {
        let text = rewrite(text);
        let mut through = walks.iter().filter_map(|id| every.iter().find(|(own, _)| own == id));
        let walked = through.find_map(|(_, walk)| walk.meaning(&text));
        let walked = match walked {
            Some(Meaning::Ambiguous(_)) => return None,
            Some(Meaning::Code(code)) => Some(code.clone()),
            None => None,
        };
        walked.or_else(|| list.position(&text).map(|_| text))
    };
    let covers = |chosen: &[String]| -> usize {
        given.iter().filter(|(_, text)| code(text, chosen, walks).is_some()).map(|(n, _)| n).sum()
    };
    let mut best = covers(&[]);
    // Each cross-walk that adds rows is taken, the one that adds most first.
    while best < all {
        let more = walks.iter().filter(|(id, _)| !found.walks.iter().any(|own| own == id)).map(
            |(id, _)| {
                let with = [&found.walks[..], &[(*id).to_owned()]].concat();
                (covers(&with), with)
            },
        );
        match more.max_by_key(|(rows, _)| *rows) {
            Some((rows, with)) if rows > best => (best, found.walks) = (rows, with),
            _ => break,
        }
    }
    let mut fits = 0;
    for (count, text) in &given {
        if code(text, &found.walks, walks).is_some_and(|code| allowed.contains(code.as_str())) {
            fits += count;
            found.texts.insert((*text).clone());
        }
    }
    let share = |rows: usize| if all == 0 { 0.0 } else { rows as f64 / all as f64 };
    Likeness { coded: share(best), allowed: share(fits), ..found }
}

/// How much a column's name is like what columns of a dimension are called, from 0 to 1.
pub(super) fn name(column: &str, dimension: &str) -> f64 {
    let column = column.to_lowercase();
    let called =
        CALLED.iter().find(|(id, _)| *id == dimension).map_or(&[][..], |(_, called)| *called);
    let words: Vec<&str> = column.split(|c: char| !c.is_alphanumeric()).collect();
    if column == dimension.to_lowercase() {
        1.0
    } else if called.iter().any(|own| words.contains(own) || column == *own) {
        0.9
    } else if called.iter().any(|own| own.chars().count() > 3 && column.contains(own)) {
        0.7
    } else {
        0.0
    }
}

/// Is a column called as columns of figures are?
pub(super) fn is_called_a_figure(column: &str) -> bool {
    FIGURES.contains(&column.to_lowercase().as_str())
}
