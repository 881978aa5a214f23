//! Texts of a source to codes.

use std::collections::HashMap;

use birge_schemas::{
    codelist::CodeList,
    crosswalk::{Crosswalk, Crosswalks, Meaning, NAMES},
    table::RawColumn,
};
use regex::Regex;

use super::{Band, Codes, Column};

/// How the texts of a column become codes.
pub(super) struct Recoding<'a> {
    replace: Vec<(Regex, &'a str)>,
    bands: &'a [Band],
    walks: Vec<Walk<'a>>,
}

enum Walk<'a> {
    Shipped(&'a Crosswalk),
    OfNames(Crosswalk),
    Own(HashMap<&'a str, &'a str>),
}

/// A text that may be any of several codes.
pub(super) struct Ambiguous {
    pub(super) text: String,
    pub(super) codes: Vec<String>,
}

impl<'a> Recoding<'a> {
    /// Reads how a column's texts become codes of `list`, where they do.
    ///
    /// # Errors
    /// When an expression is none, or there is no such cross-walk.
    pub(super) fn new(
        column: &'a Column,
        list: Option<&CodeList>,
        known: &'a Crosswalks,
    ) -> Result<Self, String> {
        let replace = column.replace.iter().map(|each| {
            let pattern = Regex::new(&each.pattern).map_err(|error| error.to_string())?;
            Ok((pattern, each.with.as_str()))
        });
        let walks = column.codes.iter().map(|codes| match (codes, list) {
            (Codes::Own(own), _) => {
                let own = own.iter().map(|(text, code)| (text.as_str(), code.as_str()));
                Ok(Walk::Own(own.collect()))
            }
            (Codes::Named(id), Some(list)) if id == NAMES => Ok(Walk::OfNames(known.names(list))),
            (Codes::Named(id), list) => {
                let walk = known.get(id).ok_or_else(|| format!("there is no cross-walk {id}"))?;
                let leads = list.is_some_and(|list| list.id == walk.code_list);
                let wrong = || format!("the cross-walk {id} leads to {}", walk.code_list);
                if leads { Ok(Walk::Shipped(walk)) } else { Err(wrong()) }
            }
        });
        Ok(Self {
            replace: replace.collect::<Result<_, String>>()?,
            bands: &column.bands,
            walks: walks.collect::<Result<_, String>>()?,
        })
    }

    /// A column's texts as codes, in a column of this name, for these of its rows. What no
    /// cross-walk knows stays as it is.
    pub(super) fn column(
        &self,
        id: &str,
        texts: &RawColumn,
        rows: &[u32],
        ambiguous: &mut Vec<Ambiguous>,
    ) -> RawColumn {
        let mut dictionary: Vec<String> = vec![];
        let mut places: HashMap<String, u32> = HashMap::new();
        let mut entry_of = |text: &str| {
            let code = self.code(text, ambiguous);
            *places.entry(code).or_insert_with_key(|code| {
                dictionary.push(code.clone());
                dictionary.len() as u32 - 1
            })
        };
        // What stands in rows of which nothing is made need not be known.
        let mut entries: Vec<Option<u32>> = vec![None; texts.dictionary.len()];
        let entry = |row: &u32| {
            let given = texts.entry(*row as usize);
            *entries[given].get_or_insert_with(|| entry_of(&texts.dictionary[given]))
        };
        let index: Vec<u32> = rows.iter().map(entry).collect();
        let index = if dictionary.len() > 1 { index } else { vec![] };
        RawColumn { id: id.to_owned(), dictionary, index }
    }

    fn code(&self, text: &str, ambiguous: &mut Vec<Ambiguous>) -> String {
        let replaced = self.replace.iter().fold(text.to_owned(), |text, (pattern, with)| {
            pattern.replace_all(&text, *with).into_owned()
        });
        let number = if self.bands.is_empty() { None } else { replaced.parse::<f64>().ok() };
        let of_number = |band: &&Band| {
            number.is_some_and(|it| it >= band.from && band.below.is_none_or(|below| it < below))
        };
        if let Some(band) = self.bands.iter().find(of_number) {
            return band.code.clone();
        }
        for walk in &self.walks {
            let meaning = match walk {
                Walk::Shipped(walk) => walk.meaning(&replaced),
                Walk::OfNames(walk) => walk.meaning(&replaced),
                Walk::Own(own) => match own.get(replaced.as_str()) {
                    Some(code) => return (*code).to_owned(),
                    None => None,
                },
            };
            match meaning {
                Some(Meaning::Code(code)) => return code.clone(),
                Some(Meaning::Ambiguous(codes)) => {
                    ambiguous.push(Ambiguous { text: text.to_owned(), codes: codes.clone() });
                    return text.to_owned();
                }
                None => {}
            }
        }
        replaced
    }
}

#[cfg(test)]
mod tests {
    use birge_schemas::structure::Structures;

    use super::*;

    /// What becomes of these texts.
    fn recoded(column: &str, list: &str, texts: &[&str]) -> Result<Vec<String>, String> {
        let column: Column = serde_json::from_str(column).unwrap();
        let (structures, walks) = (Structures::bundled().unwrap(), Crosswalks::bundled().unwrap());
        let list = structures.code_lists().find(|each| each.id == list);
        let recoding = Recoding::new(&column, list.map(AsRef::as_ref), &walks)?;
        let index = (0..texts.len() as u32).collect::<Vec<_>>();
        let dictionary = texts.iter().map(|text| (*text).to_owned()).collect();
        let given = RawColumn { id: "x".into(), dictionary, index: index.clone() };
        let made = recoding.column("X", &given, &index, &mut vec![]);
        Ok((0..texts.len()).map(|row| made.at(row).to_owned()).collect())
    }

    #[test]
    fn texts_lead_through_the_first_cross_walk_that_knows_them() {
        let column = r#"{"from": "x", "codes": [{"OOO": "_O"}, "AREA_ISO3", "NAMES"]}"#;
        let made = recoded(column, "CL_AREA", &["KGZ", "OOO", "Киргизия", "KG", "Atlantis"]);
        assert_eq!(made.unwrap(), ["KG", "_O", "KG", "KG", "Atlantis"]);
    }

    #[test]
    fn texts_are_replaced_first() {
        let column = r#"{"from": "x", "replace": [
            {"pattern": "^(\\d+)-(\\d+)$", "with": "Y${1}T$2"}, {"pattern": "^(\\d+)\\+$", "with": "Y_GE$1"}
        ]}"#;
        let made = recoded(column, "CL_AGE", &["0-4", "75+", "_T"]).unwrap();
        assert_eq!(made, ["Y0T4", "Y_GE75", "_T"]);
    }

    #[test]
    fn a_mapping_that_cannot_be_followed_is_refused() {
        let with = |codes: &str| format!(r#"{{"from": "x", "codes": ["{codes}"]}}"#);
        assert!(recoded(&with("NO_SUCH"), "CL_AREA", &[]).is_err());
        assert!(recoded(&with("SEX_WORDS"), "CL_AREA", &[]).is_err());
        let pattern = r#"{"from": "x", "replace": [{"pattern": "(", "with": ""}]}"#;
        assert!(recoded(pattern, "CL_AREA", &[]).is_err());
    }

    #[test]
    fn what_may_be_either_stays_as_it_is() {
        let column = r#"{"from": "x", "codes": ["AREA_KG_NAMES"]}"#;
        assert_eq!(recoded(column, "CL_AREA", &["Osh", "Osh city"]).unwrap(), ["Osh", "KG-GO"]);
    }
}
