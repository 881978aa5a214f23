//! Tables that statistical offices published, as tables for disclosure control: with their own
//! codes, and with no margin but those that they have.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use birge_schemas::detail::Breakdown;

use crate::instance::{Instance, TOTAL};

type Row = BTreeMap<String, String>;

fn rows(text: &str) -> Result<Vec<Row>> {
    Ok(csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>()?)
}

/// Tables by what tells them apart, made of rows: a name, codes and a count each.
fn tables(
    dimensions: &[(&'static str, Breakdown)],
    rows: impl Iterator<Item = Result<(String, Vec<String>, u64)>>,
    rounding: f64,
) -> Result<BTreeMap<String, Instance>> {
    let mut by_name: BTreeMap<String, Vec<(Vec<String>, u64)>> = BTreeMap::new();
    for row in rows {
        let (name, codes, count) = row?;
        by_name.entry(name).or_default().push((codes, count));
    }
    let tables = by_name.into_iter().map(|(name, rows)| {
        let table = Instance::of(dimensions, &rows, rounding).with_context(|| name.clone())?;
        Ok((name, table))
    });
    tables.collect()
}

fn count(row: &Row, column: &str) -> Result<u64> {
    row[column].parse().with_context(|| format!("{column} of {row:?}"))
}

/// Victims of trafficking in Kyrgyzstan, a table per year: by purpose, by region, by sex and by
/// age, apart from each other, which have only their totals in common (indicator 16.2.2 of the
/// National Statistical Committee).
///
/// # Errors
/// When the file is not as it is known to be.
pub fn trafficking(text: &str) -> Result<BTreeMap<String, Instance>> {
    const DIMENSIONS: [(&str, Breakdown); 4] = [
        ("SERIES", Breakdown::Reason),
        ("REF_AREA", Breakdown::Region),
        ("SEX", Breakdown::Sex),
        ("AGE", Breakdown::Age),
    ];
    let of_all = |code: &str| match code {
        "KG" | "VC_HTF_DETV" => TOTAL.to_owned(),
        code => code.to_owned(),
    };
    let rows = rows(text)?.into_iter().filter(|row| row["FILE"] == "16.2.2.xml");
    let rows = rows.map(|row| {
        let codes = DIMENSIONS.iter().map(|(name, _)| of_all(&row[*name])).collect();
        Ok((row["TIME_PERIOD"].clone(), codes, count(&row, "OBS_VALUE")?))
    });
    tables(&DIMENSIONS, rows, 0.0)
}

/// Referrals of potential victims in a quarter, a table for each government agency, with all
/// margins: nationality, gender, age and exploitation (National Referral Mechanism).
///
/// # Errors
/// When the file is not as it is known to be.
pub fn referrals(text: &str) -> Result<BTreeMap<String, Instance>> {
    const DIMENSIONS: [(&str, Breakdown); 4] = [
        ("Exploitation type", Breakdown::Reason),
        ("Age at exploitation", Breakdown::Age),
        ("Gender", Breakdown::Sex),
        ("Nationality", Breakdown::Citizenship),
    ];
    let of_all = |code: &str| if code == "Total" { TOTAL.to_owned() } else { code.to_owned() };
    let rows = rows(text)?.into_iter().map(|row| {
        let codes = DIMENSIONS.iter().map(|(name, _)| of_all(&row[*name])).collect();
        Ok((row["First responder"].clone(), codes, count(&row, "People")?))
    });
    tables(&DIMENSIONS, rows, 0.0)
}

/// Refugees by origin, place, sex and age, a table for each year and country of asylum (UNHCR
/// demographics); totals over origins, places and sexes are made here. Where the figures are not
/// split by sex they are not here, either.
///
/// # Errors
/// When the file is not as it is known to be.
pub fn refugees(text: &str) -> Result<BTreeMap<String, Instance>> {
    demographics(text, "REF")
}

/// As [`refugees`], of asylum seekers.
///
/// # Errors
/// When the file is not as it is known to be.
pub fn asylum_seekers(text: &str) -> Result<BTreeMap<String, Instance>> {
    demographics(text, "ASY")
}

fn demographics(text: &str, status: &str) -> Result<BTreeMap<String, Instance>> {
    const DIMENSIONS: [(&str, Breakdown); 4] = [
        ("citizenship", Breakdown::Citizenship),
        ("location", Breakdown::Region),
        ("sex", Breakdown::Sex),
        ("age", Breakdown::Age),
    ];
    const AGES: [(&str, &str); 7] = [
        ("0_4", "Y0T4"),
        ("5_11", "Y5T11"),
        ("12_17", "Y12T17"),
        ("18_59", "Y18T59"),
        ("60", "Y_GE60"),
        ("other", "_U"),
        ("total", TOTAL),
    ];
    let mut sums: BTreeMap<(String, Vec<String>), u64> = BTreeMap::new();
    for row in rows(text)?.into_iter().filter(|row| row["pop_type"] == status) {
        let name = format!("{} in {}, {status}", row["year"], row["coa_iso"]);
        let mut cells = vec![(TOTAL, TOTAL, count(&row, "total")?)];
        if count(&row, "f_total")? + count(&row, "m_total")? == count(&row, "total")? {
            for (column, age) in AGES {
                let women = count(&row, &format!("f_{column}"))?;
                let men = count(&row, &format!("m_{column}"))?;
                let both = (age != TOTAL).then_some((TOTAL, age, women + men));
                cells.extend([("F", age, women), ("M", age, men)].into_iter().chain(both));
            }
        }
        for (citizenship, location) in [
            (row["coo_iso"].as_str(), row["location"].as_str()),
            (TOTAL, row["location"].as_str()),
            (row["coo_iso"].as_str(), TOTAL),
            (TOTAL, TOTAL),
        ] {
            for (sex, age, count) in &cells {
                let codes = [citizenship, location, sex, age].map(str::to_owned).to_vec();
                *sums.entry((name.clone(), codes)).or_default() += count;
            }
        }
    }
    let rows = sums.into_iter().map(|((name, codes), count)| Ok((name, codes, count)));
    tables(&DIMENSIONS, rows, 0.0)
}

/// Asylum applicants by country, sex and age, a table for each year and citizenship, every count
/// rounded to 5 (Eurostat, `migr_asyappctza`). There is no total of the countries.
///
/// # Errors
/// When the file is not as it is known to be.
pub fn applicants(text: &str) -> Result<BTreeMap<String, Instance>> {
    const DIMENSIONS: [(&str, Breakdown); 3] =
        [("geo", Breakdown::Counterpart), ("sex", Breakdown::Sex), ("age", Breakdown::Age)];
    let code = |code: &str| match code {
        "T" | "TOTAL" => TOTAL.to_owned(),
        "UNK" => "_U".to_owned(),
        code => code.replace('-', "T"),
    };
    let rows = rows(text)?.into_iter().filter(|row| {
        row["asyl_app"] == "ASY_APP" && row["geo"].len() == 2 && row["age"] != "Y_LT18"
    });
    let rows = rows.map(|row| {
        let name = format!("{} of {}", row["TIME_PERIOD"], row["citizen"]);
        let codes = DIMENSIONS.iter().map(|(name, _)| code(&row[*name])).collect();
        Ok((name, codes, count(&row, "values")?))
    });
    tables(&DIMENSIONS, rows, 5.0)
}
