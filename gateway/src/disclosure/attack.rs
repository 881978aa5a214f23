//! An attacker who shares no code with the rule: it goes through every population there could
//! be and keeps those that explain all it was given.

use std::ops::RangeInclusive;

use birge_schemas::{
    attack::{self, Attack, Axis, Effort, Figure, Rule},
    detail::{Breakdown, Detail},
};
use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::{Cells, Column, Earlier, Pattern, Span, protect};
use crate::decree::Disclosure;

/// The dimensions of a small world: for each its breakdown and, for each code but the total,
/// which of its kinds of person the code takes in.
type World = &'static [(Breakdown, &'static [&'static [usize]])];

/// By sex and by age, where one age group contains another.
const NESTED: World =
    &[(Breakdown::Sex, &[&[0], &[1]]), (Breakdown::Age, &[&[0], &[1], &[2], &[0, 1]])];
const PLAIN: World = &[
    (Breakdown::Sex, &[&[0], &[1]]),
    (Breakdown::Age, &[&[0], &[1]]),
    (Breakdown::Region, &[&[0], &[1]]),
];
const SQUARE: World = &[(Breakdown::Sex, &[&[0], &[1]]), (Breakdown::Age, &[&[0], &[1]])];

#[derive(Debug, Clone)]
struct Row {
    codes: Vec<u16>,
    detail: Detail,
    /// The atoms that it counts.
    atoms: Vec<usize>,
}

impl Row {
    fn count(&self, population: &[u32]) -> u32 {
        self.atoms.iter().map(|atom| population[*atom]).sum()
    }
}

/// All atoms of a world, as the kind of person along each dimension.
fn atoms(world: World) -> Vec<Vec<usize>> {
    world.iter().fold(vec![vec![]], |atoms, (_, codes)| {
        let kinds = codes.iter().flat_map(|code| code.iter()).max().unwrap() + 1;
        let longer = |atom: &Vec<usize>| {
            let atom = atom.clone();
            (0..kinds).map(move |kind| [&atom[..], &[kind]].concat()).collect::<Vec<_>>()
        };
        atoms.iter().flat_map(longer).collect()
    })
}

/// All rows of a world, the total first.
fn rows(world: World) -> Vec<Row> {
    let empty = Row { codes: vec![], detail: Detail::TOTAL, atoms: vec![] };
    let mut rows = world.iter().fold(vec![empty], |rows, (breakdown, codes)| {
        let longer = |row: &Row| {
            let row = row.clone();
            (0..=codes.len()).map(move |code| Row {
                codes: [&row.codes[..], &[code as u16]].concat(),
                detail: if code == 0 { row.detail } else { row.detail.with(*breakdown) },
                atoms: vec![],
            })
        };
        rows.iter().flat_map(|row| longer(row).collect::<Vec<_>>()).collect()
    });
    let atoms = atoms(world);
    for row in &mut rows {
        let counts = |atom: &Vec<usize>| {
            let taken = |(place, (_, codes)): (usize, &(_, &[&[usize]]))| {
                let code = row.codes[place] as usize;
                code == 0 || codes[code - 1].contains(&atom[place])
            };
            world.iter().enumerate().all(taken)
        };
        row.atoms = (0..atoms.len()).filter(|atom| counts(&atoms[*atom])).collect();
    }
    rows
}

/// Every way to spread `persons` over `atoms`.
fn populations(atoms: usize, persons: u32) -> Vec<Vec<u32>> {
    if atoms == 1 {
        return vec![vec![persons]];
    }
    let first = |first| {
        let rest = populations(atoms - 1, persons - first).into_iter();
        rest.map(move |rest| [&[first], &rest[..]].concat())
    };
    (0..=persons).flat_map(first).collect()
}

struct Slice {
    rounding: u32,
    details: Vec<Detail>,
    codes: Vec<Vec<u16>>,
    spans: Vec<Vec<Span>>,
    counts: Vec<Option<f64>>,
}

/// What the codes take in along a dimension, the total first.
fn spans(codes: &[&[usize]]) -> Vec<Span> {
    let span = |kinds: &&[usize]| {
        let (from, to) = (kinds[0], kinds[kinds.len() - 1] + 1);
        Span { from: from as u32, to: to as u32 }
    };
    let total = Span { from: 0, to: u32::MAX };
    std::iter::once(total).chain(codes.iter().map(span)).collect()
}

impl Slice {
    fn new(world: World, rows: &[Row], population: &[u32], rounding: u32) -> Self {
        Self {
            rounding,
            details: rows.iter().map(|row| row.detail).collect(),
            codes: (0..world.len())
                .map(|place| rows.iter().map(|row| row.codes[place]).collect())
                .collect(),
            spans: world.iter().map(|(_, codes)| spans(codes)).collect(),
            counts: rows
                .iter()
                .map(|row| Some(f64::from(rounded(row.count(population), rounding))))
                .collect(),
        }
    }

    /// Attacks it as a release is attacked before it takes effect.
    fn attack(&self, pattern: &Pattern, rule: Disclosure) -> Attack {
        let Pattern { withheld, alternatives, .. } = pattern;
        let axes: Vec<_> = self.spans.iter().map(|spans| Axis::new(&spans[1..])).collect();
        let cells = self.counts.iter().enumerate().map(|(row, count)| {
            let count = count.unwrap() as u64;
            let figure = match withheld.contains(row as u32) {
                true => Figure::Withheld(Some(count)),
                false => Figure::Given(count),
            };
            attack::Cell { codes: self.codes.iter().map(|codes| codes[row]).collect(), figure }
        });
        let Disclosure { threshold, zeros_withheld, .. } = rule;
        let (rule, releases) = (Rule { threshold, zeros_withheld }, [cells.collect()]);
        let rounding = f64::from(self.rounding);
        attack::attack(&axes, &releases, rule, rounding, alternatives, Effort::THOROUGH)
    }

    fn cells(&self, world: World) -> Cells<'_> {
        let columns = world.iter().zip(&self.codes).zip(&self.spans);
        let columns: Vec<_> = columns
            .map(|(((breakdown, _), codes), spans)| Column {
                breakdown: Some(*breakdown),
                codes,
                spans: Some(spans),
            })
            .collect();
        Cells::new(&self.details, &columns, &self.counts, self.rounding.into()).unwrap()
    }
}

