//! What a batch makes of what stands, and which of it may be given out. The pattern is
//! computed once, when the batch is accepted; it is a record and is never computed anew.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use birge_proto::{
    manifest::Manifest,
    record::{Counts, Protection},
    wire::Preview,
};
use birge_schemas::{
    detail::Breakdown,
    slice::{self, Applied, Conflict, Slice},
    structure::{Dimension, Structure},
    table::Table,
};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::{Held, Holding, attacked, cells};
use crate::{
    decree::Disclosure,
    disclosure::{METHOD, Pattern, ShapeError},
};

/// What the periods of a batch are after it.
#[derive(Debug)]
pub struct Merged {
    /// By period.
    pub slices: BTreeMap<String, Arc<Slice>>,
    /// What happened to observations.
    pub counts: Counts,
}

/// Applies a checked batch to what stands of its dataset.
///
/// # Errors
/// When the batch's action does not fit what stands.
pub fn merge(
    structure: &Arc<Structure>,
    holding: &Holding,
    manifest: &Manifest,
    table: &Table,
) -> Result<Merged, Conflict> {
    let mut handed_in = slice::split(table);
    let mut merged = Merged { slices: BTreeMap::new(), counts: Counts::default() };
    for period in &manifest.periods {
        let batch = handed_in.remove(period).unwrap_or_else(|| Slice::empty(structure, period));
        let current = holding.period(period).and_then(Held::current);
        let current = current.map(|version| version.slice.as_ref());
        let Applied { mut slice, counts, .. } =
            slice::apply(current, &batch, manifest.action, &manifest.removes)?;
        let before = merged.slices.values().rev().find(|slice| slice.rows() > 0);
        let beside = before.or_else(|| holding.beside(period).map(|version| &version.slice));
        let others = current.into_iter().chain(beside.map(Arc::as_ref));
        others.for_each(|other| slice.share(other));
        merged.counts.imported += counts.imported;
        merged.counts.updated += counts.updated;
        merged.counts.unchanged += counts.unchanged;
        merged.counts.deleted += counts.deleted;
        merged.counts.ignored += counts.ignored;
        merged.slices.insert(period.clone(), Arc::new(slice));
    }
    Ok(merged)
}

/// The pattern of a release: for each period the rows withheld, of its cells ascending by key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Method and version of the suppression.
    pub method: String,
    /// Cells in all periods.
    pub cells: u64,
    /// Cells withheld.
    pub withheld: u64,
    /// Serialised roaring bitmaps in base64, by period.
    pub(super) periods: BTreeMap<String, String>,
}

impl Release {
    /// Computes the pattern for the periods of a batch, and attacks it before anything of it is
    /// given out: where the attack finds something, all of its stratum is withheld.
    ///
    /// # Errors
    /// When the dataset has more dimensions than the control can tell apart.
    pub fn compute(
        holding: &Holding,
        merged: &Merged,
        rule: Disclosure,
    ) -> Result<(Self, Protection), ShapeError> {
        let mut release =
            Self { method: METHOD.to_owned(), cells: 0, withheld: 0, periods: BTreeMap::new() };
        let Disclosure { threshold, zeros_withheld, .. } = rule;
        let mut protection = Protection { threshold, zeros_withheld, ..Protection::default() };
        for (period, slice) in &merged.slices {
            let Pattern { withheld, cells, .. } =
                protected(holding, period, slice, rule, &mut protection)?;
            release.cells += cells;
            release.withheld += withheld.len();
            release.periods.insert(period.clone(), encode(&withheld));
        }
        Ok((release, protection))
    }

    /// The rows withheld of a period; none where the release does not speak of it.
    ///
    /// # Errors
    /// When the text is no bitmap.
    pub fn pattern(&self, period: &str) -> Result<Option<RoaringBitmap>, PatternError> {
        let Some(text) = self.periods.get(period) else { return Ok(None) };
        let bytes = STANDARD.decode(text).map_err(|_| PatternError(period.to_owned()))?;
        RoaringBitmap::deserialize_from(bytes.as_slice())
            .map(Some)
            .map_err(|_| PatternError(period.to_owned()))
    }
}

/// The pattern of a period, attacked.
fn protected(
    holding: &Holding,
    period: &str,
    slice: &Slice,
    rule: Disclosure,
    protection: &mut Protection,
) -> Result<Pattern, ShapeError> {
    let earlier = holding.period(period).into_iter().flat_map(Held::versions);
    let earlier: Vec<_> = earlier.map(|version| (&*version.slice, &*version.withheld)).collect();
    let pattern = cells::pattern(slice, earlier.iter().copied(), rule)?;
    Ok(attacked::close(slice, &earlier, pattern, rule, protection))
}

/// What would be withheld of a batch under `rule`; [`Preview::decreed`] is left to the caller.
///
/// # Errors
/// When the dataset has more dimensions than the control can tell apart.
pub fn preview(
    holding: &Holding,
    merged: &Merged,
    rule: Disclosure,
) -> Result<Preview, ShapeError> {
    let mut preview = Preview { threshold: rule.threshold, ..Preview::default() };
    for (period, slice) in &merged.slices {
        let Pattern { withheld, cells, small, .. } =
            protected(holding, period, slice, rule, &mut Protection::default())?;
        let counts = withheld.iter().filter_map(|row| slice.table().value(row as usize));
        preview.cells += cells;
        preview.small += small;
        preview.withheld += withheld.len();
        preview.count += counts.map(|count| count.max(0.0) as u64).sum::<u64>();
        let (only_women, only_men) = by_sex(slice, &withheld);
        preview.only_women += only_women;
        preview.only_men += only_men;
    }
    Ok(preview)
}

/// How often of two rows that differ by sex alone only that of women is withheld, and how often
/// only that of men.
fn by_sex(slice: &Slice, withheld: &RoaringBitmap) -> (u64, u64) {
    let table = slice.table();
    let structure = table.structure();
    let Some(place) = structure.position(Breakdown::Sex.dimension()) else { return (0, 0) };
    let list = structure.coded().nth(place).and_then(Dimension::codes);
    let sex = |id| list.and_then(|coded| coded.list.position(id));
    let mut pairs: BTreeMap<Vec<u16>, [Option<bool>; 2]> = BTreeMap::new();
    for row in 0..table.rows() {
        let code = Some(table.code(place, row));
        let Some(at) = [sex("F"), sex("M")].iter().position(|sex| *sex == code) else { continue };
        let others = (0..structure.coded().count()).filter(|each| *each != place);
        let key = others.map(|each| table.code(each, row)).collect();
        pairs.entry(key).or_default()[at] = Some(withheld.contains(row as u32));
    }
    let times = |pair| pairs.values().filter(|found| **found == pair).count() as u64;
    (times([Some(true), Some(false)]), times([Some(false), Some(true)]))
}

/// A pattern that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the release's pattern for {0} is no bitmap")]
pub struct PatternError(String);

fn encode(pattern: &RoaringBitmap) -> String {
    let mut bytes = Vec::with_capacity(pattern.serialized_size());
    // Writing to memory does not fail; were it to, the pattern would not be read back.
    drop(pattern.serialize_into(&mut bytes));
    STANDARD.encode(bytes)
}
