//! The attack beside one that goes through every population there may be.

use proptest::prelude::*;

use super::{population::Model, *};
use crate::extent::Span;

/// Codes as the kinds that they take in; kind 0 is who is in no code.
type Codes = &'static [&'static [u32]];

const SEXES: Codes = &[&[1], &[2]];
const AGES: Codes = &[&[1, 2], &[1], &[2]];
const CROSSING: Codes = &[&[1, 2], &[2, 3]];

fn axis(codes: Codes) -> Axis {
    let span = |kinds: &&[u32]| Span { from: kinds[0], to: kinds[kinds.len() - 1] + 1 };
    Axis::new(&codes.iter().map(span).collect::<Vec<_>>())
}

/// Every kind of person, and for each cell of a world its codes and kinds.
struct World {
    axes: Vec<Axis>,
    kinds: usize,
    cells: Vec<(Box<[u16]>, Vec<usize>)>,
}

impl World {
    fn new(all: &[Codes]) -> Self {
        let kinds = |codes: Codes| codes.iter().flat_map(|kinds| kinds.iter()).max().unwrap() + 1;
        let widths: Vec<u32> = all.iter().map(|codes| kinds(codes)).collect();
        let persons = widths.iter().fold(vec![vec![]], |persons: Vec<Vec<u32>>, width| {
            let longer = |person: &Vec<u32>| {
                let person = person.clone();
                (0..*width).map(move |kind| [&person[..], &[kind]].concat()).collect::<Vec<_>>()
            };
            persons.iter().flat_map(longer).collect()
        });
        let places = all.iter().fold(vec![vec![]], |places: Vec<Vec<u16>>, codes| {
            let longer = |place: &Vec<u16>| {
                let place = place.clone();
                (0..=codes.len() as u16)
                    .map(move |code| [&place[..], &[code]].concat())
                    .collect::<Vec<_>>()
            };
            places.iter().flat_map(longer).collect()
        });
        let takes_in = |place: &[u16], person: &[u32]| {
            let along = place.iter().zip(person).zip(all);
            along.into_iter().all(|((code, kind), codes)| {
                *code == 0 || codes[usize::from(*code) - 1].contains(kind)
            })
        };
        let cells = places.into_iter().map(|place| {
            let within = (0..persons.len()).filter(|person| takes_in(&place, &persons[*person]));
            let within = within.collect();
            (place.into(), within)
        });
        Self {
            axes: all.iter().map(|codes| axis(codes)).collect(),
            kinds: persons.len(),
            cells: cells.collect(),
        }
    }

    fn count(&self, cell: usize, population: &[u64]) -> u64 {
        self.cells[cell].1.iter().map(|kind| population[*kind]).sum()
    }
}

/// Every way to spread `persons` over `kinds`.
fn populations(kinds: usize, persons: u64, so_far: &mut Vec<u64>, found: &mut impl FnMut(&[u64])) {
    if kinds == 1 {
        so_far.push(persons);
        found(so_far);
        so_far.pop();
        return;
    }
    for first in 0..=persons {
        so_far.push(first);
        populations(kinds - 1, persons - first, so_far, found);
        so_far.pop();
    }
}

/// What is published: the total, and of the other cells some, of which some are withheld.
fn publish(
    world: &World,
    truth: &[u64],
    (shown, withheld): (u64, u64),
    rule: Rule,
) -> Vec<(usize, bool)> {
    let there = (0..world.cells.len()).filter(|cell| *cell == 0 || shown >> cell & 1 == 1);
    let may = |cell: usize| rule.zeros_withheld || world.count(cell, truth) > 0;
    there.map(|cell| (cell, cell > 0 && withheld >> cell & 1 == 1 && may(cell))).collect()
}

/// The sums that are known to hold: totals whose outermost parts add up along one axis.
fn divisions(
    world: &World,
    truth: &[u64],
    published: &[(usize, bool)],
    rule: Rule,
) -> Vec<(usize, Vec<usize>)> {
    let mut found = vec![];
    for (total, _) in published {
        for (place, axis) in world.axes.iter().enumerate() {
            let code = |cell: usize| world.cells[cell].0[place];
            let same = |cell: &usize| {
                let (own, other) = (&world.cells[*cell].0, &world.cells[*total].0);
                (0..own.len()).all(|each| each == place || own[each] == other[each])
            };
            let line: Vec<usize> = published.iter().map(|(cell, _)| *cell).filter(same).collect();
            let division = division::divisions(axis, &line, code);
            let division = division.into_iter().find(|division| division.total == *total);
            let parts = division.map(|division| division.parts).unwrap_or_default();
            let sum: u64 = parts.iter().map(|cell| world.count(*cell, truth)).sum();
            let taken =
                |kind: &u16| parts.iter().any(|part| axis.kinds(code(*part)).contains(kind));
            let mut beside = axis.kinds(code(*total)).iter().filter(|kind| !taken(kind));
            let secret =
                rule.zeros_withheld && beside.any(|kind| axis.is_told_apart(*kind, code(*total)));
            if !parts.is_empty() && !secret && sum == world.count(*total, truth) {
                found.push((*total, parts));
            }
        }
    }
    found
}

