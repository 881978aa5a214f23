//! A stratum and its earlier releases as one [`Table`].
//!
//! # Which strata
//! The witnesses of [`super::complement`] are counts that keep every sum. They prove something
//! only if some population has these counts, together with all that was never handed in. That is
//! so where
//! - every cell has its total along each axis, but for one along which there is no total at all,
//!   so that each sum is one of relations;
//! - totals add up, and were not rounded: who knows the base would know more of each count;
//! - along an axis, codes contain each other or exclude each other;
//! - a code that is divided somewhere is divided wherever it counts somebody, and what is missing
//!   of a total is the same codes wherever it is not nothing, so that it is one more code;
//! - no cell is broken down along two axes of both of which something is missing;
//! - nothing that an earlier release gave out is gone;
//! - the greatest breakdowns form an acyclic hypergraph, such as by sex, and by age and region:
//!   tables that agree where they meet are then margins of one table of counts (Vorob'ev 1962;
//!   Beeri, Fagin, Maier and Yannakakis 1983 for the same of relations). By sex and age, by age
//!   and region, and by region and sex do not;
//! - where zeros are withheld, a total is divided into the same codes everywhere, and into more
//!   than one: that there is nothing beside them would be told by the sum, and is no count in the
//!   table.
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
    acyclic::is_acyclic,
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
    let smallness = Smallness { threshold: rule.threshold, floor: u64::from(!rule.zeros_withheld) };
    let mut building = Building { smallness, ..Building::default() };
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
    fn cell(&mut self, codes: Codes, value: u64, status: Status) -> u32 {
        let figures = self.figures.entry(codes).or_default();
        let version = figures.len() as u16;
        if let Some(cell) = figures.get(&value) {
            let known = &mut self.cells[*cell as usize].status;
            *known = match (*known, status) {
                // What is small now though it was not then, the threshold having been raised, is
                // to be protected as if nobody knew it.
                (Status::Given, Status::Open) if value < self.smallness.threshold => status,
                (Status::Given, _) | (_, Status::Given) => Status::Given,
                (known, Status::Open) => known,
                (_, Status::Hidden) => status,
            };
            return *cell;
        }
        let cell = self.cells.len() as u32;
        figures.insert(value, cell);
        let mut codes = codes;
        codes[VERSION] = version;
        self.cells.push(Cell { codes, value, status, cost: cost(&codes, value) });
        cell
    }

    /// The sums of a release.
    fn relate(&mut self, release: &Release<'_>, rows: &Rows) -> Option<()> {
        let details: BTreeSet<Detail> = rows.keys().map(detail).collect();
        if !release.cells.is_exact() || !is_acyclic(&details) {
            return None;
        }
        let common = release.cells.common(release.rows);
        let mut with_rest = Detail::TOTAL;
        for breakdown in Breakdown::ALL {
            let axis = breakdown as usize;
            let mut families: BTreeMap<Codes, Vec<Member>> = BTreeMap::new();
            for (codes, placed) in rows.iter().filter(|(codes, _)| codes[axis] != 0) {
                let span = release.cells.span(breakdown, codes[axis])?;
                let member = Member { code: codes[axis], span, count: placed.count };
                families.entry(with(*codes, axis, 0)).or_default().push(member);
            }
            let mut division = Division::default();
            for (top, members) in families {
                let total = rows.get(&top);
                if total.is_none() && !common.has(breakdown) {
                    return None;
                }
                let families = Family::of(total.map(|total| total.count), &members)?;
                division.add(&members, &families, self.smallness.floor)?;
                for family in families {
                    let rest = family.rest()?;
                    // A part that is all of its total tells that there is nothing beside it.
                    if self.smallness.floor == 0 && rest == 0 && family.parts.len() == 1 {
                        return None;
                    }
                    self.relation(top, axis, &family, rest, rows);
                }
            }
            if !division.is_the_same() {
                return None;
            }
            if division.has_rest {
                with_rest = with_rest.with(breakdown);
            }
        }
        // What is missing along two axes at once is in no relation.
        let twice = |detail: &Detail| detail.iter().filter(|each| with_rest.has(*each)).count() > 1;
        (!details.iter().any(twice)).then_some(())
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
#[derive(Default)]
struct Division {
    /// By total: every part that there is of it.
    parts: BTreeMap<u16, BTreeSet<u16>>,
    /// The parts of each total of which something was not handed in; where zeros are withheld,
    /// of each total, for what is missing of it may be a zero.
    with_rest: Vec<(u16, BTreeSet<u16>)>,
    /// Was something of a total not handed in?
    has_rest: bool,
    /// The codes that are not divided somewhere where they count somebody.
    undivided: BTreeSet<u16>,
}

impl Division {
    /// `floor` is what everybody knows that a code counts that counts somebody.
    fn add(&mut self, members: &[Member], families: &[Family], floor: u64) -> Option<()> {
        let divided: BTreeSet<u16> = families.iter().map(|family| family.total).collect();
        let whole = members.iter().filter(|member| member.count >= floor);
        let whole = whole.map(|member| member.code).filter(|code| !divided.contains(code));
        self.undivided.extend(whole);
        for family in families {
            self.parts.entry(family.total).or_default().extend(&family.parts);
            let rest = family.rest()?;
            self.has_rest |= rest > 0;
            if rest > 0 || floor == 0 {
                self.with_rest.push((family.total, family.parts.iter().copied().collect()));
            }
        }
        Some(())
    }

    /// Is each total divided into the same codes wherever it is divided, and one more?
    fn is_the_same(&self) -> bool {
        self.with_rest.iter().all(|(total, parts)| self.parts.get(total) == Some(parts))
            && self.parts.keys().all(|total| !self.undivided.contains(total))
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
