//! `agency-node audit disclosure`: what can be inferred of withheld cells from what was given
//! out, by files alone: no node, no gateway, no withheld figure.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use birge_proto::manifest::Action;
use birge_schemas::{
    attack::{Attack, Effort, Leak, Release, Rule, attack_releases},
    finding::Report,
    slice::{Slice, split},
    structure::Structures,
    table::Table,
    validate,
};
use clap::Args;
use serde::Serialize;

use crate::{
    i18n::Language,
    output::{Exit, Failure, Reply},
    report,
    source::{Lines, csv},
};

/// What is attacked.
#[derive(Debug, Clone, Args)]
pub struct Disclosure {
    /// What was given out, as `query --format csv` writes it. Several files of one dataset are
    /// releases that followed on each other, the oldest first, and are attacked together.
    #[arg(required = true, value_name = "RELEASE")]
    pub files: Vec<PathBuf>,
    /// Least count that is not small, as the decree says of the dataset (article 7(1)).
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(2..))]
    pub threshold: u64,
    /// Zeros are withheld too, as the decree says of the dataset.
    #[arg(long)]
    pub zeros_withheld: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    dataset: String,
    periods: usize,
    attacked: u64,
    unattacked: u64,
    contradictory: u64,
    told: Vec<Told>,
}

/// A cell of which too much can be told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    file: PathBuf,
    key: String,
    /// Is it not the cell, but what its parts leave of it?
    rest: bool,
    least: u64,
    greatest: Option<u64>,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, key, rest, least, greatest } = self;
        let rest = if *rest { "what is left of " } else { "" };
        write!(f, "{}: {rest}{key} is ", file.display())?;
        match greatest {
            Some(greatest) if greatest == least => write!(f, "{least}"),
            Some(greatest) => write!(f, "{least} to {greatest}"),
            None => write!(f, "{least} or more"),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dataset, periods, attacked, unattacked, contradictory, told } = self;
        for told in told {
            writeln!(f, "{told}")?;
        }
        write!(
            f,
            "{dataset}, {periods} periods: {attacked} withheld cells attacked, of {} too much can \
             be told",
            told.len()
        )?;
        if *unattacked > 0 {
            write!(
                f,
                "\n{unattacked} were not attacked: their tables are too large, or hold no counts"
            )?;
        }
        if *contradictory > 0 {
            write!(f, "\n{contradictory} were not attacked: their figures do not add up")?;
        }
        if !told.is_empty() {
            write!(f, "\nnext: tell the agency and the operator; keep the files to yourself")?;
        }
        Ok(())
    }
}

/// Attacks what was given out.
///
/// # Errors
/// When a file cannot be read, or they are of different datasets.
pub fn disclosure(asked: &Disclosure) -> Result<Reply, Failure> {
    let structures = Structures::bundled().map_err(anyhow::Error::from)?;
    let tables: Vec<Table> =
        asked.files.iter().map(|file| read(&structures, file)).collect::<Result<_, _>>()?;
    let dataset = tables[0].structure().id.clone();
    if let Some(other) = tables.iter().find(|table| table.structure().id != dataset) {
        let other = &other.structure().id;
        return Err(Failure::Usage(format!(
            "the files are of {dataset} and {other}: expected releases of one dataset"
        )));
    }
    let mut periods: BTreeMap<String, Vec<(usize, Slice)>> = BTreeMap::new();
    for (file, table) in tables.iter().enumerate() {
        for (period, slice) in split(table) {
            periods.entry(period).or_default().push((file, slice));
        }
    }
    let rule = Rule { threshold: asked.threshold, zeros_withheld: asked.zeros_withheld };
    let (mut all, mut told) = (Attack::default(), vec![]);
    for releases in periods.values() {
        let found = attack(releases, rule);
        told.extend(found.leaks.iter().map(|leak| {
            let Leak { release, cell, rest, interval } = *leak;
            let (file, slice) = &releases[release];
            let greatest = Some(interval.greatest).filter(|greatest| *greatest != u64::MAX);
            let (file, key) = (asked.files[*file].clone(), slice.table().key(cell));
            Told { file, key, rest, least: interval.least, greatest }
        }));
        all = all.and(found);
    }
    let exit = if told.is_empty() { Exit::Done } else { Exit::Refused };
    let Attack { attacked, unattacked, contradictory, .. } = all;
    let periods = periods.len();
    Reply::new(exit, &Found { dataset, periods, attacked, unattacked, contradictory, told })
}

/// Attacks the releases of one period.
fn attack(releases: &[(usize, Slice)], rule: Rule) -> Attack {
    let withheld: Vec<_> = releases
        .iter()
        .map(|(_, slice)| move |row: usize| slice.table().attribute("OBS_STATUS", row) == Some("Q"))
        .collect();
    let releases = releases.iter().zip(&withheld);
    let releases: Vec<Release<'_>> = releases
        .map(|((_, slice), withheld)| Release { table: slice.table(), withheld, judged: false })
        .collect();
    attack_releases(&releases, rule, &[], Effort::THOROUGH)
}

/// The cells of a file.
fn read(structures: &Structures, file: &PathBuf) -> Result<Table, Failure> {
    let wrong = |found: &Report| {
        let found = report::text(found, &Lines::default(), Language::En);
        Failure::Usage(format!(
            "{} is not what was given out: expected a file of `query --format csv`\n{found}",
            file.display()
        ))
    };
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
    let input = csv::template(&bytes).map_err(|found| wrong(&found))?;
    let Some(structure) = structures.get(&input.header.dataset) else {
        let dataset = &input.header.dataset;
        return Err(Failure::Usage(format!("{}: no dataset {dataset}", file.display())));
    };
    validate::accepted(structure, Action::Append, &input.table).map_err(|found| wrong(&found))
}
