//! Batches built by hand, sound or broken. It shares no code with the agency node, so that
//! the two check each other.

use std::{collections::BTreeSet, ops::Range};

use anyhow::{Context, Result};
use prost::Message;
use serde_json::Value;

use birge_proto::{
    clock::{Clock, SystemClock},
    envelope::{MANIFEST_TYPE, SigningKey},
    manifest::{Action, BatchId, Manifest, Salt},
    wire::{Column, Columns, End, SubmitHeader, SubmitRequest, submit_request::Part},
};

use crate::binaries::workspace;

/// A batch before it is signed. Every field may be spoilt.
#[derive(Debug, Clone)]
pub struct Batch {
    /// What will be signed.
    pub manifest: Manifest,
    /// Encoded `Columns`.
    pub blocks: Vec<Vec<u8>>,
}

impl Batch {
    /// The batch that a CSV text in the common template describes, handed in by `agency`.
    /// Blocks hold `block_rows` observations.
    ///
    /// # Errors
    /// When the text is not in the template.
    pub fn from_csv(agency: &str, text: &str, block_rows: usize) -> Result<Self> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        let rows = reader.records().collect::<Result<Vec<_>, _>>()?;
        let place = |name: &str| names.iter().position(|other| other == name);
        let at = |name: &str| place(name).with_context(|| format!("no column {name}"));
        let (structure, time, value) = (at("STRUCTURE_ID")?, at("TIME_PERIOD")?, at("OBS_VALUE")?);
        let first = rows.first().context("no observation")?;
        let (_, structure) = first[structure].split_once(':').context("BIRGE:ID(VERSION)")?;
        let (dataset, version) = structure.split_once('(').context("BIRGE:ID(VERSION)")?;
        let periods: BTreeSet<String> = rows.iter().map(|row| row[time].to_owned()).collect();
        let taken: Vec<usize> = (0..names.len())
            .filter(|column| {
                !["STRUCTURE", "STRUCTURE_ID", "ACTION", "OBS_VALUE"]
                    .contains(&names[*column].as_str())
            })
            .collect();
        let blocks: Vec<Vec<u8>> = rows
            .chunks(block_rows.max(1))
            .map(|rows| block(&names, &taken, value, rows).encode_to_vec())
            .collect();
        let manifest = Manifest {
            dataset: dataset.to_owned(),
            version: version.trim_end_matches(')').to_owned(),
            agency: agency.parse()?,
            periods: periods.into_iter().collect(),
            action: Action::Append,
            revises: None,
            reason: None,
            cause: None,
            removes: vec![],
            contact: "statistics office".to_owned(),
            approved_by: "head of statistics".to_owned(),
            prepared: SystemClock.now(),
            observations: rows.len() as u64,
            blocks: vec![],
            salt: Salt::generate()?,
        };
        Ok(Self { manifest, blocks })
    }

    /// Decodes a block, changes it, encodes it again.
    ///
    /// # Errors
    /// When there is no such block.
    pub fn change(&mut self, index: usize, change: impl FnOnce(&mut Columns)) -> Result<()> {
        let block = self.blocks.get_mut(index).context("no such block")?;
        let mut columns = Columns::decode(block.as_slice())?;
        change(&mut columns);
        *block = columns.encode_to_vec();
        Ok(())
    }

    /// Fills in the digests of the blocks and signs: header, blocks, end.
    ///
    /// # Errors
    /// When the manifest cannot be encoded.
    pub fn sign(&self, key: &SigningKey) -> Result<Signed> {
        let mut manifest = self.manifest.clone();
        manifest.blocks = self.blocks.iter().map(|block| BatchId::of(block)).collect();
        let bytes = manifest.to_bytes()?;
        let header = SubmitHeader {
            signature: key.sign(MANIFEST_TYPE, &bytes),
            key_id: key.verifying_key().id(),
            manifest: bytes,
            dry_run: false,
            preview: false,
            held: 0,
            consent: None,
            letter: None,
        };
        Ok(Signed { header, blocks: self.blocks.clone() })
    }
}

/// A signed batch. Every field may be spoilt.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Manifest, signature, key.
    pub header: SubmitHeader,
    /// The blocks as they go on the wire.
    pub blocks: Vec<Vec<u8>>,
}

