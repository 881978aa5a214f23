//! Figures that are sums: rows of one key, totals that the source does not give, and what parts
//! leave of those that it does. A sum is made only where all of it is there.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use birge_schemas::{
    extent::spans,
    finding::{Code, Finding, Report},
    structure::{AttributeKind, Structure},
};

use super::{
    Measure, Part, Rest, Total, Unsplit,
    keys::{Key, Keys},
    lines::{Group, Lines, TOTAL},
    rows::Rows,
};

/// How many times what stands there a figure is, as a power of ten.
const UNIT_MULT: &str = "UNIT_MULT";

/// Which of several statuses a sum has: the first of these.
const STATUSES: [&str; 15] =
    ["B", "D", "E", "I", "P", "F", "U", "G", "J", "K", "W", "N", "S", "V", "A"];

/// What a rest must be more than, as a share of its total: less are the last digits of doubles.
const DUST: f64 = 1e-9;

/// The sums that a part asks for.
pub(super) struct Sums<'a> {
    structure: &'a Structure,
    part: &'a Part,
    rows: &'a mut Rows,
    /// Of the dimensions.
    keys: Keys,
    /// Totals that could not be made.
    not_made: Vec<Key>,
}

/// How many were made.
pub(super) struct Made {
    /// Rows that were added to others.
    pub(super) combined: u64,
    /// Totals and rests.
    pub(super) derived: u64,
}

impl<'a> Sums<'a> {
    /// # Errors
    /// When a sum is asked for along what is no dimension.
    pub(super) fn new(
        structure: &'a Structure,
        part: &'a Part,
        rows: &'a mut Rows,
    ) -> Result<Self, String> {
        let totals = part.totals.iter().flat_map(|total| &total.along);
        let rests = part.rests.iter().map(|rest| &rest.along);
        let unsplit = part.unsplit.iter().map(|unsplit| &unsplit.along);
        let mut asked = totals.chain(rests).chain(unsplit);
        let strange = |id: &&String| !structure.dimensions.iter().any(|own| own.id == **id);
        if let Some(id) = asked.find(strange) {
            return Err(format!("a sum along {id}, which is no dimension of {}", structure.id));
        }
        let distinct = matches!(part.value, Some(Measure::Distinct(_)));
        if distinct && !(part.totals.is_empty() && part.rests.is_empty()) {
            let why = "persons in several categories would be counted more than once";
            return Err(format!("sums of persons: {why}; name the total as a margin"));
        }
        // What sums are called must have its place in the dictionaries before keys are made.
        for id in part.totals.iter().flat_map(|total| &total.along) {
            if let Some(column) = rows.column(id) {
                rows.entry_of(column, TOTAL);
            }
        }
        for Rest { along, code, .. } in &part.rests {
            if let Some(column) = rows.column(along) {
                rows.entry_of(column, code);
            }
        }
        let dimensions = structure.dimensions.iter();
        let columns: Vec<usize> = dimensions.filter_map(|own| rows.column(&own.id)).collect();
        let keys = Keys::new(rows, columns.into_iter())?;
        Ok(Self { structure, part, rows, keys, not_made: vec![] })
    }

    /// Makes them.
    pub(super) fn make(mut self, report: &mut Report) -> Made {
        let part = self.part;
        let combine = part.combine == Some(true) || part.counts();
        if combine || !part.totals.is_empty() || !part.rests.is_empty() {
            self.level();
        }
        let combined = if combine { self.combine() } else { 0 };
        let before = self.rows.count();
        self.totals(&part.totals, report);
        part.rests.iter().for_each(|rest| self.rest(rest));
        part.unsplit.iter().for_each(|unsplit| self.unsplit(unsplit));
        Made { combined, derived: (self.rows.count() - before) as u64 }
    }

    /// Brings figures of different units to one, so that they can be added up.
    fn level(&mut self) {
        let Some(column) = self.rows.column(UNIT_MULT) else { return };
        let power = |text: &str| text.parse::<i32>().unwrap_or_default();
        let rows = 0..self.rows.count();
        let powers: Vec<i32> = rows.map(|row| power(self.rows.at(column, row))).collect();
        if powers.windows(2).all(|pair| pair[0] == pair[1]) {
            return;
        }
        for (row, power) in powers.into_iter().enumerate().filter(|(_, power)| *power != 0) {
            if let Some(value) = self.rows.value(row) {
                self.rows.set_value(row, Some(value * 10_f64.powi(power)));
            }
            self.rows.set(UNIT_MULT, row, "0");
        }
    }

