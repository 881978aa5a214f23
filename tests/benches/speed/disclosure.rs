//! Complementary suppression on test tables, beside what GaussSuppression (Statistics Norway)
//! and sdcTable withhold and take on the same ones.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use birge_gateway::{
    decree::Disclosure,
    disclosure::{Move, Smallness, Suppression, Table, certify, suppress, table},
};
use birge_schemas::attack::{self, Alternative, Effort, Rule};
use birge_tests::{binaries::has_package, instance::Instance, solver, template};
use roaring::RoaringBitmap;

/// An instance, what GaussSuppression withholds in all by its default at threshold 3, and the
/// seconds it takes; none where it had not ended after 3,000.
const INSTANCES: [(&str, Option<(usize, f64)>); 5] = [
    ("mig_t.csv", Some((173, 0.1))),
    ("mig_xs.csv", Some((371, 0.2))),
    ("mig_s.csv", Some((472, 0.5))),
    ("mig_m.csv", Some((6_856, 32.6))),
    ("mig_l.csv.zst", None),
];

/// Cells beside the small ones that a proven optimum withholds, of a table and for an attacker who
/// knows that each is at least 0: by value, with every interval 3 wide.
const OPTIMUM: (&str, usize) = ("mig_t.csv", 89);

/// Cells withheld up to which a table is also attacked by who has only what is given out.
const ATTACKED: u64 = 1_000;

const RULE: Disclosure = Disclosure::new(3, false);

pub(super) fn run() -> Result<()> {
    for (file, reference) in INSTANCES {
        let Some(path) = template::published(&format!("sdc/{file}")) else { continue };
        let instance = Instance::read(&path)?;
        let (table, rows) = table(&instance.cells()?, RULE).context("no table")?;
        for (floor, attacker) in [(1, "at least 1"), (0, "at least 0")] {
            if floor == 0 && table.cells().len() > 100_000 {
                continue;
            }
            let table = table.clone().under(Smallness { threshold: 3, floor, zero: false });
            let found = measure(file, &table, attacker, reference)?;
            if floor == 1 {
                attack(file, &instance, &rows, &found)?;
            }
        }
    }
    Ok(())
}

fn measure(
    file: &str,
    table: &Table,
    attacker: &str,
    reference: Option<(usize, f64)>,
) -> Result<Suppression> {
    let started = Instant::now();
    let found = suppress(table);
    let seconds = started.elapsed().as_secs_f64();
    let found = found.map_err(|cell| anyhow::anyhow!("no move for cell {cell}"))?;
    let Suppression { withheld, witnesses } = &found;
    let started = Instant::now();
    certify(table, withheld, witnesses)?;
    let certified = started.elapsed().as_secs_f64();
    let cells = || table.numbers().filter(|cell| withheld[*cell as usize]);
    let small = cells().filter(|cell| table.is_small(*cell)).count();
    ensure!(small > 0, "nothing is small");
    let value: u64 = cells().map(|cell| table.cell(cell).value).sum();
    let beside = reference.map_or_else(
        || "GaussSuppression: none after 3,000 s".to_owned(),
        |(count, took)| {
            let (more, faster) = (cells().count() as f64 / count as f64, took / seconds);
            format!(
                "GaussSuppression {count} in {took} s: ratio {more:.3}, {faster:.1} times as fast"
            )
        },
    );
    println!(
        "disclosure: {file}, who knows each is {attacker}: {} cells, {small} small, {} withheld of value {value}, {seconds:.2} s, {} witnesses checked in {certified:.3} s; {beside}",
        table.cells().len(),
        cells().count(),
        witnesses.len(),
    );
    if (file, table.smallness().floor) == (OPTIMUM.0, 0) {
        let (ours, optimum) = (cells().count() - small, OPTIMUM.1);
        let gap = ours as f64 / optimum as f64 - 1.0;
        println!(
            "disclosure: {file}: {ours} beside the small ones, proven optimum {optimum}: gap {gap:.3}"
        );
    }
    Ok(found)
}

/// What the attack on a release finds, which is handed the proof, and one by who has only what is
/// given out; and how long they take.
fn attack(
    file: &str,
    instance: &Instance,
    rows: &[(u32, u32)],
    Suppression { withheld, witnesses }: &Suppression,
) -> Result<()> {
    let mut row_of = vec![None; withheld.len()];
    rows.iter().for_each(|(row, cell)| row_of[*cell as usize] = Some(*row));
    let hidden: RoaringBitmap = (0..withheld.len())
        .filter(|cell| withheld[*cell])
        .filter_map(|cell| row_of[cell])
        .collect();
    let alternative = |found: &Move| -> Option<Alternative> {
        let changes = found.changes().iter();
        changes.map(|(cell, by)| Some((0, row_of[*cell as usize]? as usize, *by))).collect()
    };
    let alternatives: Vec<Alternative> = witnesses.iter().filter_map(alternative).collect();
    let Disclosure { threshold, zeros_withheld, .. } = RULE;
    let rule = Rule { threshold, zeros_withheld };
    for judged in [true, false] {
        if !judged && hidden.len() > ATTACKED {
            continue;
        }
        let (axes, seen) = instance.seen(&hidden, judged);
        let (with, who) = match judged {
            true => (&alternatives[..], "who is handed the proof"),
            false => (&[][..], "who has only what is given out"),
        };
        let started = Instant::now();
        let found = attack::attack(&axes, &[seen], rule, 0.0, with, Effort::THOROUGH);
        let seconds = started.elapsed().as_secs_f64();
        ensure!(found.leaks.is_empty(), "{file}: {:?}", found.leaks);
        ensure!(found.attacked == hidden.len(), "{file}: {found:?}");
        println!("disclosure: {file}: attacked by {who} in {seconds:.2} s, nothing found");
    }
    if !has_package("highspy") {
        println!("disclosure: {file}: no solver beside ours (PyPI: highspy)");
        return Ok(());
    }
    let started = Instant::now();
    let found = solver::attack(instance, &hidden, RULE, Some(&alternatives))?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(found.cells.is_empty(), "{file}: {:?}", found.cells);
    println!(
        "disclosure: {file}: the proof checked by attack.py in {seconds:.2} s, nothing found of any small cell"
    );
    Ok(())
}