impl Signed {
    /// The batch's name.
    #[must_use]
    pub fn id(&self) -> BatchId {
        BatchId::of(&self.header.manifest)
    }

    /// Bytes of all blocks.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.blocks.iter().map(|block| block.len() as u64).sum()
    }

    /// The whole stream.
    #[must_use]
    pub fn parts(&self) -> Vec<SubmitRequest> {
        let blocks = self.blocks.iter().map(|block| Part::Block(block.clone().into()));
        [Part::Header(self.header.clone())]
            .into_iter()
            .chain(blocks)
            .chain([Part::End(End {})])
            .map(|part| SubmitRequest { part: Some(part) })
            .collect()
    }
}

/// A sound `MIG_STOCK` batch of some `rows` observations, every one of its own year, age,
/// origin or sex, in blocks of `block_rows`.
///
/// # Errors
/// When more rows are asked for than the codes can tell apart: 32,000 a year.
pub fn large(years: Range<u16>, rows: usize, block_rows: usize) -> Result<Batch> {
    Batch::from_csv("NSC", &large_csv(years, rows)?, block_rows)
}

/// The observations of [`large`] as CSV.
///
/// # Errors
/// As [`large`].
pub fn large_csv(years: Range<u16>, rows: usize) -> Result<String> {
    let ages = codes("CL_AGE", |code| code.starts_with('Y'))?;
    let births = codes("CL_AREA", |code| code.len() == 2 && !code.starts_with('_'))?;
    let mut keys = years.flat_map(|year| {
        let pairs = ages.iter().flat_map(|age| births.iter().map(move |birth| (age, birth)));
        pairs.map(move |(age, birth)| (year, age, birth))
    });
    let mut text = String::from(
        "STRUCTURE_ID,FREQ,REF_AREA,INDICATOR,SEX,AGE,COUNTRY_BIRTH,UNIT_MEASURE,TIME_PERIOD,\
         OBS_VALUE,OBS_STATUS\n",
    );
    for group in 0..rows.div_ceil(3) {
        let (year, age, birth) = keys.next().context("too few codes for so many observations")?;
        let women = 100 + group % 1000;
        for (sex, value) in [("F", women), ("M", 50), ("_T", women + 50)] {
            text += &format!(
                "BIRGE:MIG_STOCK(1.0.0),A,KG,MIG_STOCK,{sex},{age},{birth},PS,{year},{value},A\n"
            );
        }
    }
    Ok(text)
}

/// [`large`] with a million observations.
///
/// # Errors
/// As [`large`].
pub fn million(block_rows: usize) -> Result<Batch> {
    large(1985..2025, 1_000_000, block_rows)
}

/// The codes of a code list that are wanted.
fn codes(list: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let file = workspace().join(format!("schemas/structures/codelists/{list}.json"));
    let message: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let codes = message["data"]["codelists"][0]["codes"].as_array().context("no codes")?;
    let ids = codes.iter().filter_map(|code| code["id"].as_str());
    Ok(ids.filter(|code| wanted(code)).map(str::to_owned).collect())
}

fn block(names: &[String], taken: &[usize], value: usize, rows: &[csv::StringRecord]) -> Columns {
    let columns = taken.iter().map(|column| {
        let mut dictionary: Vec<String> = Vec::new();
        let mut places = std::collections::HashMap::new();
        let index = rows.iter().map(|row| {
            *places.entry(row[*column].to_owned()).or_insert_with(|| {
                dictionary.push(row[*column].to_owned());
                dictionary.len() as u32 - 1
            })
        });
        let index = index.collect();
        Column { id: names[*column].clone(), dictionary, index }
    });
    let columns = columns.collect();
    let mut present = vec![0u8; rows.len().div_ceil(8)];
    let mut values = Vec::with_capacity(rows.len());
    for (row, record) in rows.iter().enumerate() {
        let number = record[value].parse::<f64>();
        present[row / 8] |= u8::from(number.is_ok()) << (row % 8);
        values.push(number.unwrap_or_default());
    }
    let complete = rows.iter().all(|row| row[value].parse::<f64>().is_ok());
    let present = if complete { vec![] } else { present };
    Columns { rows: rows.len() as u32, columns, values, present }
}
