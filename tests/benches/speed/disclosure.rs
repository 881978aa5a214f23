//! Complementary suppression on test tables, beside what GaussSuppression (Statistics Norway)
//! and sdcTable withhold and take on the same ones.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use birge_gateway::{
    decree::Disclosure,
    disclosure::{Smallness, Suppression, Table, certify, suppress, table},
};
use birge_schemas::attack::{self, Effort, Rule};
use birge_tests::{instance::Instance, template};
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

/// Cells up to which a table is attacked here.
const ATTACKED: usize = 2_000;

const RULE: Disclosure = Disclosure { threshold: 3, zeros_withheld: false };

pub(super) fn run() -> Result<()> {
    for (file, reference) in INSTANCES {
        let Some(path) = template::published(&format!("sdc/{file}")) else { continue };
        let instance = Instance::read(&path)?;
        let (table, rows) = table(&instance.cells()?, RULE).context("no table")?;
        for (floor, attacker) in [(1, "at least 1"), (0, "at least 0")] {
            if floor == 0 && table.cells().len() > 100_000 {
                continue;
            }
            let table = table.clone().under(Smallness { threshold: 3, floor });
            let withheld = measure(file, &table, attacker, reference)?;
            if floor == 1 && table.cells().len() < ATTACKED {
                let row = |(row, cell): &(u32, u32)| withheld[*cell as usize].then_some(*row);
                attack(file, &instance, &rows.iter().filter_map(row).collect())?;
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
) -> Result<Vec<bool>> {
    let started = Instant::now();
    let found = suppress(table);
    let seconds = started.elapsed().as_secs_f64();
    let Suppression { withheld, witnesses } =
        found.map_err(|cell| anyhow::anyhow!("no move for cell {cell}"))?;
    let started = Instant::now();
    certify(table, &withheld, &witnesses)?;
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
    Ok(withheld)
}

/// What an attacker finds who has only what is given out, and how long that takes.
fn attack(file: &str, instance: &Instance, withheld: &RoaringBitmap) -> Result<()> {
    let (axes, seen) = instance.seen(withheld, false);
    let Disclosure { threshold, zeros_withheld } = RULE;
    let started = Instant::now();
    let rule = Rule { threshold, zeros_withheld };
    let found = attack::attack(&axes, &[seen], rule, 0.0, Effort::THOROUGH);
    let seconds = started.elapsed().as_secs_f64();
    ensure!(found.leaks.is_empty(), "{file}: {:?}", found.leaks);
    ensure!(found.attacked == withheld.len(), "{file}: {found:?}");
    println!("disclosure: {file}: attacked in {seconds:.2} s, nothing found");
    Ok(())
}
