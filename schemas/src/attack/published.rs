//! What is published of a dataset and period, as tables to attack.

use std::collections::BTreeMap;

use super::{Alternative, Attack, Axis, Cell, Effort, Figure, Leak, Rule, attack_within};
use crate::{
    detail::Breakdown,
    extent::{Span, spans},
    structure::Dimension,
    table::Table,
};

/// A release of a dataset and period.
#[derive(Clone, Copy)]
pub struct Release<'a> {
    /// Its cells.
    pub table: &'a Table,
    /// Is the cell of a row withheld?
    pub withheld: &'a dyn Fn(usize) -> bool,
    /// Are the values of withheld cells there, to judge by? Where they are, a withheld cell
    /// without one is a figure that is missing.
    pub judged: bool,
}

/// Attacks the releases of one dataset and period, the oldest first. In what is found, a cell is
/// a row of its release; so it is in `alternatives`, populations that may be possible.
#[must_use]
pub fn attack_releases(
    releases: &[Release<'_>],
    rule: Rule,
    alternatives: &[Alternative],
    mut effort: Effort,
) -> Attack {
    let hides = |it: &Release<'_>| (0..it.table.rows()).any(|row| (it.withheld)(row));
    if !releases.iter().any(hides) {
        return Attack::default();
    }
    let mut strata: BTreeMap<Vec<u16>, Vec<Vec<usize>>> = BTreeMap::new();
    for (number, release) in releases.iter().enumerate() {
        for row in 0..release.table.rows() {
            let stratum = strata.entry(stratum_of(release.table, row));
            stratum.or_insert_with(|| vec![vec![]; releases.len()])[number].push(row);
        }
    }
    let attacked = strata
        .into_values()
        .map(|rows| attack_stratum(releases, &rows, rule, alternatives, &mut effort));
    attacked.fold(Attack::default(), Attack::and)
}

/// What tells the stratum of a row: rows of different strata are tied by no sum.
#[must_use]
pub fn stratum_of(table: &Table, row: usize) -> Vec<u16> {
    let dimensions = table.structure().coded().enumerate();
    dimensions.map(|(place, dimension)| apart(dimension, table.code(place, row))).collect()
}

/// Attacks the rows of one stratum, by release.
fn attack_stratum(
    releases: &[Release<'_>],
    rows: &[Vec<usize>],
    rule: Rule,
    alternatives: &[Alternative],
    effort: &mut Effort,
) -> Attack {
    let all =
        || rows.iter().zip(releases).flat_map(|(rows, it)| rows.iter().map(move |row| (it, *row)));
    let withheld = all().filter(|(release, row)| (release.withheld)(*row)).count() as u64;
    let mut values = all().filter_map(|(release, row)| release.table.value(row));
    // What its sender calls confidential has no threshold to be attacked by, nor has an amount.
    let confidential = all().any(|(it, row)| it.judged && it.table.is_confidential(row));
    let no_counts = rule.threshold == 0 || confidential;
    if withheld == 0 || no_counts || values.any(|value| whole(value).is_none()) {
        return Attack { unattacked: withheld, ..Attack::default() };
    }
    let structure = releases[0].table.structure();
    let axes = structure
        .coded()
        .enumerate()
        .filter(|(_, dimension)| dimension.codes().is_some_and(|coded| coded.breakdown.is_some()));
    let (axes, nodes): (Vec<Axis>, Vec<Vec<u16>>) = axes
        .map(|(place, dimension)| {
            axis(dimension, all().map(move |(release, row)| release.table.code(place, row)))
        })
        .unzip();
    let mut nodes =
        (0..).map(|at: usize| nodes.iter().map(|axis| axis[at]).collect::<Box<[u16]>>());
    let (mut cells, mut places) = (vec![], vec![]);
    for (release, rows) in releases.iter().zip(rows) {
        // The rows first: they end before the nodes do.
        let figures = rows.iter().zip(&mut nodes).filter_map(|(row, codes)| {
            let count = release.table.value(*row).and_then(whole);
            let figure = match (release.withheld)(*row) {
                true if release.judged => Figure::Withheld(Some(count?)),
                true => Figure::Withheld(None),
                false => Figure::Given(count?),
            };
            Some((*row, Cell { codes, figure }))
        });
        let (own, figures): (Vec<_>, Vec<_>) = figures.unzip();
        cells.push(figures);
        places.push(own);
    }
    let place = |(release, row, change): &(usize, usize, i64)| {
        Some((*release, places.get(*release)?.binary_search(row).ok()?, *change))
    };
    let alternatives: Vec<Alternative> =
        alternatives.iter().filter_map(|all| all.iter().map(place).collect()).collect();
    let rounding = structure.rules.totals.rounding;
    let mut found = attack_within(&axes, &cells, rule, rounding, &alternatives, effort);
    for Leak { release, cell, .. } in &mut found.leaks {
        *cell = places[*release][*cell];
    }
    found
}

/// What tells strata apart along a dimension: its code, or of an axis the total's.
fn apart(dimension: &Dimension, code: u16) -> u16 {
    let Some(coded) = dimension.codes() else { return 0 };
    match coded.breakdown {
        Some(Breakdown::Indicator | Breakdown::Region) => coded.list.root(code),
        // What does not apply is not the total.
        Some(_) if coded.list.code(code).id == "_Z" => code,
        Some(_) => u16::MAX,
        None => code,
    }
}

/// The axis of the codes that occur, and for each occurrence its node.
fn axis(dimension: &Dimension, codes: impl Iterator<Item = u16>) -> (Axis, Vec<u16>) {
    let codes: Vec<u16> = codes.collect();
    let mut occurring: Vec<u16> =
        codes.iter().copied().filter(|code| dimension.breaks_down(*code).is_some()).collect();
    occurring.sort_unstable();
    occurring.dedup();
    let spans = spans(dimension).unwrap_or_default();
    let span = |code: &u16| -> Span { spans[usize::from(*code)] };
    let axis = Axis::new(&occurring.iter().map(span).collect::<Vec<_>>());
    let node = |code: &u16| occurring.binary_search(code).map_or(0, |place| place as u16 + 1);
    let nodes = codes.iter().map(node).collect();
    (axis, nodes)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is checked")]
fn whole(value: f64) -> Option<u64> {
    (value >= 0.0 && value.fract() == 0.0 && value < 9_007_199_254_740_992.0)
        .then_some(value as u64)
}