fn release(world: &World, truth: &[u64], published: &[(usize, bool)]) -> Vec<Cell> {
    let cell = |(cell, withheld): &(usize, bool)| {
        let count = world.count(*cell, truth);
        let figure = if *withheld { Figure::Withheld(Some(count)) } else { Figure::Given(count) };
        Cell { codes: world.cells[*cell].0.clone(), figure }
    };
    published.iter().map(cell).collect()
}

/// The interval of each withheld cell, by all populations that explain what is published.
fn true_intervals(
    world: &World,
    truth: &[u64],
    published: &[(usize, bool)],
    rule: Rule,
) -> Vec<(usize, Interval)> {
    let sums = divisions(world, truth, published, rule);
    let secret: Vec<usize> = (0..published.len())
        .filter(|at| published[*at].1 && world.count(published[*at].0, truth) < rule.threshold)
        .collect();
    let mut found: Vec<_> =
        secret.iter().map(|at| (*at, Interval { least: u64::MAX, greatest: 0 })).collect();
    populations(world.kinds, truth.iter().sum(), &mut vec![], &mut |guess| {
        let explained = published.iter().all(|(cell, withheld)| {
            let count = world.count(*cell, guess);
            if *withheld {
                rule.zeros_withheld || count > 0
            } else {
                count == world.count(*cell, truth)
            }
        });
        let adds_up = |(total, parts): &(usize, Vec<usize>)| {
            parts.iter().map(|part| world.count(*part, guess)).sum::<u64>()
                == world.count(*total, guess)
        };
        if explained && sums.iter().all(adds_up) {
            for (at, interval) in &mut found {
                let count = world.count(published[*at].0, guess);
                interval.least = interval.least.min(count);
                interval.greatest = interval.greatest.max(count);
            }
        }
    });
    found
}

fn few(kinds: usize, persons: u64) -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![3 => Just(0_u64), 1 => 1..=3_u64], kinds)
        .prop_filter("few enough to go through", move |truth| truth.iter().sum::<u64>() <= persons)
}

fn compare(
    all: &[Codes],
    truth: &[u64],
    told: (u64, u64),
    zeros_withheld: bool,
) -> Result<(), TestCaseError> {
    let rule = Rule { threshold: 3, zeros_withheld };
    let world = World::new(all);
    let published = publish(&world, truth, told, rule);
    let release = release(&world, truth, &published);
    let model = Model::new(&world.axes, &[release], rule, 0.0, Assumed::LEVELS[0], 10_000).unwrap();
    let found: Vec<_> =
        model.intervals().unwrap().into_iter().map(|(_, at, it)| (at, it)).collect();
    prop_assert_eq!(found, true_intervals(&world, truth, &published, rule));
    Ok(())
}

const RULE: Rule = Rule { threshold: 3, zeros_withheld: false };

/// Cells along one axis, by their code; a count below 0 is withheld and not known.
fn line(counts: &[(u16, i64)]) -> Vec<Cell> {
    let cell = |(code, count): &(u16, i64)| {
        let figure = u64::try_from(*count).map_or(Figure::Withheld(None), Figure::Given);
        Cell { codes: [*code].into(), figure }
    };
    counts.iter().map(cell).collect()
}

#[test]
fn releases_tell_together_what_none_tells() {
    let apart = [axis(&[&[1], &[2], &[3]])];
    let first = line(&[(0, 20), (1, -1), (2, -1), (3, 15)]);
    let second = line(&[(0, 20), (1, 4), (2, -1), (3, -1)]);
    let tell =
        |releases: &[Vec<Cell>]| attack(&apart, releases, RULE, 0.0, &[], Effort::PROMPT).leaks;
    assert_eq!(tell(std::slice::from_ref(&first)), []);
    assert_eq!(tell(std::slice::from_ref(&second)), []);
    let told = tell(&[first.clone(), second]);
    assert!(told.iter().all(|leak| leak.interval == Interval { least: 1, greatest: 1 }));
    assert_eq!(told.len(), 2, "the second is 1, in both");
    // Where what is given out changed, what is withheld may have.
    let changed = line(&[(0, 40), (1, 4), (2, -1), (3, -1)]);
    assert_eq!(tell(&[first, changed]), []);
}

#[test]
fn a_code_that_crosses_others_does_not_hide_what_they_leave() {
    let ages = [axis(&[&[1, 2], &[3, 4], &[2, 3]])];
    let seen = line(&[(0, 100), (1, 40), (2, 58), (3, -1)]);
    let found = attack(&ages, &[seen], RULE, 0.0, &[], Effort::PROMPT).leaks;
    let rest = Interval { least: 2, greatest: 2 };
    assert_eq!(found, [Leak { release: 0, cell: 0, rest: true, interval: rest }]);
}