    /// Adds up the rows of each key. A sum of which a part has no figure has none; what is no
    /// observation adds nothing.
    fn combine(&mut self) -> u64 {
        let mut first: HashMap<Key, usize> = HashMap::new();
        let mut kept = vec![];
        for row in 0..self.rows.count() {
            let key = self.keys.of(self.rows, row);
            let Some(&into) = first.get(&key) else {
                first.insert(key, row);
                kept.push(row);
                continue;
            };
            if self.rows.is_left_out(row) {
                continue;
            }
            let parts = if self.rows.is_left_out(into) { vec![row] } else { vec![into, row] };
            let values: Option<Vec<f64>> = parts.iter().map(|row| self.rows.value(*row)).collect();
            let attributes = self.attributes(&parts);
            self.rows.set_value(into, values.map(|values| values.iter().sum()));
            if let Some(text) = self.rows.unreadable.remove(&row) {
                self.rows.unreadable.entry(into).or_insert(text);
            }
            attributes.iter().for_each(|(id, text)| self.rows.set(id, into, text));
        }
        let gone = self.rows.count() - kept.len();
        if gone > 0 {
            self.rows.keep(&kept);
        }
        gone as u64
    }

    /// Adds the totals that are not given. Those that cannot be made are told, unless another way
    /// of adding up made them.
    fn totals(&mut self, totals: &[Total], report: &mut Report) {
        if totals.is_empty() {
            return;
        }
        let rows = 0..self.rows.count();
        let mut known: HashSet<Key> = rows.map(|row| self.keys.of(self.rows, row)).collect();
        let mut not_made: BTreeMap<Key, String> = BTreeMap::new();
        for total in totals {
            let along: Vec<usize> =
                total.along.iter().filter_map(|id| self.rows.column(id)).collect();
            if along.len() < total.along.len() {
                continue;
            }
            let entries = along.iter().map(|column| (*column, self.rows.entry_of(*column, TOTAL)));
            let entries: Vec<(usize, u32)> = entries.collect();
            let lines = Lines::of(self.rows, &self.keys, &along);
            let lines = lines.with_elsewhere(self.rows, &self.keys);
            for group in lines.groups.values().filter(|group| !group.parts.is_empty()) {
                let part = self.keys.of(self.rows, group.parts[0]);
                let key = self.keys.with(part, &entries);
                let has = |code: &String| {
                    group.parts.iter().any(|row| self.rows.at(along[0], *row) == code)
                };
                if known.contains(&key) || !total.of.iter().all(has) {
                    continue;
                }
                let values: Option<Vec<f64>> =
                    group.parts.iter().map(|row| self.rows.value(*row)).collect();
                let lacks = self
                    .overlap(&along, &group.parts)
                    .or_else(|| lines.lacks(self.rows, &self.keys, group));
                match (lacks, values) {
                    (None, Some(values)) => {
                        let mut texts = self.attributes(&group.parts);
                        texts.extend(total.along.iter().map(|id| (id.clone(), TOTAL.to_owned())));
                        texts.extend(total.with.clone());
                        self.push_like(group.parts[0], &texts, values.iter().sum());
                        known.insert(key);
                    }
                    (Some(why), _) => _ = not_made.insert(key, why),
                    (None, None) => _ = not_made.insert(key, "a part has no figure".to_owned()),
                }
            }
        }
        not_made.retain(|key, _| !known.contains(key));
        self.not_made.extend(not_made.keys().cloned());
        if let Some(why) = not_made.values().next() {
            let expected = "all parts of what is to be added up";
            let found =
                format!("{} totals that cannot be made; of the first {why}", not_made.len());
            report.push(Finding::new(Code::TotalNotMade, expected, found));
        }
    }

    /// Adds what the parts of totals leave of them, where that is more than nothing and there are
    /// parts that exclude each other, all with a figure.
    fn rest(&mut self, Rest { along, code, with }: &Rest) {
        let Some(column) = self.rows.column(along) else { return };
        let lines = Lines::of(self.rows, &self.keys, &[column]);
        // A part that could not be made is no part that is missing.
        let own = self.keys.mask(&[column]);
        let blocked: HashSet<Key> = self.not_made.iter().map(|key| key & !own).collect();
        for (key, Group { parts, whole, .. }) in lines.groups {
            if blocked.contains(&key) {
                continue;
            }
            let given = parts.iter().any(|row| self.rows.at(column, *row) == code);
            let values: Option<Vec<f64>> = parts.iter().map(|row| self.rows.value(*row)).collect();
            let total = whole.and_then(|row| Some((row, self.rows.value(row)?)));
            let Some(((row, total), values)) = total.zip(values) else { continue };
            let rest = total - values.iter().sum::<f64>();
            let is_one = rest > total.abs() * DUST && !given && !parts.is_empty();
            if is_one && self.overlap(&[column], &parts).is_none() {
                let mut texts = self.attributes(&parts);
                texts.extend(with.clone());
                texts.insert(along.clone(), code.clone());
                self.push_like(row, &texts, rest);
            }
        }
    }

