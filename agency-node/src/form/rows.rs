//! Which rows a form has: the keys that stood before, with the codes that were asked for in the
//! dimensions for which any were; where nothing stood, every combination of the codes asked for.

use std::collections::BTreeMap;

use birge_schemas::structure::{Dimension, Structure};

use super::{Row, attributes, stood::Stood};
use crate::output::Failure;

/// Rows that a form has at most: more are no work for a person.
pub const MOST: usize = 20_000;

/// Codes that were asked for, by dimension.
pub type Asked = BTreeMap<String, Vec<String>>;

/// Reads what was asked for: `DIM=A,B`, and areas by themselves.
///
/// # Errors
/// When it names no dimension of the dataset, or a code that it does not allow.
pub fn asked(
    structure: &Structure,
    selections: &[String],
    areas: &[String],
) -> Result<Asked, Failure> {
    let mut asked = Asked::new();
    let areas = (!areas.is_empty()).then(|| format!("REF_AREA={}", areas.join(",")));
    for text in selections.iter().chain(&areas) {
        let (id, codes) = text.split_once('=').unwrap_or((text, ""));
        let dimension = structure.coded().find(|dimension| dimension.id == id.trim());
        let Some(dimension) = dimension else {
            let known: Vec<_> = structure.coded().map(|it| it.id.as_str()).collect();
            return Err(Failure::Usage(format!(
                "{text:?} names no dimension of {}: expected DIM=CODE,CODE with one of {}",
                structure.id,
                known.join(", ")
            )));
        };
        let entry = asked.entry(dimension.id.clone()).or_default();
        for code in codes.split(',').map(str::trim).filter(|code| !code.is_empty()) {
            if !dimension.allowed().any(|allowed| allowed == code) {
                return Err(no_code(structure, dimension, code));
            }
            if !entry.iter().any(|known| known == code) {
                entry.push(code.to_owned());
            }
        }
        if entry.is_empty() {
            return Err(Failure::Usage(format!(
                "{text:?} names no codes: expected {}=CODE,CODE",
                dimension.id
            )));
        }
    }
    Ok(asked)
}

fn no_code(structure: &Structure, dimension: &Dimension, code: &str) -> Failure {
    let known: Vec<_> = dimension.allowed().take(20).collect();
    Failure::Usage(format!(
        "{} of {} has no code {code}\nnext: name one of {}{}",
        dimension.id,
        structure.id,
        known.join(", "),
        if dimension.allowed().nth(20).is_some() { " …" } else { "" }
    ))
}

/// The rows of a form for `period`; none where nothing stood and nothing was asked for, so that
/// the officer has to choose.
///
/// # Errors
/// When codes must be named, or rows are too many.
pub fn rows(
    structure: &Structure,
    period: &str,
    asked: &Asked,
    stood: &Stood,
) -> Result<Vec<Row>, Failure> {
    if stood.cells.is_empty() && asked.is_empty() {
        return Ok(vec![]);
    }
    let mut keys: Vec<Vec<String>> = match stood.cells.is_empty() {
        true => vec![defaults(structure, asked)?],
        false => stood.cells.iter().map(|(key, _)| key.clone()).collect(),
    };
    if stood.cells.is_empty() && structure.position("SEX").is_some() && !asked.contains_key("SEX") {
        // Article 4(3) asks for the split by sex.
        keys = spread(structure, keys, "SEX", &["F", "M", "_T"].map(str::to_owned))?;
    }
    for (dimension, codes) in asked {
        keys = spread(structure, keys, dimension, codes)?;
    }
    let width = attributes(structure).count();
    let before: BTreeMap<_, _> = stood.cells.iter().map(|(key, last)| (key, last)).collect();
    let row = |codes: Vec<String>| Row {
        last: before.get(&codes).map_or_else(String::new, |last| (*last).clone()),
        codes,
        period: period.to_owned(),
        attributes: vec![String::new(); width],
        ..Row::default()
    };
    Ok(keys.into_iter().map(row).collect())
}

/// Rows in which the officer chooses the codes.
#[must_use]
pub fn empty(structure: &Structure, period: &str, count: usize) -> Vec<Row> {
    let only = |dimension: &Dimension| {
        let mut allowed = dimension.allowed();
        let first = allowed.next().unwrap_or_default().to_owned();
        if allowed.next().is_none() { first } else { String::new() }
    };
    // A code that is the only one would make a row that nobody touched look begun.
    let one = Row {
        codes: structure.coded().map(only).collect(),
        period: period.to_owned(),
        attributes: vec![String::new(); attributes(structure).count()],
        ..Row::default()
    };
    vec![one; count.min(MOST)]
}