#[test]
fn what_takes_too_long_is_not_called_attacked() {
    let apart = [axis(&[&[1], &[2]])];
    let seen = || [line(&[(0, 20), (1, -1), (2, -1)])];
    let with = |effort| attack(&apart, &seen(), RULE, 0.0, &[], effort);
    assert_eq!(with(Effort::PROMPT), Attack { attacked: 2, ..Attack::default() });
    let none = Attack { unattacked: 2, ..Attack::default() };
    assert_eq!(with(Effort { work: 1, ..Effort::PROMPT }), none);
    assert_eq!(with(Effort { unknown: 1, ..Effort::PROMPT }), none);
    assert_eq!(with(Effort { cells: 2, ..Effort::PROMPT }), none);
    let wrong = [line(&[(0, 20), (1, 21), (2, -1)])];
    let found = attack(&apart, &wrong, RULE, 0.0, &[], Effort::PROMPT);
    assert_eq!(found, Attack { contradictory: 1, ..Attack::default() });
}

#[test]
fn populations_that_are_handed_in_count_as_far_as_they_hold() {
    let apart = [axis(&[&[1], &[2]])];
    let withheld =
        |code: u16, count| Cell { codes: [code].into(), figure: Figure::Withheld(Some(count)) };
    let seen = [vec![line(&[(0, 20)]).remove(0), withheld(1, 2), withheld(2, 18)]];
    let none = Effort { work: 0, ..Effort::PROMPT };
    let with = |alternative: &[(usize, usize, i64)]| {
        attack(&apart, &seen, RULE, 0.0, &[alternative.to_vec()], none).attacked
    };
    assert_eq!(with(&[(0, 1, 2), (0, 2, -2)]), 2);
    assert_eq!(with(&[(0, 1, 2), (0, 2, -3)]), 0, "it does not keep the sum");
    assert_eq!(with(&[(0, 0, 2), (0, 1, 2)]), 0, "it changes what is known");
    assert_eq!(with(&[(0, 1, 18), (0, 2, -18)]), 0, "the second cannot be none");
    assert_eq!(with(&[(0, 1, 1), (0, 2, -1), (0, 2, 1)]), 0, "it changes one twice");
    assert_eq!(with(&[(0, 1, 0)]), 0, "it changes nothing");
}

#[test]
fn rounded_counts_need_not_add_up() {
    let axes = [axis(&[&[1], &[2]]), axis(&[&[1], &[2]])];
    let counts = [([0, 0], 195), ([1, 0], 100), ([2, 0], 100), ([0, 1], 150), ([0, 2], -1)];
    let cell = |(codes, count): ([u16; 2], i64)| {
        let figure = u64::try_from(count).map_or(Figure::Withheld(None), Figure::Given);
        Cell { codes: codes.into(), figure }
    };
    let rule = Rule { threshold: 60, zeros_withheld: false };
    let seen = [counts.map(cell).to_vec()];
    let found = attack(&axes, &seen, rule, 5.0, &[], Effort::PROMPT);
    assert_eq!((found.attacked, found.contradictory), (1, 0));
    // 196 or 197 in all, of these 148 to 152.
    let told = found.leaks[0].interval;
    assert!((told.least, told.greatest) == (0, 49), "{told:?}");
}

#[test]
fn what_does_not_add_up_hides_nothing_beside_it() {
    let axes = [axis(&[&[1], &[2]]), axis(&[&[1], &[2]])];
    let counts = [([0, 0], 10), ([1, 0], 6), ([2, 0], 5), ([0, 1], 8), ([0, 2], -1)];
    let cell = |(codes, count): ([u16; 2], i64)| {
        let figure = u64::try_from(count).map_or(Figure::Withheld(Some(2)), Figure::Given);
        Cell { codes: codes.into(), figure }
    };
    let found = attack(&axes, &[counts.map(cell).into()], RULE, 0.0, &[], Effort::PROMPT);
    let interval = Interval { least: 2, greatest: 2 };
    assert_eq!(found.leaks, [Leak { release: 0, cell: 4, rest: false, interval }]);
}

proptest! {
    // Most that are made have too many populations to go through; in a long run that is often.
    #![proptest_config(ProptestConfig {
        cases: 64,
        max_local_rejects: u32::MAX,
        ..ProptestConfig::default()
    })]

    #[test]
    fn intervals_are_those_of_all_populations(truth in few(9, 8), told: (u64, u64), zeros: bool) {
        compare(&[SEXES, AGES], &truth, told, zeros)?;
    }

    #[test]
    fn so_they_are_where_codes_cross(truth in few(12, 6), told: (u64, u64), zeros: bool) {
        compare(&[SEXES, CROSSING], &truth, told, zeros)?;
    }

    #[test]
    fn so_they_are_along_three_axes(truth in few(27, 4), told: (u64, u64), zeros: bool) {
        compare(&[SEXES, SEXES, SEXES], &truth, told, zeros)?;
    }
}
