//! Cross-walks: from the codes and names that a source has to the codes of a list.
//!
//! Each is a file `crosswalks/<ID>.csv` of two columns, `from` and the code list. Where a name may
//! be either of several codes, these stand side by side, and the name is ambiguous: `Osh` is a
//! city and an oblast. Texts are compared without regard to case, to white space around and to
//! how much of it stands between words, and to the dots on ё.

use std::collections::{BTreeMap, HashMap};

use include_dir::{Dir, include_dir};

use crate::codelist::CodeList;

static BUNDLED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/crosswalks");

/// The cross-walk that every code list has of itself: from the names of its codes, in all
/// languages.
pub const NAMES: &str = "NAMES";

/// What a text stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// This code.
    Code(String),
    /// Any of these codes; which one the text does not say.
    Ambiguous(Vec<String>),
}

/// One cross-walk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crosswalk {
    /// Into which code list it leads.
    pub code_list: String,
    meanings: HashMap<String, Meaning>,
}

/// Every cross-walk that ships with Birge, by its id.
#[derive(Debug, Clone, Default)]
pub struct Crosswalks(BTreeMap<String, Crosswalk>);

/// A cross-walk that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cross-walk {id}, line {line}: {why}")]
pub struct CrosswalkError {
    id: String,
    line: u64,
    why: String,
}

impl Crosswalks {
    /// The cross-walks that ship with Birge.
    ///
    /// # Errors
    /// Never for those that were compiled in.
    pub fn bundled() -> Result<Self, CrosswalkError> {
        let files = BUNDLED.files().filter_map(|file| {
            let id = file.path().file_stem()?.to_str()?;
            Some((id, file.contents_utf8()?))
        });
        let read = files.map(|(id, text)| Ok((id.to_owned(), Crosswalk::parse(id, text)?)));
        read.collect::<Result<_, _>>().map(Self)
    }

    /// From the names of a list's codes, in all languages. A name is ambiguous that two codes have,
    /// or that another cross-walk into the list says is.
    #[must_use]
    pub fn names(&self, list: &CodeList) -> Crosswalk {
        let mut names = Crosswalk::of_names(list);
        for walk in self.0.values().filter(|walk| walk.code_list == list.id) {
            let ambiguous = walk
                .meanings
                .iter()
                .filter(|(_, meaning)| matches!(meaning, Meaning::Ambiguous(_)));
            names.meanings.extend(ambiguous.map(|(text, all)| (text.clone(), all.clone())));
        }
        names
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Crosswalk> {
        self.0.get(id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Crosswalk)> + Clone {
        self.0.iter().map(|(id, walk)| (id.as_str(), walk))
    }
}

impl Crosswalk {
    /// Reads one: a header `from,<code list>`, then a text and its code a line.
    ///
    /// # Errors
    /// When a line has not two fields, or a text stands twice.
    pub fn parse(id: &str, text: &str) -> Result<Self, CrosswalkError> {
        let wrong = |line, why: &str| CrosswalkError { id: id.to_owned(), line, why: why.into() };
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let code_list = match reader.headers() {
            Ok(head) if head.len() == 2 && &head[0] == "from" => head[1].to_owned(),
            _ => return Err(wrong(1, "the header is not from,<code list>")),
        };
        let mut walk = Self { code_list, ..Self::default() };
        for row in reader.into_records() {
            let row = row.map_err(|error| {
                let line = error.position().map_or(0, csv::Position::line);
                wrong(line, "not a text and a code")
            })?;
            let line = row.position().map_or(0, csv::Position::line);
            let codes: Vec<String> = row[1].split(' ').map(str::to_owned).collect();
            let meaning = match <[String; 1]>::try_from(codes) {
                Ok([code]) => Meaning::Code(code),
                Err(codes) => Meaning::Ambiguous(codes),
            };
            if walk.meanings.insert(folded(&row[0]), meaning).is_some() {
                return Err(wrong(line, "this text stands twice"));
            }
        }
        Ok(walk)
    }

    fn of_names(list: &CodeList) -> Self {
        let mut walk = Self { code_list: list.id.clone(), ..Self::default() };
        for code in list.codes() {
            for name in code.names.values() {
                let own = || Meaning::Code(code.id.clone());
                let meaning = walk.meanings.entry(folded(name)).or_insert_with(own);
                *meaning = match std::mem::replace(meaning, own()) {
                    Meaning::Code(other) if other != code.id => {
                        Meaning::Ambiguous(vec![other, code.id.clone()])
                    }
                    Meaning::Ambiguous(codes) if !codes.contains(&code.id) => {
                        Meaning::Ambiguous([codes, vec![code.id.clone()]].concat())
                    }
                    before => before,
                };
            }
        }
        walk
    }

    /// What a text stands for.
    #[must_use]
    pub fn meaning(&self, text: &str) -> Option<&Meaning> {
        self.meanings.get(&folded(text))
    }

    /// Every code that it leads to, with those that ambiguous texts may mean.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.meanings.values().flat_map(|meaning| match meaning {
            Meaning::Code(code) => std::slice::from_ref(code).iter().map(String::as_str),
            Meaning::Ambiguous(codes) => codes.as_slice().iter().map(String::as_str),
        })
    }
}

