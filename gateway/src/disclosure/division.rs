//! How a release divides its totals along an axis, and what its parts leave of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use birge_schemas::detail::{Breakdown, Detail};

use super::{
    cells::Cells,
    family::{Family, Member},
    table::Codes,
};

/// A row of a release.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) row: u32,
    pub(super) count: u64,
    /// Its cell; none where everybody knows that it is zero.
    pub(super) cell: Option<u32>,
}

/// The rows of a release by their codes.
pub(super) type Rows = HashMap<Codes, Placed>;

/// How the totals along an axis are divided.
pub(super) struct Division {
    /// Each with where its total stands but for this axis, and what of the total its parts leave,
    /// if they are not more.
    pub(super) families: Vec<(Codes, Family, Option<u64>)>,
    /// By total: every part that there is of it.
    parts: BTreeMap<u16, BTreeSet<u16>>,
    /// The codes that are not divided, each with what it counts.
    undivided: Vec<(u16, u64)>,
    /// Where there are totals that are not divided, though others of their kind are, and though
    /// what divides along the axis does not all divide them.
    pub(super) undivided_totals: Vec<Codes>,
}

impl Division {
    /// None where a total is missing though others of its kind are there, or codes cross.
    pub(super) fn of(
        cells: &Cells<'_>,
        rows: &Rows,
        details: &BTreeSet<Detail>,
        breakdown: Breakdown,
    ) -> Option<Self> {
        let axis = breakdown as usize;
        let mut lines: BTreeMap<Codes, Vec<Member>> = BTreeMap::new();
        for (codes, placed) in rows.iter().filter(|(codes, _)| codes[axis] != 0) {
            let span = cells.span(breakdown, codes[axis])?;
            let member = Member { code: codes[axis], span, count: placed.count };
            lines.entry(with(*codes, axis, 0)).or_default().push(member);
        }
        let mut own = Self {
            families: vec![],
            parts: BTreeMap::new(),
            undivided: vec![],
            undivided_totals: vec![],
        };
        let divided = |codes: &Codes| {
            let own = detail(codes);
            let mut along = details.iter().filter(|other| other.has(breakdown));
            details.contains(&own.with(breakdown)) && !along.all(|other| own.within(*other))
        };
        let totals = rows.keys().filter(|codes| codes[axis] == 0 && divided(codes));
        own.undivided_totals.extend(totals.filter(|codes| !lines.contains_key(*codes)));
        for (top, members) in lines {
            let total = rows.get(&top);
            if total.is_none() && details.contains(&detail(&top)) {
                return None;
            }
            let families = Family::of(total.map(|total| total.count), &members)?;
            let divided: BTreeSet<u16> = families.iter().map(|family| family.total).collect();
            let whole = members.iter().filter(|member| !divided.contains(&member.code));
            own.undivided.extend(whole.map(|member| (member.code, member.count)));
            for family in families {
                own.parts.entry(family.total).or_default().extend(&family.parts);
                let rest = family.rest();
                own.families.push((top, family, rest));
            }
        }
        Some(own)
    }

    /// Is a total divided into the same codes, and one more, wherever that one more is told by the
    /// sum, and is each code that counts somebody divided that is divided somewhere? `floor` is what
    /// everybody knows that a code counts that counts somebody.
    pub(super) fn is_the_same(&self, floor: u64) -> bool {
        let alike = |(_, family, rest): &(Codes, Family, Option<u64>)| match rest {
            None => false,
            // A part that is all of its total tells that there is nothing beside it.
            Some(0) if floor == 0 && family.parts.len() == 1 => false,
            Some(0) if floor == 1 => true,
            Some(_) => self.has_all_parts(family),
        };
        let undivided = self.undivided.iter().filter(|(_, count)| *count >= floor);
        self.families.iter().all(alike) && self.none_is_divided(undivided)
    }

    /// Is each total divided into the same codes everywhere?
    pub(super) fn is_all_alike(&self) -> bool {
        let alike = |(_, family, _): &(Codes, Family, Option<u64>)| self.has_all_parts(family);
        self.families.iter().all(alike) && self.none_is_divided(self.undivided.iter())
    }

    /// Is no code part of another one?
    pub(super) fn is_flat(&self) -> bool {
        self.parts.keys().all(|total| *total == 0)
    }

    pub(super) fn has_rest(&self) -> bool {
        self.families.iter().any(|(.., rest)| rest.is_some_and(|rest| rest > 0))
    }

    fn has_all_parts(&self, family: &Family) -> bool {
        let parts: BTreeSet<u16> = family.parts.iter().copied().collect();
        self.parts.get(&family.total) == Some(&parts)
    }

    fn none_is_divided<'a>(&self, mut codes: impl Iterator<Item = &'a (u16, u64)>) -> bool {
        codes.all(|(code, _)| !self.parts.contains_key(code))
    }
}

/// The same codes but for one.
pub(super) fn with(mut codes: Codes, axis: usize, code: u16) -> Codes {
    codes[axis] = code;
    codes
}

/// What codes break down by.
pub(super) fn detail(codes: &Codes) -> Detail {
    Breakdown::ALL.into_iter().filter(|breakdown| codes[*breakdown as usize] != 0).collect()
}
