//! Published files, brought into the common template as a ministry would: with the defects
//! that they have.

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

/// How areas are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Areas {
    /// As the source has them: `KG02`.
    National,
    /// By ISO 3166-2: `KG-Y`.
    Iso,
}

/// The series of indicator 16.2.2 among the observations of the national statistics (a CSV
/// with a column `FILE`).
///
/// # Errors
/// When a column is missing.
pub fn trafficking(published: &str, areas: Areas) -> Result<String> {
    let mut text = head("SEX,AGE,CITIZENSHIP");
    for row in rows(published)?.iter().filter(|row| row["FILE"] == "16.2.2.xml") {
        let area = match areas {
            Areas::National => row["REF_AREA"].as_str(),
            Areas::Iso => oblast(&row["REF_AREA"]),
        };
        let [series, sex, age] = ["SERIES", "SEX", "AGE"].map(|column| &row[column]);
        let [period, value] = ["TIME_PERIOD", "OBS_VALUE"].map(|column| &row[column]);
        let codes = format!("{area},{series},{sex},{age},_T");
        observation(&mut text, "TRAFFICKING", &codes, period, value);
    }
    Ok(text)
}

/// What zeros for both sexes beside a total are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSplit {
    /// For zeros, as they stand.
    Zeros,
    /// For "not split".
    Absent,
}

/// Refugees and asylum seekers in Kyrgyzstan by origin and sex, from a release of UNHCR's
/// demographics: rows of one year, origin and status added up over places.
///
/// # Errors
/// When a column is missing, a count is no number, or an origin is not known.
pub fn refugees(published: &str, no_split: NoSplit) -> Result<String> {
    let mut sums: BTreeMap<(String, String, String), [u64; 3]> = BTreeMap::new();
    for row in rows(published)? {
        let status = row["pop_type"].clone();
        if row["coa_iso"] != "KGZ" || !["REF", "ASY"].contains(&status.as_str()) {
            continue;
        }
        let key = (row["year"].clone(), row["coo_iso"].clone(), status);
        let sum = sums.entry(key).or_default();
        for (place, column) in ["f_total", "m_total", "total"].iter().enumerate() {
            sum[place] += row[*column].parse::<u64>().with_context(|| (*column).to_owned())?;
        }
    }
    let mut text = head("SEX,AGE,CITIZENSHIP,MIG_STATUS");
    for ((period, origin, status), counts) in sums {
        let origin = citizenship(&origin)?;
        let split = no_split == NoSplit::Zeros || counts[0] + counts[1] > 0;
        for (sex, count) in ["F", "M", "_T"].iter().zip(counts) {
            if split || *sex == "_T" {
                let codes = format!("KG,REFUGEES,{sex},_T,{origin},{status}");
                observation(&mut text, "REFUGEES", &codes, &period, &count.to_string());
            }
        }
    }
    Ok(text)
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

/// The oblast or city of a national code.
fn oblast(code: &str) -> &str {
    match code {
        "KG02" => "KG-Y",
        "KG03" => "KG-J",
        "KG04" => "KG-N",
        "KG05" => "KG-B",
        "KG06" => "KG-O",
        "KG07" => "KG-T",
        "KG08" => "KG-C",
        "KG11" => "KG-GB",
        "KG21" => "KG-GO",
        other => other,
    }
}

/// The code of an origin, as far as they occur with Kyrgyzstan as the country of asylum.
fn citizenship(iso3: &str) -> Result<&'static str> {
    const ORIGINS: &[(&str, &str)] = &[
        ("AFG", "AF"),
        ("CHN", "CN"),
        ("ETH", "ET"),
        ("IND", "IN"),
        ("IRN", "IR"),
        ("IRQ", "IQ"),
        ("KAZ", "KZ"),
        ("KGZ", "KG"),
        ("LBN", "LB"),
        ("LKA", "LK"),
        ("PAK", "PK"),
        ("PHL", "PH"),
        ("PRK", "KP"),
        ("PSE", "PS"),
        ("RUS", "RU"),
        ("SYR", "SY"),
        ("TJK", "TJ"),
        ("TKM", "TM"),
        ("TUR", "TR"),
        ("UKR", "UA"),
        ("UNK", "_U"),
        ("UZB", "UZ"),
        ("VEN", "VE"),
        ("XXA", "STLS"),
        ("YEM", "YE"),
    ];
    let found = ORIGINS.iter().find(|(origin, _)| *origin == iso3);
    found.map(|(_, code)| *code).with_context(|| format!("no code for the origin {iso3}"))
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
