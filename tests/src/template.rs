//! Published files; those that are no figures of a dataset, and serve as controls, in the common
//! template.

use std::{collections::BTreeMap, env, io::Write as _, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::binaries::workspace;

/// Folder of published files as they were downloaded, for those who keep them: `FIGURES_DIR`,
/// else `../shared/data` beside the workspace. They are too large to ship.
///
/// `name` is the file's path in it. None when it is absent, and a line says so.
#[must_use]
pub fn published(name: &str) -> Option<PathBuf> {
    let folder = env::var_os("FIGURES_DIR")
        .map_or_else(|| workspace().join("../shared/data"), PathBuf::from);
    let file = folder.join(name);
    if !file.is_file() {
        not_tried(&format!("the published file {name} is not here (FIGURES_DIR)"));
        return None;
    }
    Some(file)
}

/// Says that something could not be tried here, past the test runner's capture of output, so
/// that it can be counted.
pub fn not_tried(what: &str) {
    // Nobody listening is no reason to fail.
    let _ = writeln!(std::io::stdout(), "\nnot tried: {what}");
}

/// A file of the demonstration: `mia/TRAFFICKING.csv`.
///
/// # Errors
/// When it cannot be read.
pub fn demonstration(name: &str) -> Result<String> {
    let file = workspace().join("deploy/demo/data").join(name);
    std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))
}

fn head(dimensions: &str) -> String {
    format!(
        "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,REF_AREA,INDICATOR,{dimensions},UNIT_MEASURE,\
         TIME_PERIOD,OBS_VALUE,OBS_STATUS\n"
    )
}

fn observation(text: &mut String, dataset: &str, codes: &str, period: &str, value: &str) {
    *text += &format!("dataflow,BIRGE:{dataset}(1.0.0),A,A,{codes},PS,{period},{value},A\n");
}

fn rows(text: &str) -> Result<Vec<BTreeMap<String, String>>> {
    Ok(csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>()?)
}

/// The population of Kyrgyzstan by sex and age band, from World Population Prospects: a
/// control, for men and women give both in every cell. In half persons, as halves occur (and
/// noise beyond the tenth digit, which is rounded away).
///
/// # Errors
/// When a column is missing or a count is no number.
pub fn population(published: &str) -> Result<String> {
    let mut text = head("SEX,AGE,COUNTRY_BIRTH");
    for row in rows(published)?.iter().filter(|row| row["locationId"] == "417") {
        let Ok(last) = row["ageEnd"].parse::<u8>() else { continue };
        if last >= 80 {
            continue; // the code list closes with the open band from 80
        }
        let sex = match row["sexId"].as_str() {
            "Female" => "F",
            "Male" => "M",
            _ => "_T",
        };
        let codes = format!("KG,MIG_STOCK,{sex},Y{}T{last},_T", row["ageStart"]);
        let halves = (row["population"].parse::<f64>()? * 2.0).round();
        observation(&mut text, "MIG_STOCK", &codes, &row["year"], &halves.to_string());
    }
    Ok(text)
}

/// Referrals of victims by sex and age, from the British statistics: a control, for they add
/// up everywhere. Each table (one responder, one kind of exploitation) goes in as a year of
/// its own, as the dataset has no such dimensions; totals that are not split at all stay out.
///
/// # Errors
/// When a column is missing or a code is not known.
pub fn referrals(published: &str) -> Result<String> {
    let mut tables: BTreeMap<(String, String), Referrals> = BTreeMap::new();
    for row in rows(published)?.into_iter().filter(|row| row["Nationality"] == "Total") {
        let table = (row["First responder"].clone(), row["Exploitation type"].clone());
        let ages = tables.entry(table).or_default();
        let cells = ages.entry(row["Age at exploitation"].clone()).or_default();
        cells.push((row["Gender"].clone(), row["People"].clone()));
    }
    let mut text = head("SEX,AGE,CITIZENSHIP");
    for (year, ages) in (1900..).zip(tables.values()) {
        for (age, cells) in ages.iter().filter(|(_, cells)| cells.len() > 1) {
            for (sex, count) in cells {
                let codes = format!("KG,VC_HTF_DETV,{},{},_T", british(sex)?, british(age)?);
                observation(&mut text, "TRAFFICKING", &codes, &year.to_string(), count);
            }
        }
    }
    Ok(text)
}

/// Sexes and counts by age.
type Referrals = BTreeMap<String, Vec<(String, String)>>;

/// The code of a British label of sex or age.
fn british(label: &str) -> Result<&'static str> {
    Ok(match label {
        "Total" => "_T",
        "Female" => "F",
        "Male" => "M",
        "Other" => "_O",
        "Unknown" | "Not specified or unknown" => "_U",
        "Child (17 or under)" => "Y0T17",
        "Adult (18 or over)" => "Y_GE18",
        other => bail!("no code for {other}"),
    })
}
