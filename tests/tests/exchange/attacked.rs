//! What is withheld, attacked by a solver that is not ours: `tests/interop/attack.py`.

use std::{collections::BTreeMap, fs};

use birge_gateway::{
    decree::Disclosure,
    disclosure::{Earlier, Pattern, protect},
};
use birge_schemas::attack::{self, Alternative, Effort, Rule};
use birge_tests::{
    binaries::has_package,
    foreign,
    instance::Instance,
    solver::{self, Found},
    template::{not_tried, published},
};
use roaring::RoaringBitmap;
use serde_json::Value;

use crate::support::deep;

const RULE: Disclosure = Disclosure::new(3, false);

/// Is the solver there?
fn is_there() -> bool {
    let there = has_package("highspy");
    if !there {
        not_tried("what is withheld before a solver (tests/run installs highspy)");
    }
    there
}

/// What the solver finds, whether it is handed the table and other populations or not.
fn solve(
    instance: &Instance,
    withheld: &RoaringBitmap,
    rule: Disclosure,
    others: Option<&[Alternative]>,
) -> Found {
    solver::attack(instance, withheld, rule, others).unwrap()
}

/// The proof of a pattern holds before our own attacker, who knows sums of its own making, and
/// leaves nothing to be solved.
fn assert_proved(instance: &Instance, Pattern { withheld, alternatives, .. }: &Pattern) {
    let (axes, seen) = instance.seen(withheld, true);
    let Disclosure { threshold, zeros_withheld, .. } = RULE;
    let (rule, effort) = (Rule { threshold, zeros_withheld }, Effort { work: 0, ..Effort::PROMPT });
    let attack = |known: &[Alternative]| {
        attack::attack(&axes, std::slice::from_ref(&seen), rule, 0.0, known, effort)
    };
    let found = attack(alternatives);
    assert_eq!((found.attacked, found.leaks.len()), (withheld.len(), 0));
    assert_eq!(attack(&alternatives[1..]).attacked, 0, "the first is not needed");
}

/// Of how many cells our own attacker can tell too much.
fn told(instance: &Instance, withheld: &RoaringBitmap) -> u64 {
    let (axes, seen) = instance.seen(withheld, false);
    let Disclosure { threshold, zeros_withheld, .. } = RULE;
    let rule = Rule { threshold, zeros_withheld };
    let found = attack::attack(&axes, &[seen], rule, 0.0, &[], Effort::THOROUGH);
    assert_eq!((found.attacked, found.contradictory), (withheld.len(), 0));
    found.leaks.len() as u64
}

/// A year of twelve releases of one table, each a revision of the one before: together they tell
/// no more than each.
#[test]
fn a_year_of_revisions_tells_nothing_together() {
    a_year(&made_up());
    for name in ["mig_t.csv", "mig_xs.csv"].into_iter().filter(|_| deep()) {
        if let Some(file) = published(&format!("sdc/{name}")) {
            a_year(&fs::read_to_string(file).unwrap());
        }
    }
}

fn a_year(table: &str) {
    let folder = tempfile::TempDir::new().unwrap();
    let releases: Vec<Instance> = (0..12)
        .map(|month| {
            let file = folder.path().join(format!("{month}.csv"));
            fs::write(&file, revised(table, month)).unwrap();
            Instance::read(&file).unwrap()
        })
        .collect();
    let cells: Vec<_> = releases.iter().map(|release| release.cells().unwrap()).collect();
    let now: Vec<_> = (0..).take(cells[0].len()).map(Some).collect();
    let mut withheld: Vec<RoaringBitmap> = vec![];
    for release in &cells {
        let earlier = cells.iter().zip(&withheld);
        let earlier: Vec<_> =
            earlier.map(|(cells, withheld)| Earlier { cells, withheld, now: &now }).collect();
        let Pattern { withheld: next, cells, .. } = protect(release, RULE, &earlier);
        assert!(next.len() < cells, "{} of {cells} are withheld", next.len());
        withheld.push(next);
    }
    let Disclosure { threshold, zeros_withheld, .. } = RULE;
    let attack_all = |withheld: &[RoaringBitmap]| {
        let seen = releases.iter().zip(withheld).map(|(release, own)| release.seen(own, true));
        let (axes, seen): (Vec<_>, Vec<_>) = seen.unzip();
        let rule = Rule { threshold, zeros_withheld };
        attack::attack(&axes[0], &seen, rule, 0.0, &[], Effort::THOROUGH)
    };
    let found = attack_all(&withheld);
    assert_eq!((found.unattacked, found.contradictory), (0, 0));
    assert_eq!(found.leaks, []);
    // Had each been protected by itself, they would tell.
    let alone: Vec<_> = cells.iter().map(|cells| protect(cells, RULE, &[]).withheld).collect();
    assert!(!attack_all(&alone).leaks.is_empty(), "the year asks nothing");
}

