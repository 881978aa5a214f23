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
//! it is taken to stay as it is, too, and what must be small by the figures has no table. What is
//! searched for are moves that keep all sums; whatever the true population is, one that differs
//! from it by such a move rounds to the same figures wherever they are given out. So that no
//! count falls below nothing, each is taken for the least that its figure may stand for.
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
    division::{Division, Placed, Rows, detail, with},
    family::Family,
    table::{AXES, Cell, Codes, Relation, Smallness, Status, Table},
};
use crate::decree::{Dear, Disclosure};

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
    let off = now.cells.off();
    if releases.iter().any(|release| release.cells.off() != off) {
        return None;
    }
    let floor = if rule.zeros_withheld { 0 } else { floor(releases, now.cells.base()) };
    let smallness = Smallness { threshold: rule.threshold, floor, zero: rule.zeros_withheld };
    let mut building = Building { smallness, off, dear: rule.dear, ..Building::default() };
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

/// What a withheld count is known to be at least where zeros are given out. Rounded ones are
/// withheld where that hides others; nobody thinks of them where there are none.
fn floor(releases: &[Release<'_>], base: u64) -> u64 {
    let rows = releases.iter().flat_map(|it| it.rows.iter().map(|row| it.cells.count(*row)));
    let mut counts = rows.flatten().filter_map(whole);
    match base {
        0 | 1 => 1,
        base if counts.all(|count| count > 0 && count.is_multiple_of(base)) => base - base / 2,
        _ => 0,
    }
}

#[derive(Default)]
struct Building {
    smallness: Smallness,
    /// How much less than its figure a count may be.
    off: u64,
    dear: Dear,
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
        self.cells.push(Cell {
            codes,
            figure,
            value,
            status,
            cost: cost(&codes, figure, self.dear),
        });
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
            let division = Division::of(release.cells, rows, &details, breakdown)?;
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

/// What withholding a cell costs: more for what counts more, and much more for a total and its
/// division by sex, which everybody looks for first.
#[allow(clippy::cast_precision_loss, reason = "counts are below 2^53")]
fn cost(codes: &Codes, value: u64, dear: Dear) -> f64 {
    let detail = detail(codes);
    let dear = match detail.count() {
        0 => dear.total,
        1 if detail.has(Breakdown::Sex) => dear.by_sex,
        _ => 1,
    };
    (1.0 + (value as f64).max(1.0).ln()) * f64::from(dear)
}

/// A count that is one: whole, not negative and exact in a float.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is checked")]
pub(super) fn whole(count: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    ((0.0..EXACT).contains(&count) && count.fract() == 0.0).then_some(count as u64)
}