    /// Says of totals along a dimension that have no parts what is to be said, where nothing is.
    fn unsplit(&mut self, Unsplit { along, with }: &Unsplit) {
        let Some(column) = self.rows.column(along) else { return };
        if !self.rows.has(column, TOTAL) {
            return;
        }
        let total = self.rows.entry_of(column, TOTAL);
        let others = self.keys.without(column);
        let (mut split, mut totals) = (others.set(), vec![]);
        for row in 0..self.rows.count() {
            if self.rows.entry(column, row) == total {
                totals.push(row);
            } else if !self.rows.is_left_out(row) {
                split.insert(others.of(self.rows, row));
            }
        }
        totals.retain(|row| !split.has(others.of(self.rows, *row)));
        let without = totals;
        for row in without {
            for (id, text) in with {
                if self.rows.text(id, row).is_empty() {
                    self.rows.set(id, row, text);
                }
            }
        }
    }

    fn push_like(&mut self, row: usize, texts: &BTreeMap<String, String>, value: f64) {
        let texts = texts.iter().map(|(id, text)| (id.as_str(), text.as_str()));
        self.rows.push_like(row, texts, value);
    }

    /// What the attributes of a sum of these rows are.
    fn attributes(&self, parts: &[usize]) -> BTreeMap<String, String> {
        let mut merged = BTreeMap::new();
        for attribute in &self.structure.attributes {
            let Some(column) = self.rows.column(&attribute.id) else { continue };
            let all = parts.iter().map(|row| self.rows.at(column, *row));
            let mut said: Vec<&str> = all.filter(|text| !text.is_empty()).collect();
            said.dedup();
            let text = match (attribute.id.as_str(), &attribute.kind, &said[..]) {
                (_, _, []) => continue,
                (_, _, [only]) => (*only).to_owned(),
                ("OBS_STATUS", ..) => self.status(column, parts),
                // What is confidential in a part is told by the sum beside the others.
                ("CONF_STATUS", _, [first, ..]) => {
                    let closed = said.iter().find(|status| **status != "F");
                    (*closed.unwrap_or(first)).to_owned()
                }
                (_, AttributeKind::Text(most), [first, ..]) => {
                    let mut seen = HashSet::new();
                    let texts = said.iter().flat_map(|text| text.split("; "));
                    let all: Vec<&str> = texts.filter(|text| seen.insert(*text)).collect();
                    let all = all.join("; ");
                    if all.chars().count() <= *most { all } else { (*first).to_owned() }
                }
                (_, _, [first, ..]) => (*first).to_owned(),
            };
            merged.insert(attribute.id.clone(), text);
        }
        merged
    }

    /// The status of a sum: where it has no figure that of a part that has none.
    fn status(&self, column: usize, parts: &[usize]) -> String {
        let missing = parts.iter().find(|row| self.rows.value(**row).is_none());
        if let Some(row) = missing {
            return self.rows.at(column, *row).to_owned();
        }
        let rank = |text: &str| STATUSES.iter().position(|each| *each == text);
        let all = parts.iter().map(|row| self.rows.at(column, *row));
        all.min_by_key(|text| rank(text).unwrap_or(STATUSES.len())).unwrap_or_default().to_owned()
    }

    /// Which codes of these rows have something in common, so that they cannot be added up.
    fn overlap(&self, along: &[usize], parts: &[usize]) -> Option<String> {
        along.iter().find_map(|column| {
            let dimension =
                self.structure.coded().find(|own| self.rows.column(&own.id) == Some(*column))?;
            let (coded, spans) = (dimension.codes()?, spans(dimension)?);
            let codes: BTreeSet<&str> =
                parts.iter().map(|row| self.rows.at(*column, *row)).collect();
            let mut taken = vec![];
            for code in codes {
                taken.extend(coded.list.position(code).map(|at| (spans[usize::from(at)], code)));
            }
            taken.sort_unstable();
            let pair = taken.windows(2).find(|pair| pair[0].0.meets(pair[1].0))?;
            Some(format!("{} and {} have something in common", pair[0].1, pair[1].1))
        })
    }
}
