//! Tables for disclosure control: codes of some dimensions and counts, with the margins that they
//! have.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use birge_gateway::disclosure::{Cells, Column, Span};
use birge_schemas::{
    attack::{Alternative, Axis, Cell, Figure},
    detail::{Breakdown, Detail},
};
use roaring::RoaringBitmap;

/// The dimensions of the test tables, by the name of their column.
const DIMENSIONS: [(&str, Breakdown); 4] = [
    ("sex", Breakdown::Sex),
    ("age", Breakdown::Age),
    ("region", Breakdown::Region),
    ("cit", Breakdown::Citizenship),
];

/// The total of a dimension.
pub const TOTAL: &str = "_T";

/// A table of counts.
#[derive(Debug)]
pub struct Instance {
    dimensions: Vec<Dimension>,
    details: Vec<Detail>,
    /// By dimension: the code of each row.
    codes: Vec<Vec<u16>>,
    counts: Vec<Option<f64>>,
    rounding: f64,
}

/// The codes of one dimension.
#[derive(Debug)]
struct Dimension {
    name: &'static str,
    breakdown: Breakdown,
    /// The total first, then each group and behind it what is in it.
    names: Vec<String>,
    spans: Vec<Span>,
    /// What each code is in.
    above: Vec<Option<u16>>,
}

impl Dimension {
    /// Of these codes, each with its group if it is in one.
    fn new<'a>(
        (name, breakdown): (&'static str, Breakdown),
        codes: impl Iterator<Item = (Option<&'a str>, &'a str)>,
    ) -> Self {
        let mut groups: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
        for (group, code) in codes.filter(|(_, code)| *code != TOTAL) {
            groups.entry(group).or_default().push(code);
        }
        let mut own = Self { name, breakdown, names: vec![], spans: vec![], above: vec![] };
        own.add(TOTAL, Span { from: 0, to: u32::MAX }, None);
        let mut place = 1;
        for (group, mut codes) in groups {
            codes.sort_unstable();
            codes.dedup();
            let above = group.map_or(0, |group| {
                let to = place + 1 + codes.len() as u32;
                own.add(group, Span { from: place, to }, Some(0))
            });
            place += 1;
            for code in codes {
                own.add(code, Span { from: place, to: place + 1 }, Some(above));
                place += 1;
            }
        }
        own
    }

    fn add(&mut self, name: &str, span: Span, above: Option<u16>) -> u16 {
        self.names.push(name.to_owned());
        self.spans.push(span);
        self.above.push(above);
        self.names.len() as u16 - 1
    }

    fn places(&self) -> BTreeMap<&str, u16> {
        (0..).zip(&self.names).map(|(place, name)| (name.as_str(), place)).collect()
    }

    /// A code and those that it is in, up to the total.
    fn chain(&self, code: u16) -> impl Iterator<Item = u16> {
        std::iter::successors(Some(code), |code| self.above[usize::from(*code)])
    }
}

