//! How a batch changes a slice, by the actions of SDMX.

use std::{cmp::Ordering, collections::BTreeSet, fmt};

use birge_proto::{manifest::Action, record::Counts};

use super::Slice;
use crate::{
    structure::Level,
    table::{Key, Table},
};

/// A slice after a batch.
#[derive(Debug, Clone)]
pub struct Applied {
    /// What stands now.
    pub slice: Slice,
    /// What the batch did, in observations.
    pub counts: Counts,
    /// Keys that stand no longer, in the slice's order.
    pub removed: Vec<String>,
}

/// Why a batch cannot be applied to what stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictKind {
    /// `Append`: the key stands with another observation.
    Differs,
    /// `Delete`: the key does not stand.
    NotStanding,
    /// `Replace`: the key would disappear, and the batch does not announce it.
    Unannounced,
    /// `Replace`: the key is announced as removed, and would not disappear.
    NotRemoved,
    /// The slices are of two structures or two periods.
    Mismatch,
}

/// A batch that cannot be applied, with every key in conflict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Conflict {
    /// Why.
    pub kind: ConflictKind,
    /// The keys.
    pub keys: Vec<String>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        f.write_str(match self.kind {
            ConflictKind::Differs => "stands with another value (revise it with action Replace)",
            ConflictKind::NotStanding => "does not stand and cannot be deleted",
            ConflictKind::Unannounced => "would disappear (name it in removes, or give its value)",
            ConflictKind::NotRemoved => "is named in removes and would not disappear",
            ConflictKind::Mismatch => "what stands is of another structure or period",
        })?;
        let shown = &self.keys[..self.keys.len().min(SHOWN)];
        write!(f, ": {}", shown.join(", "))?;
        match self.keys.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Applies a batch's observations for one period to what stands for it.
///
/// `removes` are the keys that the batch's manifest announces as removed; those of other periods
/// are passed over. Two observations are the same when value and observation attributes are;
/// attributes of the series or the dataset do not count.
///
/// # Errors
/// When the action does not fit what stands. Nothing has changed then.
pub fn apply(
    current: Option<&Slice>,
    batch: &Slice,
    action: Action,
    removes: &[String],
) -> Result<Applied, Conflict> {
    let nothing = Slice::empty(batch.table.structure(), batch.period.clone());
    let current = current.unwrap_or(&nothing);
    let (old, new) = (current.table.structure(), batch.table.structure());
    if (&old.id, &old.version) != (&new.id, &new.version) || current.period != batch.period {
        return Err(Conflict { kind: ConflictKind::Mismatch, keys: vec![] });
    }
    if action == Action::Information {
        let counts = Counts { ignored: batch.rows() as u64, ..Counts::default() };
        return Ok(Applied { slice: current.clone(), counts, removed: vec![] });
    }

    let mut counts = Counts::default();
    let (mut kept, mut removed, mut refused) = (vec![], vec![], vec![]);
    for pair in pairs(&current.table, &batch.table) {
        match (action, pair) {
            (Action::Delete | Action::Withdraw, Pair::New(new)) => {
                refused.push(batch.table.key(new as usize))
            }
            (_, Pair::New(new)) => {
                counts.imported += 1;
                kept.push((1, new));
            }
            (Action::Replace | Action::Withdraw, Pair::Old(old))
            | (Action::Delete | Action::Withdraw, Pair::Both(old, _)) => {
                counts.deleted += 1;
                removed.push(current.table.key(old as usize));
            }
            (_, Pair::Old(old)) => kept.push((0, old)),
            (_, Pair::Both(old, new)) if same(&current.table, old, &batch.table, new) => {
                counts.unchanged += 1;
                kept.push((1, new));
            }
            (Action::Append, Pair::Both(_, new)) => refused.push(batch.table.key(new as usize)),
            (_, Pair::Both(_, new)) => {
                counts.updated += 1;
                kept.push((1, new));
            }
        }
    }
    if !refused.is_empty() {
        let append = action == Action::Append;
        let kind = if append { ConflictKind::Differs } else { ConflictKind::NotStanding };
        return Err(Conflict { kind, keys: refused });
    }
    if action == Action::Replace {
        announced(&removed, removes, &batch.period)?;
    }
    let table = Table::gather(new, &[&current.table, &batch.table], &kept);
    let slice = Slice { period: batch.period.clone(), table };
    Ok(Applied { slice, counts, removed })
}

/// Are exactly the keys that disappear announced?
fn announced(removed: &[String], removes: &[String], period: &str) -> Result<(), Conflict> {
    let ending = format!(".{period}");
    let gone: BTreeSet<&String> = removed.iter().collect();
    let announced: BTreeSet<&String> =
        removes.iter().filter(|key| key.ends_with(&ending)).collect();
    let only = |kind, these: &BTreeSet<&String>, those: &BTreeSet<&String>| {
        let keys: Vec<String> = these.difference(those).map(|key| (*key).clone()).collect();
        if keys.is_empty() { Ok(()) } else { Err(Conflict { kind, keys }) }
    };
    only(ConflictKind::Unannounced, &gone, &announced)?;
    only(ConflictKind::NotRemoved, &announced, &gone)
}

/// Do two rows of one key say the same?
fn same(a: &Table, row_a: u32, b: &Table, row_b: u32) -> bool {
    let (row_a, row_b) = (row_a as usize, row_b as usize);
    let mut attributes = a.structure().attributes.iter();
    a.value(row_a) == b.value(row_b)
        && attributes
            .by_ref()
            .filter(|attribute| attribute.level == Level::Observation)
            .all(|of| a.attribute(&of.id, row_a) == b.attribute(&of.id, row_b))
}

/// Where a key stands: in what stood, in the batch, or in both.
pub(crate) enum Pair {
    Old(u32),
    New(u32),
    Both(u32, u32),
}

/// Walks two tables sorted by key, each key once, in step.
pub(crate) fn pairs<'a>(old: &'a Table, new: &'a Table) -> impl Iterator<Item = Pair> + use<'a> {
    Pairs { old, new, at: (0, 0) }
}

struct Pairs<'a> {
    old: &'a Table,
    new: &'a Table,
    at: (usize, usize),
}

impl Iterator for Pairs<'_> {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        let key = |table: &Table, row: usize| -> Option<Key> {
            (row < table.rows()).then(|| table.packed(row))
        };
        let (old, new) = self.at;
        let order = match (key(self.old, old), key(self.new, new)) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.cmp(&new),
        };
        let (row, other) = (old as u32, new as u32);
        self.at = (old + usize::from(order.is_le()), new + usize::from(order.is_ge()));
        Some(match order {
            Ordering::Less => Pair::Old(row),
            Ordering::Greater => Pair::New(other),
            Ordering::Equal => Pair::Both(row, other),
        })
    }
}