/// A text as it is compared.
fn folded(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase().replace('ё', "е")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::Structures;

    fn code(walk: &Crosswalk, text: &str) -> Option<Meaning> {
        walk.meaning(text).cloned()
    }

    #[test]
    fn every_cross_walk_leads_to_codes_that_there_are() {
        let (structures, walks) = (Structures::bundled().unwrap(), Crosswalks::bundled().unwrap());
        assert!(walks.0.len() >= 10);
        for (id, walk) in &walks.0 {
            let list = structures.code_lists().find(|list| list.id == walk.code_list);
            let list = list.unwrap_or_else(|| panic!("{id} leads to no list"));
            for code in walk.codes() {
                assert!(list.position(code).is_some(), "{id} leads to {code}");
            }
        }
    }

    #[test]
    fn codes_and_names_are_found_whatever_their_case_and_space() {
        let walks = Crosswalks::bundled().unwrap();
        let known = |id: &str, text: &str| code(walks.get(id).unwrap(), text);
        assert_eq!(known("AREA_ISO3", "KGZ"), Some(Meaning::Code("KG".into())));
        assert_eq!(known("AREA_M49", "417"), Some(Meaning::Code("KG".into())));
        assert_eq!(known("SEX_WORDS", " ЖЕНЩИНЫ "), Some(Meaning::Code("F".into())));
        assert_eq!(known("SEX_EUROSTAT", "T"), Some(Meaning::Code("_T".into())));
        assert_eq!(known("AREA_KG_NAMES", "issyk-kul  REGION"), Some(Meaning::Code("KG-Y".into())));
        assert_eq!(known("AREA_ISO3", "OOO"), None);
    }

    #[test]
    fn a_name_that_may_be_two_codes_is_ambiguous() {
        let walks = Crosswalks::bundled().unwrap();
        let osh = code(walks.get("AREA_KG_NAMES").unwrap(), "Osh");
        assert_eq!(osh, Some(Meaning::Ambiguous(vec!["KG-GO".into(), "KG-O".into()])));
        let structures = Structures::bundled().unwrap();
        let areas = structures.code_lists().find(|list| list.id == "CL_AREA").unwrap();
        let names = walks.names(areas);
        let osh = Meaning::Ambiguous(vec!["KG-GO".into(), "KG-O".into()]);
        assert_eq!(code(&names, "Ош"), Some(osh));
        assert_eq!(code(&names, "Қирғизистон"), Some(Meaning::Code("KG".into())));
    }

    #[test]
    fn what_is_no_cross_walk_is_refused_with_its_line() {
        for (text, line) in [("", 1), ("a,b\n", 1), ("from,CL\nx\n", 2), ("from,CL\nx,A\nX,B\n", 3)]
        {
            assert_eq!(Crosswalk::parse("T", text).unwrap_err().line, line, "{text}");
        }
    }
}