/// A table in which some counts of each month before have changed.
fn revised(table: &str, months: u64) -> String {
    let changed = |(line, row): (u64, &str)| {
        let (codes, count) = row.rsplit_once(',').unwrap();
        let Ok(count) = count.parse::<u64>() else { return format!("{row}\n") };
        let times = (1..=months).filter(|month| (line * 7 + month * 31) % 23 == 0).count() as u64;
        format!("{codes},{}\n", if count == 0 { 0 } else { count + 4 * times })
    };
    (0..).zip(table.lines()).map(changed).collect()
}

/// Persons by sex, age, region and citizenship: mostly few in a cell, and many cells empty.
fn made_up() -> String {
    let mut state = 0x5EED_u64;
    let mut text = String::from("sex,age,age_g,region,region_g,cit,freq\n");
    for (sex, age, region, cit) in places(2, 4, 6, 3) {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let drawn = state >> 33;
        let count = if drawn.is_multiple_of(4) { 0 } else { drawn % 97 * (drawn % 89) % 23 };
        let (age_group, region_group) = (age / 2, region / 3);
        text += &format!("s{sex},a{age},A{age_group},r{region},R{region_group},c{cit},{count}\n");
    }
    text
}

fn places(a: u8, b: u8, c: u8, d: u8) -> impl Iterator<Item = (u8, u8, u8, u8)> {
    (0..a).flat_map(move |i| {
        (0..b).flat_map(move |j| (0..c).flat_map(move |k| (0..d).map(move |l| (i, j, k, l))))
    })
}

