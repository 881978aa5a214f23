//! Test tables of disclosure control: the cells of the finest breakdown from a file, and all
//! margins of it.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use birge_gateway::disclosure::{Cells, Column, Span};
use birge_schemas::{
    attack::{Axis, Cell, Figure},
    detail::{Breakdown, Detail},
};
use roaring::RoaringBitmap;

/// The dimensions of these files, by the name of their column.
const DIMENSIONS: [(&str, Breakdown); 4] = [
    ("sex", Breakdown::Sex),
    ("age", Breakdown::Age),
    ("region", Breakdown::Region),
    ("cit", Breakdown::Citizenship),
];

/// A table with all its margins.
#[derive(Debug)]
pub struct Instance {
    details: Vec<Detail>,
    codes: Vec<Vec<u16>>,
    spans: Vec<Vec<Span>>,
    /// The codes in words: the total is `_T`.
    names: Vec<Vec<String>>,
    counts: Vec<Option<f64>>,
}

/// The codes of one dimension.
#[derive(Default)]
struct Dimension {
    /// The total first, then each group and behind it what is in it.
    names: Vec<String>,
    spans: Vec<Span>,
    /// Of each finest code: itself, its group if it has one, and the total.
    above: BTreeMap<String, Vec<u16>>,
}

impl Dimension {
    fn new(rows: &[BTreeMap<String, String>], column: &str) -> Result<Self> {
        let mut groups: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
        for row in rows {
            let group = row.get(&format!("{column}_g")).map(String::as_str);
            let code = row.get(column).with_context(|| format!("no column {column}"))?;
            groups.entry(group).or_default().push(code);
        }
        let mut dimension = Self::default();
        dimension.add("_T", Span { from: 0, to: u32::MAX });
        let mut place = 1;
        for (group, mut codes) in groups {
            codes.sort_unstable();
            codes.dedup();
            let above = group.map(|group| {
                let to = place + 1 + codes.len() as u32;
                dimension.add(group, Span { from: place, to })
            });
            place += 1;
            for code in codes {
                let own = dimension.add(code, Span { from: place, to: place + 1 });
                place += 1;
                let chain = [Some(own), above, Some(0)].into_iter().flatten().collect();
                dimension.above.insert(code.to_owned(), chain);
            }
        }
        Ok(dimension)
    }

    fn add(&mut self, name: &str, span: Span) -> u16 {
        self.names.push(name.to_owned());
        self.spans.push(span);
        self.names.len() as u16 - 1
    }
}

impl Instance {
    /// Reads a file of these columns and `freq`; one that ends in `.zst` is unpacked by `zstd`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = if path.extension().is_some_and(|extension| extension == "zst") {
            let unpacked = Command::new("zstd").arg("-dc").arg(path).output()?;
            if !unpacked.status.success() {
                bail!("zstd cannot unpack {}", path.display());
            }
            String::from_utf8(unpacked.stdout)?
        } else {
            fs::read_to_string(path)?
        };
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<BTreeMap<String, String>> =
            reader.deserialize().collect::<Result<_, _>>().context("reading rows")?;
        Self::with_margins(&rows)
    }

    fn with_margins(rows: &[BTreeMap<String, String>]) -> Result<Self> {
        let dimensions: Vec<_> = DIMENSIONS
            .iter()
            .map(|(column, _)| Dimension::new(rows, column))
            .collect::<Result<_>>()?;
        let mut counts: BTreeMap<Vec<u16>, u64> = BTreeMap::new();
        for row in rows {
            let count: u64 = row["freq"].parse()?;
            let chains = dimensions.iter().zip(&DIMENSIONS);
            let margins = chains.fold(vec![vec![]], |margins, (dimension, (column, _))| {
                let above = &dimension.above[&row[*column]];
                let longer =
                    |codes: Vec<u16>| above.iter().map(move |code| [&codes[..], &[*code]].concat());
                margins.into_iter().flat_map(longer).collect()
            });
            for codes in margins {
                *counts.entry(codes).or_default() += count;
            }
        }
        let broken_down = |codes: &Vec<u16>| {
            let by = codes.iter().zip(&DIMENSIONS).filter(|(code, _)| **code != 0);
            by.map(|(_, (_, breakdown))| *breakdown).collect()
        };
        let column = |place: usize| counts.keys().map(|codes| codes[place]).collect();
        Ok(Self {
            details: counts.keys().map(broken_down).collect(),
            codes: (0..DIMENSIONS.len()).map(column).collect(),
            counts: counts.values().map(|count| Some(*count as f64)).collect(),
            names: dimensions.iter().map(|dimension| dimension.names.clone()).collect(),
            spans: dimensions.into_iter().map(|dimension| dimension.spans).collect(),
        })
    }

    /// As the disclosure control takes it.
    ///
    /// # Errors
    /// When the codes of a cell are too many.
    pub fn cells(&self) -> Result<Cells<'_>> {
        let columns = DIMENSIONS.iter().zip(self.codes.iter().zip(&self.spans));
        let columns: Vec<_> = columns
            .map(|((_, breakdown), (codes, spans))| Column {
                breakdown: Some(*breakdown),
                codes,
                spans: Some(spans),
            })
            .collect();
        Ok(Cells::new(&self.details, &columns, &self.counts, 0.0)?)
    }

    /// As an attacker sees it who has the counts that are not withheld; with those that are, if
    /// it is to be judged by them.
    #[must_use]
    pub fn seen(&self, withheld: &RoaringBitmap, judged: bool) -> (Vec<Axis>, Vec<Cell>) {
        let axes = self.spans.iter().map(|spans| Axis::new(&spans[1..])).collect();
        let cell = |row: u32| Cell {
            codes: self.codes.iter().map(|codes| codes[row as usize]).collect(),
            figure: match withheld.contains(row) {
                true => Figure::Withheld(judged.then(|| self.count(row))),
                false => Figure::Given(self.count(row)),
            },
        };
        (axes, (0..).take(self.counts.len()).map(cell).collect())
    }

    /// What is given out of it, a line per cell, without the counts of rows that are withheld.
    #[must_use]
    pub fn published(&self, withheld: &RoaringBitmap) -> String {
        let header = DIMENSIONS.map(|(column, _)| column).join(",") + ",freq\n";
        let count = |row: u32| match withheld.contains(row) {
            true => String::new(),
            false => self.count(row).to_string(),
        };
        let line = |row: u32| format!("{},{}\n", self.names(row).join(","), count(row));
        (0..).take(self.counts.len()).map(line).fold(header, |text, line| text + &line)
    }

    /// A cell's codes in words.
    #[must_use]
    pub fn names(&self, row: u32) -> Vec<&str> {
        let codes = self.codes.iter().map(|codes| usize::from(codes[row as usize]));
        codes.zip(&self.names).map(|(code, names)| names[code].as_str()).collect()
    }

    /// A cell's count.
    #[must_use]
    pub fn count(&self, row: u32) -> u64 {
        self.counts[row as usize].unwrap_or_default() as u64
    }
}