/// To the nearest multiple of a base, upwards from the middle; 0 is no rounding.
fn rounded(count: u32, base: u32) -> u32 {
    (count + base / 2).checked_div(base).map_or(count, |times| times * base)
}

/// Which rows are handed in: whole kinds of breakdown, and of them all but some.
fn handed_in(world: World, kinds: u8, missing: u64) -> Vec<Row> {
    let all = rows(world).into_iter().enumerate();
    all.filter(|(place, row)| {
        let kind = world
            .iter()
            .enumerate()
            .filter(|(_, (breakdown, _))| row.detail.has(*breakdown))
            .fold(0, |kind, (dimension, _)| kind | 1 << dimension);
        kind == 0 || (kinds & 1 << kind != 0 && missing & 1 << place == 0)
    })
    .map(|(_, row)| row)
    .collect()
}

/// Does `guess` explain what a release of `truth` gave out, to one who knows which of the
/// withheld cells are empty (`support`)?
fn explains(
    guess: &[u32],
    truth: &[u32],
    rows: &[Row],
    withheld: &RoaringBitmap,
    support: bool,
    rounding: u32,
) -> bool {
    rows.iter().enumerate().all(|(place, row)| {
        let of = |population| rounded(row.count(population), rounding);
        let (guessed, true_count) = (of(guess), of(truth));
        if withheld.contains(place as u32) {
            !support || (guessed > 0) == (true_count > 0)
        } else {
            guessed == true_count
        }
    })
}

