//! The attack on a release: what can be inferred of withheld counts from what is given out
//! (decree, article 7(2)). It shares nothing with the programme that decides what is withheld.
//!
//! # The attacker
//! The attacker knows every figure of every release of a dataset and period, what each code takes
//! in, that counts are whole and not negative, the threshold, and that a withheld count is at
//! least 1 where zeros are given out. It thinks of **populations**: how many persons there may be
//! of each kind, the kinds being the finest that the codes tell apart, with those that no code
//! takes in. A figure is a sum over kinds. Whatever population explains all that is given out is
//! possible, and the **interval** of a withheld count goes from the least to the greatest that it
//! is in a possible one.
//!
//! It is taken to know more than it may: that nobody is beside the codes of a division whose
//! figures add up, which withheld cells of a class are zero (but for rounded figures, of
//! which zeros are withheld to hide others), and which withheld figures stand unchanged in a later
//! release. Who has the withheld figures before them (the gateway) sees these
//! from the figures; who has only what was published (an auditor) assumes them of every division
//! and cell, and takes the assumptions back where no population is left. A figure that was given
//! out when it was not small and is withheld now that it is, under a higher threshold, counts as
//! if nobody knew it: no withholding takes it back.
//!
//! # How
//! `population` makes the kinds and the sums, canonically: each figure is divided along
//! one axis after the other, so that no sum follows from the others. Breakdowns that only meet in
//! common margins are divided apart from each other (their margins determine whether a population
//! exists: Vorob'ev 1962), so that kinds stay few. `bounds` narrows the intervals in
//! whole numbers until they stand; what is left are linear programmes, solved by an interior
//! point method. Every solution is a population and counts for all cells at once, so that few
//! programmes decide many cells: a cell is solved for by itself only if nothing else clears it.
//!
//! Whoever decided what is withheld may hand in the populations by which it did (`alternatives`).
//! They are believed only as far as they keep every sum that the attack knows of, in whole numbers,
//! and spare it the programmes of the cells that they clear.
//!
//! The intervals of a programme contain those in whole numbers, and are rounded inwards to them.

mod alternatives;
mod axis;
mod bounds;
mod division;
mod joint;
mod population;
mod programme;
mod published;
mod search;
#[cfg(test)]
mod tests;

use self::population::Model;
pub use self::{
    alternatives::Alternative,
    axis::Axis,
    published::{Release, attack_releases, stratum_of},
};

/// What is small, and how much is known of withheld cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Least count that is not small.
    pub threshold: u64,
    /// Are zeros withheld too?
    pub zeros_withheld: bool,
}

/// What is published of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// It is given out.
    Given(u64),
    /// It is withheld; the count where it is before the attacker's judge.
    Withheld(Option<u64>),
}

/// A cell of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Its code along each axis; 0 is the total.
    pub codes: Box<[u16]>,
    /// What is published of it.
    pub figure: Figure,
}

impl Cell {
    fn count(&self) -> Option<u64> {
        match self.figure {
            Figure::Given(count) => Some(count),
            Figure::Withheld(count) => count,
        }
    }

    fn is_withheld(&self) -> bool {
        matches!(self.figure, Figure::Withheld(_))
    }
}

/// What a withheld count may be, as far as an attacker can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// The least.
    pub least: u64,
    /// The greatest; [`u64::MAX`] where no bound was found.
    pub greatest: u64,
}

/// What the attack found of one withheld cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leak {
    /// The release, by its place.
    pub release: usize,
    /// The cell, by its place in the release.
    pub cell: usize,
    /// Is it not the cell that is told, but how many are in it and in no part of it?
    pub rest: bool,
    /// What it may be.
    pub interval: Interval,
}

/// What an attack found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attack {
    /// Withheld cells of tables that were attacked.
    pub attacked: u64,
    /// Those of which too much can be told.
    pub leaks: Vec<Leak>,
    /// Withheld cells of tables that were not, or not to the end: these are too large, take too
    /// long, hold no counts, or hold cells that their sender calls confidential.
    pub unattacked: u64,
    /// Withheld cells of tables that no population explains: their figures do not add up.
    pub contradictory: u64,
}

impl Attack {
    /// What was found in two tables.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.attacked += other.attacked;
        self.unattacked += other.unattacked;
        self.contradictory += other.contradictory;
        self.leaks.extend(other.leaks);
        self
    }
}