#[test]
fn a_solver_finds_nothing_withheld_and_finds_what_slips_out() {
    if !is_there() {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("cells.csv");
    fs::write(&file, made_up()).unwrap();
    let instance = Instance::read(&file).unwrap();
    let pattern = protect(&instance.cells().unwrap(), RULE, &[]);
    assert_proved(&instance, &pattern);
    let Pattern { withheld, small, cells, .. } = pattern;
    assert!(small > 5 && withheld.len() > small && withheld.len() < cells / 2, "{withheld:?}");
    assert_eq!(solve(&instance, &withheld, RULE, None).cells, Vec::<Vec<Value>>::new());
    assert_eq!(told(&instance, &withheld), 0);
    // One cell less, and most often a small one is told.
    let beside: Vec<u32> =
        withheld.iter().filter(|row| instance.count(*row) >= 3).take(8).collect();
    let slips_out = |row: &u32| {
        let mut fewer = withheld.clone();
        fewer.remove(*row);
        // What has few possible counts, small ones only among them.
        let (ours, theirs) = (told(&instance, &fewer), solve(&instance, &fewer, RULE, None));
        assert_eq!(ours, theirs.narrow, "our attacker finds {ours}, theirs {theirs:?}");
        ours > 0
    };
    let needed = beside.iter().filter(|row| slips_out(row)).count();
    assert!(2 * needed > beside.len(), "of {} only {needed} are needed", beside.len());
}

#[test]
fn a_solver_finds_nothing_in_the_tables_that_others_are_measured_by() {
    if !is_there() {
        return;
    }
    let all = ["mig_t.csv", "mig_xs.csv", "mig_s.csv", "mig_m.csv"];
    // What is withheld at most, all in all.
    let most = [183, 395, 515, 8_500];
    for (name, most) in all.into_iter().zip(most).take(if deep() { 4 } else { 2 }) {
        let Some(file) = published(&format!("sdc/{name}")) else { continue };
        let instance = Instance::read(&file).unwrap();
        let pattern = protect(&instance.cells().unwrap(), RULE, &[]);
        assert_proved(&instance, &pattern);
        let Pattern { withheld, alternatives, .. } = pattern;
        assert!(withheld.len() <= most, "{name}: {} withheld", withheld.len());
        let nothing = Vec::<Vec<Value>>::new();
        // Who has the table itself checks the proof, and has nothing left to solve.
        assert_eq!(solve(&instance, &withheld, RULE, Some(&alternatives)).cells, nothing, "{name}");
        // Who has only what is given out takes long for the last one.
        if withheld.len() < 1_000 {
            assert_eq!(solve(&instance, &withheld, RULE, None).cells, nothing, "{name}");
            assert_eq!(told(&instance, &withheld), 0, "{name}");
        }
    }
}

/// Tables that statistical offices published: the file, which of its tables are tried always and
/// which deep, what is small, and the greatest share that is withheld.
const PUBLISHED: [(&str, Tables, [&str; 2], Disclosure, f64); 6] = [
    (KYRGYZ, foreign::trafficking, ["", ""], RULE, 0.75),
    (KYRGYZ, foreign::trafficking, ["", ""], STRICT, 0.97),
    ("uk/nrm_referrals_government_2022_q2.csv", foreign::referrals, ["Border", ""], RULE, 0.08),
    (UNHCR, foreign::refugees, ["2023", "202"], TEN, 0.5),
    (UNHCR, foreign::asylum_seekers, ["2023", "202"], TEN, 0.5),
    ("eurostat/migr_asyappctza_six_2008_2019.csv", foreign::applicants, ["of KG", ""], TEN, 0.3),
];
const KYRGYZ: &str = "kgz/kgz_nsc_migration_gender_subset.csv";
const UNHCR: &str = "unhcr/demographics_six_2025-06-12_5b1f3a1.csv";
/// As the model decree has it for victims of trafficking.
const STRICT: Disclosure = Disclosure::new(10, true);
const TEN: Disclosure = Disclosure::new(10, false);

type Tables = fn(&str) -> anyhow::Result<BTreeMap<String, Instance>>;

#[test]
fn a_solver_finds_nothing_in_what_statistical_offices_published() {
    if !is_there() {
        return;
    }
    for (file, tables, some, rule, most) in PUBLISHED {
        let some = some[usize::from(deep())];
        let Some(path) = published(file) else { continue };
        let tables = tables(&fs::read_to_string(path).unwrap()).unwrap();
        let tables: Vec<_> = tables.iter().filter(|(name, _)| name.contains(some)).collect();
        let (mut cells, mut withheld) = (0, 0);
        for (name, table) in &tables {
            cells += table.len();
            withheld += nothing_found(name, table, rule);
        }
        let share = withheld as f64 / cells as f64;
        println!("{file}: {} tables, {withheld} of {cells} cells withheld", tables.len());
        assert!(0.0 < share && share < most, "{file}: {share} is withheld");
    }
}

/// Has a table attacked by both attackers, who find nothing that is small; how many of its cells
/// are withheld.
fn nothing_found(name: &str, table: &Instance, rule: Disclosure) -> u64 {
    let Pattern { withheld, alternatives, .. } = protect(&table.cells().unwrap(), rule, &[]);
    let Disclosure { threshold, zeros_withheld, .. } = rule;
    let (axes, seen) = table.seen(&withheld, true);
    let ours = attack::attack(
        &axes,
        &[seen],
        Rule { threshold, zeros_withheld },
        table.rounding(),
        &alternatives,
        Effort::PROMPT,
    );
    assert_eq!((ours.unattacked, ours.contradictory, ours.leaks), (0, 0, vec![]), "{name}");
    let theirs = solve(table, &withheld, rule, None);
    assert_eq!(theirs.unexplained, 0, "{name}");
    // Who withholds whole classes withholds sums that others tell, but no small ones.
    let is_small = |cell: &&Vec<Value>| {
        let names: Vec<&str> = cell.iter().filter_map(Value::as_str).collect();
        let row = (0..).take(table.len()).find(|row| table.names(*row) == names).unwrap();
        table.count(row) < threshold && (table.count(row) > 0 || zeros_withheld)
    };
    let small: Vec<_> = theirs.cells.iter().filter(is_small).collect();
    assert!(small.is_empty(), "{name}: {small:?}");
    withheld.len()
}
