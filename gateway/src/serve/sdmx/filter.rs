//! What is selected, by a key (`A.KG+TJ..F`) or by filters of components (`c[SEX]=F,M`).

use birge_proto::{
    problem::{Kind, Problem},
    wire::Selection,
};
use birge_schemas::structure::{Dimension, Structure};

use super::{
    path::{Path, Version},
    period::{Bound, of_bound},
};
use crate::sdmx::data::TIME;

/// How codes are compared.
const CODED: [&str; 6] = ["eq", "ne", "co", "nc", "sw", "ew"];
/// Conditions of one component.
const TERMS: usize = 1_000;

/// What a key selects.
///
/// # Errors
/// `MALFORMED` where it has too many or too few places, `NOT_SUPPORTED` for several keys that
/// differ in more than one dimension.
pub(super) fn of_key(
    structure: &Structure,
    version: Version,
    key: Option<&str>,
) -> Result<Vec<Selection>, Problem> {
    let all = match version {
        Version::One => "all",
        Version::Two => "*",
    };
    let Some(key) = key.filter(|key| *key != all) else { return Ok(vec![]) };
    let dimensions: Vec<_> = structure.coded().map(|dimension| dimension.id.as_str()).collect();
    let places = |key: &str| -> Result<Vec<Vec<String>>, Problem> {
        let places: Vec<_> = key.split('.').map(|place| codes_of(version, place)).collect();
        let fits = match version {
            Version::One => places.len() == dimensions.len(),
            Version::Two => places.len() <= dimensions.len(),
        };
        if fits {
            return Ok(places);
        }
        let detail = format!("the key {key} has {} places", places.len());
        Err(Problem::new(Kind::Malformed, detail).hint(format!(
            "{} has {}: {}; one that is left open is empty",
            structure.id,
            dimensions.len(),
            dimensions.join(".")
        )))
    };
    let keys = match version {
        Version::One => vec![places(key)?],
        Version::Two => key.split(',').map(places).collect::<Result<_, _>>()?,
    };
    let codes = united(keys)?;
    let selected = dimensions.iter().zip(codes).filter(|(_, codes)| !codes.is_empty());
    let selected = selected.map(|(dimension, codes)| Selection {
        dimension: (*dimension).to_owned(),
        codes,
        ..Selection::default()
    });
    Ok(selected.collect())
}

/// The codes at one place of a key; none where it is left open.
fn codes_of(version: Version, place: &str) -> Vec<String> {
    if version == Version::Two && place == "*" {
        return vec![];
    }
    let codes = place.split('+').filter(|code| !code.is_empty());
    codes.map(str::to_owned).collect()
}

/// Several keys as one: those that differ in one place only.
fn united(keys: Vec<Vec<Vec<String>>>) -> Result<Vec<Vec<String>>, Problem> {
    let longest = keys.iter().map(Vec::len).max().unwrap_or_default();
    let mut keys = keys.into_iter().map(|mut key| {
        key.resize(longest, vec![]);
        key
    });
    let mut one = keys.next().unwrap_or_default();
    let mut differs = None;
    for key in keys {
        for (place, codes) in key.into_iter().enumerate() {
            if one[place] == codes {
                continue;
            }
            if *differs.get_or_insert(place) != place {
                let detail =
                    "keys that differ in more than one dimension are not asked for at once";
                return Err(Problem::new(Kind::NotSupported, detail)
                    .hint("ask for each of them, or for a key with several codes joined by +"));
            }
            if one[place].is_empty() || codes.is_empty() {
                one[place].clear();
            } else {
                one[place].extend(codes);
            }
        }
    }
    Ok(one)
}