impl Instance {
    /// Reads a test table, the cells of its finest breakdown: columns of these dimensions, of the
    /// groups of their codes (`age_g`) and `freq`; all margins are made of it. A file that ends
    /// in `.zst` is unpacked by `zstd`.
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
        for (column, _) in DIMENSIONS {
            if rows.iter().any(|row| !row.contains_key(column)) {
                bail!("no column {column}");
            }
        }
        let dimension = |each: (&'static str, _)| {
            let code = move |row| {
                let row: &BTreeMap<String, String> = row;
                (row.get(&format!("{}_g", each.0)).map(String::as_str), row[each.0].as_str())
            };
            Dimension::new(each, rows.iter().map(code))
        };
        let dimensions: Vec<_> = DIMENSIONS.into_iter().map(dimension).collect();
        let places: Vec<_> = dimensions.iter().map(Dimension::places).collect();
        let mut counts: BTreeMap<Vec<u16>, u64> = BTreeMap::new();
        for row in &rows {
            let count: u64 = row["freq"].parse()?;
            let codes = dimensions.iter().zip(&places);
            let margins = codes.fold(vec![vec![]], |margins, (dimension, places)| {
                let code = places[row[dimension.name].as_str()];
                let longer = |codes: Vec<u16>| {
                    dimension.chain(code).map(move |code| [&codes[..], &[code]].concat())
                };
                margins.into_iter().flat_map(longer).collect()
            });
            for codes in margins {
                *counts.entry(codes).or_default() += count;
            }
        }
        Ok(Self::new(dimensions, &counts, 0.0))
    }

    /// A table as it is, with the margins that it has: of each row the codes along these
    /// dimensions, none of which is within another, and the count, which was rounded to a
    /// multiple of `rounding` unless that is 0.
    ///
    /// # Errors
    /// When two rows have the same codes.
    pub fn of(
        dimensions: &[(&'static str, Breakdown)],
        rows: &[(Vec<String>, u64)],
        rounding: f64,
    ) -> Result<Self> {
        let dimensions: Vec<_> = (0..)
            .zip(dimensions)
            .map(|(at, each): (usize, _)| {
                Dimension::new(*each, rows.iter().map(|(codes, _)| (None, codes[at].as_str())))
            })
            .collect();
        let places: Vec<_> = dimensions.iter().map(Dimension::places).collect();
        let mut counts = BTreeMap::new();
        for (codes, count) in rows {
            let places = codes.iter().zip(&places).map(|(code, places)| places[code.as_str()]);
            if counts.insert(places.collect(), *count).is_some() {
                bail!("two rows have the codes {codes:?}");
            }
        }
        Ok(Self::new(dimensions, &counts, rounding))
    }

    fn new(dimensions: Vec<Dimension>, counts: &BTreeMap<Vec<u16>, u64>, rounding: f64) -> Self {
        let broken_down = |codes: &Vec<u16>| {
            let by = codes.iter().zip(&dimensions).filter(|(code, _)| **code != 0);
            by.map(|(_, dimension)| dimension.breakdown).collect()
        };
        let column = |place: usize| counts.keys().map(|codes| codes[place]).collect();
        Self {
            details: counts.keys().map(broken_down).collect(),
            codes: (0..dimensions.len()).map(column).collect(),
            counts: counts.values().map(|count| Some(*count as f64)).collect(),
            dimensions,
            rounding,
        }
    }

    /// As the disclosure control takes it.
    ///
    /// # Errors
    /// When the codes of a cell are too many.
    pub fn cells(&self) -> Result<Cells<'_>> {
        let columns = self.dimensions.iter().zip(&self.codes);
        let columns: Vec<_> = columns
            .map(|(dimension, codes)| Column {
                breakdown: Some(dimension.breakdown),
                codes,
                spans: Some(&dimension.spans),
            })
            .collect();
        Ok(Cells::new(&self.details, &columns, &self.counts, self.rounding)?)
    }

    /// As an attacker sees it who has the counts that are not withheld; with those that are, if
    /// it is to be judged by them.
    #[must_use]
    pub fn seen(&self, withheld: &RoaringBitmap, judged: bool) -> (Vec<Axis>, Vec<Cell>) {
        let axes = self.dimensions.iter().map(|dimension| Axis::new(&dimension.spans[1..]));
        let cell = |row: u32| Cell {
            codes: self.codes.iter().map(|codes| codes[row as usize]).collect(),
            figure: match withheld.contains(row) {
                true => Figure::Withheld(judged.then(|| self.count(row))),
                false => Figure::Given(self.count(row)),
            },
        };
        (axes.collect(), self.rows().map(cell).collect())
    }

    /// What is given out of it: a CSV of its codes and counts, without those that are withheld, and
    /// with the dimensions along which the parts of a total are all of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn published(&self, withheld: &RoaringBitmap) -> Result<String> {
        let mut sums: BTreeMap<(usize, Vec<u16>), u64> = BTreeMap::new();
        for row in self.rows() {
            for (at, dimension) in self.dimensions.iter().enumerate() {
                let mut total = self.key(row);
                if let Some(above) = dimension.above[usize::from(total[at])] {
                    total[at] = above;
                    *sums.entry((at, total)).or_default() += self.count(row);
                }
            }
        }
        let complete = |row: u32| -> Vec<&str> {
            let is_all = |at: usize| sums.get(&(at, self.key(row))) == Some(&self.count(row));
            let dimensions = self.dimensions.iter().enumerate();
            dimensions.filter(|(at, _)| is_all(*at)).map(|(_, dimension)| dimension.name).collect()
        };
        self.csv(&["OBS_VALUE", "COMPLETE"], self.rows(), |row| {
            let hidden = withheld.contains(row);
            let count = if hidden { String::new() } else { self.count(row).to_string() };
            vec![count, complete(row).join(";")]
        })
    }

    /// The cells that no other is part of, as a CSV of codes and counts.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finest(&self) -> Result<String> {
        let finest = self.rows().filter(|row| self.is_finest(*row));
        self.csv(&["OBS_VALUE"], finest, |row| vec![self.count(row).to_string()])
    }

    /// By what other populations differ from this one in the finest cells: a CSV of codes, changes
    /// and the number of the population.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn others(&self, alternatives: &[Alternative]) -> Result<String> {
        let changes = (0_u32..).zip(alternatives).flat_map(|(number, changes)| {
            changes.iter().map(move |(_, row, change)| (number, *row as u32, *change))
        });
        let mut changes: Vec<_> = changes.filter(|(_, row, _)| self.is_finest(*row)).collect();
        let rows: Vec<u32> = changes.iter().map(|(_, row, _)| *row).collect();
        let mut changes = changes.drain(..);
        self.csv(&["change", "number"], rows.into_iter(), |_| {
            let change =
                changes.next().map(|(number, _, by)| vec![by.to_string(), number.to_string()]);
            change.unwrap_or_default()
        })
    }

    /// The codes of each dimension and what each is in, as a CSV.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn hierarchies(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(vec![]);
        writer.write_record(["dimension", "code", "above"])?;
        for Dimension { name, names, above, .. } in &self.dimensions {
            for (code, above) in names.iter().zip(above) {
                let above = above.map_or("", |above| names[usize::from(above)].as_str());
                writer.write_record([name, code.as_str(), above])?;
            }
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }

    fn csv(
        &self,
        columns: &[&str],
        rows: impl Iterator<Item = u32>,
        mut values: impl FnMut(u32) -> Vec<String>,
    ) -> Result<String> {
        let mut writer = csv::Writer::from_writer(vec![]);
        let names = self.dimensions.iter().map(|dimension| dimension.name);
        writer.write_record(names.chain(columns.iter().copied()))?;
        for row in rows {
            let codes = self.names(row).into_iter().map(str::to_owned);
            writer.write_record(codes.chain(values(row)))?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }

    fn key(&self, row: u32) -> Vec<u16> {
        self.codes.iter().map(|codes| codes[row as usize]).collect()
    }

    fn rows(&self) -> impl Iterator<Item = u32> {
        (0..).take(self.counts.len())
    }

    fn is_finest(&self, row: u32) -> bool {
        let mut codes = self.codes.iter().zip(&self.dimensions);
        codes.all(|(codes, dimension)| !dimension.above.contains(&Some(codes[row as usize])))
    }

    /// A cell's codes in words.
    #[must_use]
    pub fn names(&self, row: u32) -> Vec<&str> {
        let codes = self.codes.iter().zip(&self.dimensions);
        codes
            .map(|(codes, dimension)| dimension.names[usize::from(codes[row as usize])].as_str())
            .collect()
    }

    /// A cell's count.
    #[must_use]
    pub fn count(&self, row: u32) -> u64 {
        self.counts[row as usize].unwrap_or_default() as u64
    }

    /// What every count was rounded to a multiple of; 0 if it was not.
    #[must_use]
    pub fn rounding(&self) -> f64 {
        self.rounding
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Has it no cell?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}
