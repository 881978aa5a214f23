//! Which rows are parts of which along some dimensions.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::rows::Rows;

/// The code of a total.
pub(super) const TOTAL: &str = "_T";

/// Codes, by their entries in columns.
pub(super) type Key = Box<[u32]>;

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
    others: Vec<usize>,
    pub(super) groups: BTreeMap<Key, Group>,
    /// By place among the others, and key but for that place: what there is along the dimensions
    /// where that one is broken down.
    elsewhere: HashMap<(usize, Key), HashSet<Key>>,
}

impl Lines {
    pub(super) fn of(rows: &Rows, key: &[usize], along: &[usize]) -> Self {
        let others: Vec<usize> = key.iter().copied().filter(|id| !along.contains(id)).collect();
        let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
        let mut elsewhere: HashMap<(usize, Key), HashSet<Key>> = HashMap::new();
        for row in 0..rows.count() {
            let total = |column: &&usize| rows.at(**column, row) == TOTAL;
            let totals = along.iter().filter(total).count();
            let own = rows.key(row, &others);
            if totals == 0 {
                for (place, column) in others.iter().enumerate() {
                    if rows.at(*column, row) != TOTAL {
                        let at = (place, but_for(&own, place));
                        elsewhere.entry(at).or_default().insert(rows.key(row, along));
                    }
                }
            }
            let group = groups.entry(own).or_default();
            match totals {
                0 => group.parts.push(row),
                all if all == along.len() => group.whole = Some(row),
                _ => group.partial.push(row),
            }
        }
        Self { along: along.to_vec(), others, groups, elsewhere }
    }

    /// What is missing among the parts of a group: something that is given without being divided
    /// so, or divided otherwise without being given so.
    pub(super) fn lacks(&self, rows: &Rows, group: &Group) -> Option<String> {
        let own: HashSet<Key> = group.parts.iter().map(|row| rows.key(*row, &self.along)).collect();
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
        let key = rows.key(first, &self.others);
        for (place, column) in self.others.iter().enumerate() {
            if rows.at(*column, first) != TOTAL {
                continue;
            }
            let there = self.elsewhere.get(&(place, but_for(&key, place)));
            if there.is_some_and(|there| !there.is_subset(&own)) {
                return Some("a part is given only divided further".to_owned());
            }
        }
        None
    }
}

/// A key in which one place counts for nothing.
fn but_for(key: &[u32], place: usize) -> Key {
    let mut key: Key = key.into();
    key[place] = u32::MAX;
    key
}
