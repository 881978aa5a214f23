//! Complementary suppression on test tables, beside what GaussSuppression (Statistics Norway)
//! and sdcTable withhold and take on the same ones.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use birge_gateway::{
    decree::Disclosure,
    disclosure::{Smallness, Suppression, Table, certify, suppress, table},
};
use birge_tests::{instance::Instance, template};

/// An instance, what GaussSuppression withholds in all by its default at threshold 3, and the
/// seconds it takes; none where it had not ended after 3,000.
const INSTANCES: [(&str, Option<(usize, f64)>); 5] = [
    ("mig_t.csv", Some((173, 0.1))),
    ("mig_xs.csv", Some((371, 0.2))),
    ("mig_s.csv", Some((472, 0.5))),
    ("mig_m.csv", Some((6_856, 32.6))),
    ("mig_l.csv.zst", None),
];

const RULE: Disclosure = Disclosure { threshold: 3, zeros_withheld: false };

pub(super) fn run() -> Result<()> {
    for (file, reference) in INSTANCES {
        let Some(path) = template::published(&format!("sdc/{file}")) else { continue };
        let instance = Instance::read(&path)?;
        let (table, _) = table(&instance.cells()?, RULE).context("no table")?;
        for (floor, attacker) in [(1, "at least 1"), (0, "at least 0")] {
            if floor == 0 && table.cells().len() > 100_000 {
                continue;
            }
            let table = table.clone().under(Smallness { threshold: 3, floor });
            measure(file, &table, attacker, reference)?;
        }
    }
    Ok(())
}

fn measure(
    file: &str,
    table: &Table,
    attacker: &str,
    reference: Option<(usize, f64)>,
) -> Result<()> {
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
    Ok(())
}
