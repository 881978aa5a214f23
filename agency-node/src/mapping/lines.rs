//! Which rows are parts of which along some dimensions.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    keys::{Key, Keys},
    rows::Rows,
};

/// The code of a total.
pub(super) const TOTAL: &str = "_T";

/// Rows that are the same but for some dimensions.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Those that have `_T` in none of these.
    pub(super) parts: Vec<usize>,
    /// Those that have it in some.
    partial: Vec<usize>,
    /// The one that has it in all.
    pub(super) whole: Option<usize>,
}

/// The rows of a table along some dimensions.
pub(super) struct Lines {
    along: Vec<usize>,
    /// What of a key is of these dimensions.
    own: Key,
    /// By key but for these dimensions.
    pub(super) groups: BTreeMap<Key, Group>,
    /// By dimension, and key but for it and these: what there is along these where it is broken
    /// down.
    elsewhere: HashMap<(usize, Key), HashSet<Key>>,
    /// The other dimensions in which there are totals.
    totalled: Vec<usize>,
}

impl Lines {
    pub(super) fn of(rows: &Rows, keys: &Keys, along: &[usize]) -> Self {
        let own = keys.mask(along);
        let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
        for row in 0..rows.count() {
            let totals = along.iter().filter(|column| rows.at(**column, row) == TOTAL).count();
            let key = keys.of(rows, row);
            let group = groups.entry(key & !own).or_default();
            match totals {
                0 => group.parts.push(row),
                all if all == along.len() => group.whole = Some(row),
                _ => group.partial.push(row),
            }
        }
        Self { along: along.to_vec(), own, groups, elsewhere: HashMap::new(), totalled: vec![] }
    }

    /// The same, with what there is along the dimensions where another one is broken down: what
    /// [`Self::lacks`] asks for.
    pub(super) fn with_elsewhere(mut self, rows: &Rows, keys: &Keys) -> Self {
        let others = keys.columns().filter(|column| !self.along.contains(column));
        self.totalled = others.filter(|column| rows.has(*column, TOTAL)).collect();
        for row in self.groups.values().flat_map(|group| &group.parts) {
            let key = keys.of(rows, *row);
            for column in self.totalled.iter().filter(|column| rows.at(**column, *row) != TOTAL) {
                let at = (*column, key & !self.own & !keys.mask(&[*column]));
                self.elsewhere.entry(at).or_default().insert(key & self.own);
            }
        }
        self
    }

    /// What is missing among the parts of a group: something that is given without being divided
    /// so, or divided otherwise without being given so.
    pub(super) fn lacks(&self, rows: &Rows, keys: &Keys, group: &Group) -> Option<String> {
        let own: HashSet<Key> =
            group.parts.iter().map(|row| keys.of(rows, *row) & self.own).collect();
        let told = |row: usize| {
            let codes = self.along.iter().map(|column| rows.at(*column, row));
            codes.filter(|code| *code != TOTAL).collect::<Vec<_>>().join(" ")
        };
        let divided = |row: &&usize| {
            group.parts.iter().any(|part| {
                let same = |column: &usize| {
                    let code = rows.at(*column, **row);
                    code == TOTAL || code == rows.at(*column, *part)
                };
                self.along.iter().all(same)
            })
        };
        if let Some(row) = group.partial.iter().find(|row| !divided(row)) {
            return Some(format!("{} is not divided", told(*row)));
        }
        let first = group.parts[0];
        let key = keys.of(rows, first) & !self.own;
        let total = |column: &&usize| rows.at(**column, first) == TOTAL;
        for column in self.totalled.iter().filter(total) {
            let there = self.elsewhere.get(&(*column, key & !keys.mask(&[*column])));
            if there.is_some_and(|there| !there.is_subset(&own)) {
                return Some("a part is given only divided further".to_owned());
            }
        }
        None
    }
}