/// How many there may be: a total that is withheld may be as much more as the threshold says, or
/// as what proves the pattern, which need not be believed to be looked at.
fn totals(
    rows: &[Row],
    Pattern { withheld, alternatives, .. }: &Pattern,
    truth: &[u32],
    rule: Disclosure,
    rounding: u32,
) -> RangeInclusive<u32> {
    let total: u32 = truth.iter().sum();
    let (least, greatest) = (total.saturating_sub(rounding / 2), total + rounding / 2);
    let Some(top) = rows.iter().position(|row| row.detail == Detail::TOTAL) else {
        return least..=greatest;
    };
    if !withheld.contains(top as u32) {
        return least..=greatest;
    }
    let of_top = alternatives.iter().flatten().filter(|(_, row, _)| *row == top);
    let more = of_top.map(|(.., more)| *more).max().unwrap_or_default();
    0..=greatest + u32::try_from(more).unwrap_or(0).max(rule.threshold as u32)
}

fn check(
    world: World,
    truth: &[u32],
    kinds: u8,
    missing: u64,
    sparse: bool,
    rule: Disclosure,
    rounding: u32,
) -> Result<(), TestCaseError> {
    let every_row = handed_in(world, kinds, if sparse { 0 } else { missing });
    let (rows, absent): (Vec<_>, Vec<_>) =
        every_row.into_iter().partition(|row| !sparse || row.count(truth) > 0);
    let slice = Slice::new(world, &rows, truth, rounding);
    let pattern = protect(&slice.cells(world), rule, &[]);
    if pattern.withheld.len() == rows.len() as u64 {
        return Ok(());
    }
    // Of rounded counts zeros are withheld, too, but for where there are none.
    let empty = rows.iter().any(|row| rounded(row.count(truth), rounding) == 0);
    let support = !rule.zeros_withheld && (rounding == 0 || !empty);
    let possible: Vec<_> = totals(&rows, &pattern, truth, rule, rounding)
        .flat_map(|total| populations(truth.len(), total))
        .filter(|guess| explains(guess, truth, &rows, &pattern.withheld, support, rounding))
        .filter(|guess| absent.iter().all(|row| row.count(guess) == 0))
        .collect();
    prop_assert!(possible.contains(&truth.to_vec()));
    for (place, row) in rows.iter().enumerate() {
        let count = rounded(row.count(truth), rounding);
        let small = u64::from(count) < rule.threshold && (count > 0 || rule.zeros_withheld);
        prop_assert!(!small || pattern.withheld.contains(place as u32), "{row:?} is given out");
        if small {
            let most = possible.iter().map(|guess| row.count(guess)).max().unwrap();
            prop_assert!(u64::from(most) >= rule.threshold, "{row:?} is at most {most}");
        }
    }
    let found = slice.attack(&pattern, rule);
    prop_assert_eq!(found.unattacked + found.contradictory, 0);
    prop_assert!(found.leaks.is_empty(), "{:?}", found.leaks);
    Ok(())
}