/// A code for each dimension of which none were asked for: its only one, that of the dataset's
/// frequency, or the total.
fn defaults(structure: &Structure, asked: &Asked) -> Result<Vec<String>, Failure> {
    let default = |dimension: &Dimension| {
        if asked.contains_key(&dimension.id) || dimension.id == "SEX" {
            return Some(String::new());
        }
        if dimension.id == "FREQ" {
            return Some(structure.rules.frequency.clone());
        }
        let allowed: Vec<_> = dimension.allowed().collect();
        match allowed.as_slice() {
            [only] => Some((*only).to_owned()),
            several => several.iter().find(|code| **code == "_T").map(|code| (*code).to_owned()),
        }
    };
    let (mut codes, mut unsaid) = (vec![], vec![]);
    for dimension in structure.coded() {
        match default(dimension) {
            Some(code) => codes.push(code),
            None => unsaid.push(dimension.id.as_str()),
        }
    }
    match unsaid.as_slice() {
        [] => Ok(codes),
        unsaid => Err(Failure::Usage(format!(
            "nothing is known of an earlier period, so that the codes of {} are open\nnext: name \
             them with --where DIM=CODE,CODE",
            unsaid.join(", ")
        ))),
    }
}

/// Each key once for each of these codes of a dimension, in the order of first mention.
fn spread(
    structure: &Structure,
    keys: Vec<Vec<String>>,
    dimension: &str,
    codes: &[String],
) -> Result<Vec<Vec<String>>, Failure> {
    let Some(place) = structure.position(dimension) else { return Ok(keys) };
    let (mut seen, mut spread) = (std::collections::BTreeSet::new(), vec![]);
    for key in keys {
        for code in codes {
            let mut key = key.clone();
            key[place].clone_from(code);
            if seen.insert(key.clone()) {
                spread.push(key);
            }
            if spread.len() > MOST {
                return Err(Failure::Usage(format!(
                    "the form would have more than {MOST} rows\nnext: ask for fewer codes, or hand \
                     the figures in as CSV"
                )));
            }
        }
    }
    Ok(spread)
}

#[cfg(test)]
mod tests {
    use birge_schemas::structure::Structures;

    use super::*;

    fn asks(selections: &[&str]) -> (std::sync::Arc<Structures>, Vec<String>) {
        let texts = selections.iter().map(|text| (*text).to_owned()).collect();
        (Structures::bundled().unwrap(), texts)
    }

    #[test]
    fn codes_are_spread_over_what_stood_and_sex_is_not_lost() {
        let (structures, texts) = asks(&["REF_AREA=KG,KG-GB", "INDICATOR=VC_HTF_DETV"]);
        let structure = structures.get("TRAFFICKING").unwrap();
        let wanted = asked(structure, &texts[..1], &[]).unwrap();
        let key = |area: &str, sex: &str| {
            ["A", area, "VC_HTF_DETV", sex, "_T", "_T", "PS"].map(str::to_owned).to_vec()
        };
        let cells = vec![(key("KG", "F"), "13".to_owned()), (key("KG", "M"), "4".to_owned())];
        let stood = Stood { period: "2023".into(), cells, current: true };
        let made = rows(structure, "2024", &wanted, &stood).unwrap();
        let shown = made
            .iter()
            .map(|row| (row.codes[1].as_str(), row.codes[3].as_str(), row.last.as_str()));
        let shown: Vec<_> = shown.collect();
        let expected =
            [("KG", "F", "13"), ("KG-GB", "F", ""), ("KG", "M", "4"), ("KG-GB", "M", "")];
        assert_eq!(shown, expected);

        let wanted = asked(structure, &texts, &[]).unwrap();
        let made = rows(structure, "2024", &wanted, &Stood::default());
        let made = made.unwrap();
        assert_eq!(made.len(), 6, "women, men and the total of two areas");
        assert!(made.iter().all(|row| row.codes.iter().all(|code| !code.is_empty())));
    }

    #[test]
    fn what_is_asked_for_must_exist() {
        let (structures, texts) = asks(&["PLACE=KG", "SEX", "SEX=", "SEX=X,F"]);
        let structure = structures.get("TRAFFICKING").unwrap();
        for text in &texts {
            let failure = asked(structure, std::slice::from_ref(text), &[]).unwrap_err();
            assert_eq!(failure.exit(), crate::output::Exit::Usage, "{text}");
        }
    }
}
