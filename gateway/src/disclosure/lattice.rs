//! A stratum and its earlier releases as one [`Table`].
//!
//! # Which strata
//! The witnesses of [`super::complement`] are counts that keep every sum. They prove something
//! only if some population has these counts, together with all that was never handed in. That is
//! so where
//! - every cell has its total along each axis along which totals of its kind are there at all,
//!   and the margins are there that tie breakdowns ([`is_tied`]), so that each sum is one of
//!   relations: by purpose, and within each purpose by age, but not by age alone;
//! - along an axis, codes contain each other or exclude each other;
//! - totals add up; a code that is divided somewhere is divided wherever it counts somebody, and
//!   what is missing of a total is the same codes wherever it is not nothing, so that it is one
//!   more code; or else nothing that is missing of a total along the axis is small, and it is taken
//!   to stay as it is;
//! - no cell is broken down along two axes of both of which one more code is missing;
//! - nothing that an earlier release gave out is gone;
//! - the greatest breakdowns form an acyclic hypergraph, such as by sex, and by age and region:
//!   tables that agree where they meet are then margins of one table of counts (Vorob'ev 1962;
//!   Beeri, Fagin, Maier and Yannakakis 1983 for the same of relations). By sex and age, by age
//!   and region, and by region and sex do not;
//! - where zeros are withheld, a total is divided into the same codes everywhere, and into more
//!   than one: that there is nothing beside them would be told by the sum, and is no count in the
//!   table.
//!
//! Of rounded counts nobody knows what is missing of a total but for what the figures are off by;
//! it is taken to stay as it is, too, and what must be small by the figures has no table. What is searched for are moves that keep all sums; whatever the true population is, one
//! that differs from it by such a move rounds to the same figures wherever they are given out. So
//! that no count falls below nothing, each is taken for the least that its figure may stand for.
//!
//! What is missing may stay as it is only if no move can change it. So along every axis no code is
//! part of another, or each is divided into the same codes everywhere; and a total that is not
//! divided, though others of its kind are, stays itself.
//!
//! Other strata have no table here, and [`super::stratum`]'s rule is for them, which needs none
//! of this.
//!
//! # Earlier releases
//! A cell whose figure is the same in two releases is one cell of the table, though in the
//! relations of both; where its figure changed there is one for each figure. So what an earlier
//! release gave out and what it withheld count as the attacker sees them: together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use birge_schemas::detail::{Breakdown, Detail};
use roaring::RoaringBitmap;

use super::{
    acyclic::{is_acyclic, is_tied},
    cells::Cells,
    family::{Family, Member},
    table::{AXES, Cell, Codes, Relation, Smallness, Status, Table},
};
use crate::decree::Disclosure;

/// Where a release's place among the versions of a figure stands in its codes.
const VERSION: usize = AXES - 1;

/// The rows of one release in a stratum.
pub(super) struct Release<'a> {
    /// Its place among all releases of the slice.
    pub(super) number: usize,
    pub(super) cells: &'a Cells<'a>,
    pub(super) rows: &'a [u32],
    /// What it withheld; none for the release that is to be decided of.
    pub(super) withheld: Option<&'a RoaringBitmap>,
}

/// A stratum as a table.
pub(super) struct Lattice {
    pub(super) table: Table,
    /// The rows of the release that is to be decided of, with their cells.
    pub(super) rows: Vec<(u32, u32)>,
    /// The rows of the others, each with the release, and their cells.
    pub(super) before: Vec<(usize, u32, u32)>,
}