/// What the filters of components select, `c[DIMENSION]=…`.
///
/// # Errors
/// `MALFORMED`, `NOT_FOUND` where a filter takes none of the codes, `NOT_SUPPORTED` for filters
/// of attributes and measures.
pub(super) fn of_components(structure: &Structure, path: &Path) -> Result<Vec<Selection>, Problem> {
    let filters = path.parameters.iter().filter_map(|(name, value)| {
        let component = name.strip_prefix("c[")?.strip_suffix(']')?;
        Some((component, value))
    });
    let mut selections = vec![];
    for (component, value) in filters {
        let is_other = structure.attribute(component).is_some() || component == "OBS_VALUE";
        if is_other {
            let detail =
                format!("{component} is no dimension, and only dimensions are filtered by");
            return Err(Problem::new(Kind::NotSupported, detail).hint("take it out of the answer"));
        }
        let dimension = structure.dimensions.iter().find(|dimension| dimension.id == component);
        selections.push(match dimension.filter(|dimension| dimension.codes().is_some()) {
            Some(dimension) => coded(dimension, value)?,
            None if component == TIME => periods(structure, value)?,
            // The read path says which dimensions there are.
            None => Selection { dimension: component.to_owned(), ..Selection::default() },
        });
    }
    Ok(selections)
}

/// An operator and what it compares with; equal where none is written.
fn term(text: &str) -> (&str, &str) {
    match text.split_once(':') {
        Some((operator, value)) if operator.len() == 2 => (operator, value),
        _ => ("eq", text),
    }
}

fn unknown(operator: &str, component: &str) -> Problem {
    Problem::new(Kind::Malformed, format!("{component} cannot be compared by {operator}"))
        .hint("codes are compared by eq, ne, co, nc, sw and ew, periods by eq, ge, le, gt and lt")
}

/// A filter of codes: those that, of all its parts, fit any term.
fn coded(dimension: &Dimension, filter: &str) -> Result<Selection, Problem> {
    let parts: Vec<Vec<_>> =
        filter.split([' ', '+']).map(|part| part.split(',').map(term).collect()).collect();
    let named: Vec<_> = parts.iter().flatten().collect();
    if named.len() > TERMS {
        let detail = format!("{} conditions of {} are named", named.len(), dimension.id);
        return Err(Problem::new(Kind::TooLarge, detail).hint(format!("at most {TERMS}")));
    }
    if parts.len() == 1 && named.iter().all(|(operator, _)| *operator == "eq") {
        // As they are named: the read path knows which there are.
        let codes = named.iter().map(|(_, code)| (*code).to_owned()).collect();
        return Ok(Selection { dimension: dimension.id.clone(), codes, ..Selection::default() });
    }
    if let Some((operator, _)) = named.iter().find(|(operator, _)| !CODED.contains(operator)) {
        return Err(unknown(operator, &dimension.id));
    }
    let fits = |code: &str, (operator, value): (&str, &str)| match operator {
        "eq" => code == value,
        "ne" => code != value,
        "co" => code.contains(value),
        "nc" => !code.contains(value),
        "sw" => code.starts_with(value),
        _ => code.ends_with(value),
    };
    let taken = |code: &&str| parts.iter().all(|part| part.iter().any(|term| fits(code, *term)));
    let codes: Vec<&str> = dimension.allowed().filter(taken).collect();
    if codes.is_empty() {
        let detail = format!("none of the codes of {} fits {filter}", dimension.id);
        return Err(Problem::new(Kind::NotFound, detail));
    }
    let codes = codes.into_iter().map(str::to_owned).collect();
    Ok(Selection { dimension: dimension.id.clone(), codes, ..Selection::default() })
}