/// How much an attack takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Cells, published or not, up to which a table is attacked.
    pub cells: usize,
    /// Unknown counts that sums tie together up to which programmes are solved.
    pub unknown: usize,
    /// Programmes that are solved, each weighed by its unknown counts.
    pub work: usize,
}

impl Effort {
    /// For what somebody waits for: mostly well under a minute.
    pub const PROMPT: Self = Self { cells: 50_000, unknown: 1_500, work: 200_000 };
    /// What an auditor takes the time for, however long.
    pub const THOROUGH: Self = Self { cells: 500_000, unknown: 50_000, work: usize::MAX };
}

impl Interval {
    /// Is too little told of a count within it: may it be other than small, and are there at
    /// least as many counts as there are small ones with 0? A count that is known not to be small
    /// need not be hidden.
    #[must_use]
    pub fn hides(self, threshold: u64) -> bool {
        let counts = self.greatest.saturating_sub(self.least).saturating_add(1);
        self.least >= threshold || (self.greatest >= threshold && counts >= threshold)
    }
}

/// Attacks tables over the same axes that follow on each other, the oldest first. `rounding` is
/// the base to which every count was rounded, 0 where none was; `alternatives` are populations that
/// may be possible.
#[must_use]
pub fn attack(
    axes: &[Axis],
    releases: &[Vec<Cell>],
    rule: Rule,
    rounding: f64,
    alternatives: &[Alternative],
    mut effort: Effort,
) -> Attack {
    attack_within(axes, releases, rule, rounding, alternatives, &mut effort)
}

/// As [`attack`]; what it takes is taken off `effort`.
fn attack_within(
    axes: &[Axis],
    releases: &[Vec<Cell>],
    rule: Rule,
    rounding: f64,
    alternatives: &[Alternative],
    effort: &mut Effort,
) -> Attack {
    let cells = || releases.iter().flatten();
    let withheld = cells().filter(|cell| cell.is_withheld()).count() as u64;
    if withheld == 0 {
        return Attack::default();
    }
    // Who sees no withheld figure assumes the most, and less where that cannot be.
    let judged = !cells().any(|cell| cell.figure == Figure::Withheld(None));
    let levels = if judged { &Assumed::LEVELS[..1] } else { &Assumed::LEVELS };
    // What is off by less than one is not off.
    let rounding = if rounding < 2.0 { 0.0 } else { rounding };
    let rounded = levels.last().filter(|_| rounding > 0.0);
    let rounded = rounded.map(|last| Assumed { same: false, ..*last });
    for assumed in levels.iter().copied().chain(rounded) {
        let model = Model::new(axes, releases, rule, rounding, assumed, effort.cells);
        let Some(model) = model else {
            return Attack { unattacked: withheld, ..Attack::default() };
        };
        if let Ok(found) = model.attack(rule, alternatives, effort) {
            return found;
        }
    }
    // What does not add up along an axis is left out, and the rest attacked.
    let crooked = division::crooked(axes, releases);
    let straight = |cell: &&Cell| crooked.iter().all(|axis| cell.codes[*axis] == 0);
    let rest: Vec<Vec<Cell>> =
        releases.iter().map(|cells| cells.iter().filter(straight).cloned().collect()).collect();
    let left = rest.iter().flatten().filter(|cell| cell.is_withheld()).count() as u64;
    if crooked.is_empty() || left == 0 || rounding > 0.0 {
        return Attack { contradictory: withheld, ..Attack::default() };
    }
    let mut found = attack_within(axes, &rest, rule, rounding, &[], effort);
    found.contradictory += withheld - left;
    for Leak { release, cell, .. } in &mut found.leaks {
        let mut places = (0..).zip(&releases[*release]).filter(|(_, cell)| straight(cell));
        *cell = places.nth(*cell).map_or(*cell, |(place, _)| place);
    }
    found
}

/// What an attacker who has no withheld figure takes to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Assumed {
    /// That divisions are complete, and that what is withheld is not zero where zeros are not.
    complete: bool,
    /// That what is withheld is as it was in the release before.
    unchanged: bool,
    /// That a figure that stands as it was is the same count, though it was rounded.
    same: bool,
}

impl Assumed {
    /// First the most, then less.
    const LEVELS: [Self; 3] = [
        Self { complete: true, unchanged: true, same: true },
        Self { complete: true, unchanged: false, same: true },
        Self { complete: false, unchanged: false, same: true },
    ];
}

/// No population explains what is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Contradiction;