/// Makes the table of a stratum from its releases, the one to be decided of last; none where
/// the stratum is not one that can be a table.
pub(super) fn lattice(releases: &[Release<'_>], rule: Disclosure) -> Option<Lattice> {
    let now = releases.last()?;
    // A zero that is given out is known, unless it was rounded.
    let floor = u64::from(!rule.zeros_withheld && now.cells.off() == 0);
    let smallness = Smallness { threshold: rule.threshold, floor, zero: rule.zeros_withheld };
    let off = now.cells.off();
    if releases.iter().any(|release| release.cells.off() != off) {
        return None;
    }
    let mut building = Building { smallness, off, ..Building::default() };
    let (mut rows, mut before) = (vec![], vec![]);
    // What was given out and is gone is known, though it would count as what is missing.
    let mut given = BTreeSet::new();
    for release in releases {
        let placed = building.place(release)?;
        building.relate(release, &placed)?;
        let decided = release.withheld.is_some();
        match release.withheld {
            Some(withheld) => {
                let out = placed.iter().filter(|(_, placed)| !withheld.contains(placed.row));
                given.extend(out.map(|(codes, _)| *codes));
            }
            None if given.iter().any(|codes| !placed.contains_key(codes)) => return None,
            None => {}
        }
        let cells = placed.into_values().filter_map(|Placed { row, cell, .. }| Some((row, cell?)));
        match decided {
            true => before.extend(cells.map(|(row, cell)| (release.number, row, cell))),
            false => rows.extend(cells),
        }
    }
    let Building { cells, relations, .. } = building;
    Some(Lattice { table: Table::new(cells, relations, smallness), rows, before })
}

/// A row of a release.
#[derive(Debug, Clone, Copy)]
struct Placed {
    row: u32,
    count: u64,
    /// Its cell; none where everybody knows that it is zero.
    cell: Option<u32>,
}

type Rows = HashMap<Codes, Placed>;

#[derive(Default)]
struct Building {
    smallness: Smallness,
    /// How much less than its figure a count may be.
    off: u64,
    cells: Vec<Cell>,
    relations: BTreeSet<Relation>,
    /// The cells of a place, by what they count.
    figures: HashMap<Codes, BTreeMap<u64, u32>>,
}

impl Building {
    /// Gives the rows of a release their cells.
    fn place(&mut self, release: &Release<'_>) -> Option<Rows> {
        let mut rows = Rows::with_capacity(release.rows.len());
        for &row in release.rows {
            let Some(count) = release.cells.count(row) else { continue };
            let count = whole(count)?;
            let codes = release.cells.codes(row);
            let known = count < self.smallness.floor;
            let status = match release.withheld {
                None => Status::Open,
                Some(withheld) if withheld.contains(row) => Status::Hidden,
                Some(_) => Status::Given,
            };
            let cell = (!known).then(|| self.cell(codes, count, status));
            if rows.insert(codes, Placed { row, count, cell }).is_some() {
                return None;
            }
        }
        Some(rows)
    }

    /// The cell of a figure. What was given out once stays given out, and what was withheld
    /// stays withheld.
    fn cell(&mut self, codes: Codes, figure: u64, status: Status) -> u32 {
        let figures = self.figures.entry(codes).or_default();
        let version = figures.len() as u16;
        if let Some(cell) = figures.get(&figure) {
            let known = &mut self.cells[*cell as usize].status;
            *known = match (*known, status) {
                // What is small now though it was not then, the threshold having been raised, is
                // to be protected as if nobody knew it.
                (Status::Given, Status::Open) if self.smallness.is_small(figure) => status,
                (Status::Given, _) | (_, Status::Given) => Status::Given,
                (known, Status::Open) => known,
                (_, Status::Hidden) => status,
            };
            return *cell;
        }
        let cell = self.cells.len() as u32;
        figures.insert(figure, cell);
        let mut codes = codes;
        codes[VERSION] = version;
        let value = figure.saturating_sub(self.off);
        self.cells.push(Cell { codes, figure, value, status, cost: cost(&codes, figure) });
        cell
    }

    /// The sums of a release.
    fn relate(&mut self, release: &Release<'_>, rows: &Rows) -> Option<()> {
        let details: BTreeSet<Detail> = rows.keys().map(detail).collect();
        if !is_acyclic(&details) || !is_tied(&details) {
            return None;
        }
        let (mut with_rest, mut any_fixed, mut all_alike) = (Detail::TOTAL, false, true);
        for breakdown in Breakdown::ALL {
            let division = Division::of(release, rows, &details, breakdown)?;
            let fixed = !release.cells.is_exact() || !division.is_the_same(self.smallness.floor);
            if fixed && !self.may_stay(&division) {
                return None;
            }
            // Of a total that is not divided nobody knows how it would be, and it stays as it is.
            for top in &division.undivided_totals {
                if let Some(total) = rows.get(top).and_then(|placed| placed.cell) {
                    let axis = breakdown as usize;
                    self.relations.insert(Relation { axis, total, parts: vec![] });
                }
            }
            for (top, family, rest) in &division.families {
                let rest = if fixed { 0 } else { (*rest)? };
                self.relation(*top, breakdown as usize, family, rest, rows);
            }
            if !fixed && division.has_rest() {
                with_rest = with_rest.with(breakdown);
            }
            any_fixed |= fixed;
            all_alike &= division.is_flat() || division.is_all_alike();
        }
        // What is missing along two axes at once is in no relation.
        let twice = |detail: &Detail| detail.iter().filter(|each| with_rest.has(*each)).count() > 1;
        (!details.iter().any(twice) && (all_alike || !any_fixed)).then_some(())
    }

    /// May what is missing of the totals of a division be taken to stay as it is, as nothing of it
    /// needs to be hidden?
    fn may_stay(&self, division: &Division) -> bool {
        let Smallness { threshold, floor, .. } = self.smallness;
        if self.off == 0 {
            let hides_nothing = |rest: u64| rest == 0 || rest >= threshold;
            let mut rests = division.families.iter().map(|(.., rest)| *rest);
            return floor == 1 && rests.all(|rest| rest.is_some_and(hides_nothing));
        }
        // Each of the figures is off by so much at most.
        division.families.iter().all(|(_, family, _)| {
            let off = self.off * (family.parts.len() as u64 + 1);
            let (least, greatest) = (family.excess() - off as i128, family.excess() + off as i128);
            greatest >= 0 && !(least > 0 && greatest < i128::from(threshold))
        })
    }

    fn relation(&mut self, top: Codes, axis: usize, family: &Family, rest: u64, rows: &Rows) {
        let cell = |code: u16| rows.get(&with(top, axis, code)).and_then(|placed| placed.cell);
        let Some(total) = cell(family.total) else { return };
        let mut parts: Vec<u32> = family.parts.iter().filter_map(|part| cell(*part)).collect();
        if rest > 0 {
            let codes = with(top, axis, u16::MAX - family.total);
            parts.push(self.cell(codes, rest, Status::Hidden));
        }
        parts.sort_unstable();
        self.relations.insert(Relation { axis, total, parts });
    }
}

/// How the totals along an axis are divided.
struct Division {
    /// Each with where its total stands but for this axis, and what of the total its parts leave,
    /// if they are not more.
    families: Vec<(Codes, Family, Option<u64>)>,
    /// By total: every part that there is of it.
    parts: BTreeMap<u16, BTreeSet<u16>>,
    /// The codes that are not divided, each with what it counts.
    undivided: Vec<(u16, u64)>,
    /// Where there are totals that are not divided, though others of their kind are, and though
    /// what divides along the axis does not all divide them.
    undivided_totals: Vec<Codes>,
}

impl Division {
    /// None where a total is missing though others of its kind are there, or codes cross.
    fn of(
        release: &Release<'_>,
        rows: &Rows,
        details: &BTreeSet<Detail>,
        breakdown: Breakdown,
    ) -> Option<Self> {
        let axis = breakdown as usize;
        let mut lines: BTreeMap<Codes, Vec<Member>> = BTreeMap::new();
        for (codes, placed) in rows.iter().filter(|(codes, _)| codes[axis] != 0) {
            let span = release.cells.span(breakdown, codes[axis])?;
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
    fn is_the_same(&self, floor: u64) -> bool {
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
    fn is_all_alike(&self) -> bool {
        let alike = |(_, family, _): &(Codes, Family, Option<u64>)| self.has_all_parts(family);
        self.families.iter().all(alike) && self.none_is_divided(self.undivided.iter())
    }

    /// Is no code part of another one?
    fn is_flat(&self) -> bool {
        self.parts.keys().all(|total| *total == 0)
    }

    fn has_rest(&self) -> bool {
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

fn with(mut codes: Codes, axis: usize, code: u16) -> Codes {
    codes[axis] = code;
    codes
}

fn detail(codes: &Codes) -> Detail {
    Breakdown::ALL.into_iter().filter(|breakdown| codes[*breakdown as usize] != 0).collect()
}

/// What withholding a cell costs: more for what counts more, and much more for a national total
/// and its division by sex, which everybody looks for first.
#[allow(clippy::cast_precision_loss, reason = "counts are below 2^53")]
fn cost(codes: &Codes, value: u64) -> f64 {
    let detail = detail(codes);
    let dear = match detail.count() {
        0 => 100.0,
        1 if detail.has(Breakdown::Sex) => 4.0,
        _ => 1.0,
    };
    (1.0 + (value as f64).max(1.0).ln()) * dear
}

/// A count that is one: whole, not negative and exact in a float.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is checked")]
pub(super) fn whole(count: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    ((0.0..EXACT).contains(&count) && count.fract() == 0.0).then_some(count as u64)
}
