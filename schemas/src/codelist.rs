//! Code lists: codes in the order of the list, their names by language, their parents.

use std::collections::{BTreeMap, HashMap};

/// Names by language tag (`en`, `ru`, `ky`, `tg`).
pub type Names = BTreeMap<String, String>;

/// The name in `language`, else in English.
#[must_use]
pub fn named<'n>(names: &'n Names, language: &str) -> Option<&'n str> {
    names.get(language).or_else(|| names.get("en")).map(String::as_str)
}

/// One code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The code itself: `KG-GB`.
    pub id: String,
    /// Its names; English is always there.
    pub names: Names,
    /// Position of the code that it is a part of: the country of a region.
    pub parent: Option<u16>,
    /// Languages in which nobody has vouched for a name.
    pub untranslated: Vec<String>,
}

impl Code {
    /// The name in `language`, else in English, else the code.
    #[must_use]
    pub fn name(&self, language: &str) -> &str {
        named(&self.names, language).unwrap_or(&self.id)
    }
}

/// A code list. Positions in it are what tables hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeList {
    /// The list's id: `CL_SEX`.
    pub id: String,
    /// The list's names.
    pub names: Names,
    codes: Vec<Code>,
    positions: HashMap<String, u16>,
}

impl CodeList {
    /// A list of these codes in this order, each given with the id of its parent.
    ///
    /// # Errors
    /// When a code stands twice, a parent is not in the list or stands below itself, or there are more than 65,535 codes.
    pub(crate) fn new(
        id: String,
        names: Names,
        codes: Vec<(Code, Option<String>)>,
    ) -> Result<Self, String> {
        let mut positions = HashMap::with_capacity(codes.len());
        for (position, (code, _)) in codes.iter().enumerate() {
            let position = u16::try_from(position)
                .ok()
                .filter(|position| *position < u16::MAX)
                .ok_or_else(|| format!("{id} has more than {} codes", u16::MAX))?;
            if positions.insert(code.id.clone(), position).is_some() {
                return Err(format!("{id} has the code {} twice", code.id));
            }
        }
        let place = |(mut code, parent): (Code, Option<String>)| {
            code.parent = match parent {
                None => None,
                Some(parent) => Some(*positions.get(&parent).ok_or_else(|| {
                    format!("{id}: {} has a parent {parent} that is not in the list", code.id)
                })?),
            };
            Ok::<_, String>(code)
        };
        let codes: Vec<Code> = codes.into_iter().map(place).collect::<Result<_, _>>()?;
        let above = |code: &Code| code.parent.map(|parent| &codes[usize::from(parent)]);
        let endless = |code: &&Code| {
            std::iter::successors(Some(*code), |code| above(code)).nth(codes.len()).is_some()
        };
        if let Some(code) = codes.iter().find(endless) {
            return Err(format!("{id}: {} is above itself, or one above it is", code.id));
        }
        Ok(Self { id, names, codes, positions })
    }

    /// Where a code stands.
    #[must_use]
    pub fn position(&self, id: &str) -> Option<u16> {
        self.positions.get(id).copied()
    }

    /// The code at a position that [`CodeList::position`] or a table gave.
    ///
    /// # Panics
    /// When the position is past the end of the list.
    #[must_use]
    pub fn code(&self, position: u16) -> &Code {
        &self.codes[usize::from(position)]
    }

    /// The position of the code at the top above one: the country of a region.
    ///
    /// # Panics
    /// When the position is past the end of the list.
    #[must_use]
    pub fn root(&self, position: u16) -> u16 {
        let mut root = position;
        // Parents were checked to have no circle when the list was read.
        while let Some(parent) = self.code(root).parent {
            root = parent;
        }
        root
    }

    /// Every code, in the order of the list.
    #[must_use]
    pub fn codes(&self) -> &[Code] {
        &self.codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(id: &str) -> Code {
        let names = Names::from([("en".to_owned(), format!("name of {id}"))]);
        Code { id: id.to_owned(), names, parent: None, untranslated: vec![] }
    }

    #[test]
    fn codes_are_found_by_id_and_know_their_parent() {
        let codes = vec![(code("KG-B"), Some("KG".to_owned())), (code("KG"), None)];
        let list = CodeList::new("CL".into(), Names::new(), codes).unwrap();
        assert_eq!(list.position("KG"), Some(1));
        assert_eq!(list.code(0).parent, Some(1));
        assert_eq!((list.root(0), list.root(1)), (1, 1));
        assert_eq!(list.position("TJ"), None);
        assert_eq!(list.code(0).name("ky"), "name of KG-B");
    }

    #[test]
    fn a_list_that_contradicts_itself_is_refused() {
        let twice = vec![(code("F"), None), (code("F"), None)];
        assert!(CodeList::new("CL".into(), Names::new(), twice).is_err());
        let orphan = vec![(code("F"), Some("X".to_owned()))];
        assert!(CodeList::new("CL".into(), Names::new(), orphan).is_err());
        let circle = vec![(code("A"), Some("B".to_owned())), (code("B"), Some("A".to_owned()))];
        assert!(CodeList::new("CL".into(), Names::new(), circle).is_err());
    }
}