/// A filter of periods: single ones, or the span between bounds.
fn periods(structure: &Structure, filter: &str) -> Result<Selection, Problem> {
    let mut selection = Selection { dimension: TIME.to_owned(), ..Selection::default() };
    let parts: Vec<_> = filter.split([' ', '+']).collect();
    for part in &parts {
        let terms: Vec<_> = part.split(',').map(term).collect();
        if parts.len() == 1 && terms.iter().all(|(operator, _)| *operator == "eq") {
            selection.codes = terms.iter().map(|(_, period)| (*period).to_owned()).collect();
            return Ok(selection);
        }
        let [(operator, value)] = terms[..] else {
            return Err(Problem::new(
                Kind::NotSupported,
                "spans of time are not joined by a comma",
            )
            .hint("ask for one span, such as ge:2020+le:2023, or for single periods"));
        };
        let (bound, target) = match operator {
            "ge" => (Bound::From, &mut selection.from),
            "gt" => (Bound::After, &mut selection.from),
            "le" => (Bound::To, &mut selection.to),
            "lt" => (Bound::Before, &mut selection.to),
            _ => return Err(unknown(operator, TIME)),
        };
        if !target.is_empty() {
            let detail = format!("{filter} has the same bound twice");
            return Err(Problem::new(Kind::Malformed, detail));
        }
        *target = of_bound(structure, value, bound)?;
    }
    Ok(selection)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use birge_schemas::structure::Structures;
    use proptest::prelude::*;

    use super::*;

    fn structure() -> Arc<Structure> {
        Arc::clone(Structures::bundled().unwrap().get("TRAFFICKING").unwrap())
    }

    fn key(version: Version, key: &str) -> Result<Vec<(String, String)>, Kind> {
        let selections =
            of_key(&structure(), version, Some(key)).map_err(|problem| problem.kind)?;
        Ok(selections.into_iter().map(|it| (it.dimension, it.codes.join("+"))).collect())
    }

    fn filter(text: &str) -> Result<Selection, Kind> {
        let path = Path::of(&format!("/sdmx/v2/data/x?{text}").parse().unwrap()).unwrap();
        let mut selections = of_components(&structure(), &path).map_err(|problem| problem.kind)?;
        Ok(selections.remove(0))
    }

    #[test]
    fn keys_name_codes_by_place() {
        let own = |dimension: &str, codes: &str| (dimension.to_owned(), codes.to_owned());
        let one = key(Version::One, "A.KG+TJ..F...").unwrap();
        assert_eq!(one, [own("FREQ", "A"), own("REF_AREA", "KG+TJ"), own("SEX", "F")]);
        assert_eq!(key(Version::One, "all").unwrap(), []);
        assert_eq!(key(Version::One, "A.KG"), Err(Kind::Malformed));
        assert_eq!(key(Version::Two, "A.KG").unwrap(), [own("FREQ", "A"), own("REF_AREA", "KG")]);
        assert_eq!(key(Version::Two, "*.KG").unwrap(), [own("REF_AREA", "KG")]);
        assert_eq!(key(Version::Two, "*").unwrap(), []);
        assert_eq!(key(Version::Two, "A.KG,A.TJ").unwrap()[1], own("REF_AREA", "KG+TJ"));
        assert_eq!(key(Version::Two, "A.KG,A.*").unwrap(), [own("FREQ", "A")]);
        assert_eq!(key(Version::Two, "A.KG,*.TJ"), Err(Kind::NotSupported));
        assert_eq!(key(Version::Two, "A.B.C.D.E.F.G.H"), Err(Kind::Malformed));
    }

    #[test]
    fn filters_name_codes_by_what_they_are() {
        let codes = |text: &str| filter(text).map(|selection| selection.codes.join("+"));
        assert_eq!(codes("c[SEX]=F,M").unwrap(), "F+M");
        assert_eq!(codes("c[SEX]=eq:F").unwrap(), "F");
        assert_eq!(codes("c[REF_AREA]=sw:TJ+nc:-").unwrap(), "TJ");
        assert_eq!(codes("c[REF_AREA]=sw:ZZ"), Err(Kind::NotFound));
        assert_eq!(codes("c[SEX]=ge:F"), Err(Kind::Malformed));
        assert_eq!(codes("c[OBS_STATUS]=A"), Err(Kind::NotSupported));
        let span = filter("c[TIME_PERIOD]=ge:2020+lt:2022").unwrap();
        assert_eq!((span.from.as_str(), span.to.as_str()), ("2020", "2021"));
        assert_eq!(filter("c[TIME_PERIOD]=2020,2022").unwrap().codes, ["2020", "2022"]);
        assert_eq!(filter("c[TIME_PERIOD]=ge:2020+ge:2021"), Err(Kind::Malformed));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[A-Z.+*,: ]{0,40}") {
            for version in [Version::One, Version::Two] {
                let _ = of_key(&structure(), version, Some(&text));
            }
            let dimension = structure();
            let _ = coded(&dimension.dimensions[1], &text);
            let _ = periods(&dimension, &text);
        }
    }
}