const RULE: Disclosure = Disclosure::new(3, false);
const STRICT: Disclosure = Disclosure::new(3, true);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_is_computed_from_linked_and_nested_tables(
        truth in prop::collection::vec(prop_oneof![Just(0_u32), 1..=3_u32, 2..=9_u32], 6)
            .prop_filter("small enough to go through", |truth| truth.iter().sum::<u32>() <= 20),
        kinds: u8, missing: u64, also_missing: u64, sparse: bool, strict: bool,
    ) {
        let rule = if strict { STRICT } else { RULE };
        check(NESTED, &truth, kinds, missing & also_missing, sparse, rule, 0)?;
    }

    #[test]
    fn nothing_is_computed_across_dimensions(
        truth in prop::collection::vec(0..=3_u32, 8)
            .prop_filter("small enough to go through", |truth| truth.iter().sum::<u32>() <= 10),
        kinds in prop_oneof![Just(0b0001_0110_u8), Just(0b0001_1110), any::<u8>()],
        missing: u64, also_missing: u64, sparse: bool, strict: bool,
    ) {
        let rule = if strict { STRICT } else { RULE };
        check(PLAIN, &truth, kinds, missing & also_missing, sparse, rule, 0)?;
    }

    #[test]
    fn nothing_is_computed_from_rounded_tables(
        truth in prop::collection::vec(prop_oneof![Just(0_u32), 1..=9_u32], 6)
            .prop_filter("small enough to go through", |truth| truth.iter().sum::<u32>() <= 20),
        kinds in prop_oneof![Just(0b1110_u8), any::<u8>()],
        missing: u64, also_missing: u64, third: u64, strict: bool,
        base in 2..=5_u32, more in 1..=4_u64,
    ) {
        let zeros_withheld = strict;
        let rule = Disclosure::new(u64::from(base) + more, zeros_withheld);
        check(NESTED, &truth, kinds, missing & also_missing & third, false, rule, base)?;
    }

    #[test]
    fn nothing_is_computed_across_releases(
        first in prop::collection::vec(prop_oneof![0..=2_u32, 0..=5_u32], 4)
            .prop_filter("small enough to go through", |truth| truth.iter().sum::<u32>() <= 10),
        change in prop::collection::vec(prop_oneof![2 => Just(0_i32), 1 => -3..=3_i32], 4),
        kinds in prop_oneof![Just(0b0110_u8), Just(0b1110), any::<u8>()],
        missing: u64, also_missing: u64, support: bool,
    ) {
        let rule = Disclosure::new(2, false);
        let second: Vec<u32> = first.iter().zip(&change)
            .map(|(count, change)| count.saturating_add_signed(*change)).collect();
        prop_assume!(second.iter().sum::<u32>() <= 10);
        let rows = handed_in(SQUARE, kinds, missing & also_missing);
        let (one, two) = (Slice::new(SQUARE, &rows, &first, 0), Slice::new(SQUARE, &rows, &second, 0));
        let (one, two) = (one.cells(SQUARE), two.cells(SQUARE));
        let now: Vec<_> = (0..rows.len() as u32).map(Some).collect();
        let before = protect(&one, rule, &[]);
        let earlier = Earlier { cells: &one, withheld: &before.withheld, now: &now };
        let after = protect(&two, rule, &[earlier]);
        let candidates = |truth: &[u32], pattern: &Pattern| -> Vec<Vec<u32>> {
            totals(&rows, pattern, truth, rule, 0)
                .flat_map(|total| populations(4, total))
                .filter(|guess| explains(guess, truth, &rows, &pattern.withheld, support, 0)).collect()
        };
        // Of figures that are now withheld the exchange does not tell whether they changed. One
        // attacker takes it for known of those withheld both times, another knows the zeros.
        let told = |place: usize| {
            let place = place as u32;
            !after.withheld.contains(place) || (before.withheld.contains(place) && !support)
        };
        let unchanged: Vec<_> = rows
            .iter()
            .enumerate()
            .filter(|(place, row)| row.count(&first) == row.count(&second) && told(*place))
            .map(|(_, row)| row)
            .collect();
        let (possible_before, possible_after) =
            (candidates(&first, &before), candidates(&second, &after));
        let (before, after) = (before.withheld, after.withheld);
        let agree = |one: &[u32], two: &[u32]| {
            unchanged.iter().all(|row| row.count(one) == row.count(two))
        };
        let joint: Vec<_> = possible_before.iter()
            .flat_map(|one| possible_after.iter().map(move |two| (one, two)))
            .filter(|(one, two)| agree(one, two)).collect();
        for (truth, withheld, vintage) in [(&first, &before, 0), (&second, &after, 1)] {
            for (place, row) in rows.iter().enumerate() {
                if row.count(truth) == 1 {
                    prop_assert!(withheld.contains(place as u32));
                    let counts = joint.iter().map(|(one, two)| {
                        row.count(if vintage == 0 { one } else { two })
                    });
                    prop_assert!(counts.max().unwrap() >= 2, "{row:?} is 1 in {vintage}");
                }
            }
        }
    }
}
