//! Tables made of rows of other tables.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::structure::Structure;

use super::{Bitmap, Codes, Table, Texts};

impl Table {
    /// The table of these rows, each given as the table it stands in and its place there, in
    /// this order. All tables are of one structure.
    pub(crate) fn gather(
        structure: &Arc<Structure>,
        sources: &[&Self],
        rows: &[(u8, u32)],
    ) -> Self {
        let row = |(source, row): &(u8, u32)| (sources[usize::from(*source)], *row as usize);
        let codes = (0..structure.coded().count()).map(|dimension| {
            Codes::new(rows.iter().map(row).map(|(table, at)| table.code(dimension, at)).collect())
        });
        let periods: BTreeSet<&str> =
            rows.iter().map(row).map(|(table, at)| table.period(at)).collect();
        let position = |period: &str| {
            let before = periods.range(..period).count();
            u16::try_from(before).unwrap_or(u16::MAX)
        };
        let positions: Vec<Vec<u16>> = sources
            .iter()
            .map(|table| table.periods.iter().map(|period| position(period)).collect())
            .collect();
        let period = rows.iter().map(|(source, at)| {
            let source = usize::from(*source);
            positions[source][usize::from(sources[source].period.at(*at as usize))]
        });
        let ids: BTreeSet<&String> = sources.iter().flat_map(|t| t.attributes.keys()).collect();
        let attributes = ids.into_iter().filter_map(|id| {
            let texts = gather_texts(sources, rows, id);
            (!texts.is_blank()).then(|| (id.clone(), Arc::new(texts)))
        });
        Self {
            codes: codes.collect(),
            period: Codes::new(period.collect()),
            values: rows.iter().map(row).map(|(table, at)| table.values[at]).collect(),
            present: rows
                .iter()
                .map(row)
                .map(|(table, at)| table.present.at(at))
                .collect::<Bitmap>(),
            attributes: Arc::new(attributes.collect()),
            periods: periods.iter().map(|period| (*period).to_owned()).collect(),
            structure: structure.clone(),
        }
    }
}

fn gather_texts(sources: &[&Table], rows: &[(u8, u32)], id: &str) -> Texts {
    let mut dictionary: Vec<Arc<str>> = vec![];
    let mut entries: HashMap<Arc<str>, u32> = HashMap::new();
    let mut intern = |text: Arc<str>| {
        *entries.entry(text.clone()).or_insert_with(|| {
            dictionary.push(text);
            dictionary.len() as u32 - 1
        })
    };
    let columns: Vec<_> = sources.iter().map(|table| table.attributes.get(id)).collect();
    let mut known: Vec<Vec<Option<u32>>> = columns
        .iter()
        .map(|texts| vec![None; texts.map_or(1, |texts| texts.dictionary().len())])
        .collect();
    let index = rows.iter().map(|(source, at)| {
        let source = usize::from(*source);
        let old = columns[source].map_or(0, |texts| texts.entry(*at as usize)) as usize;
        *known[source][old].get_or_insert_with(|| {
            intern(
                columns[source].map_or_else(|| "".into(), |texts| texts.dictionary()[old].clone()),
            )
        })
    });
    let index = index.collect();
    if dictionary.is_empty() {
        dictionary.push("".into());
    }
    Texts::new(dictionary, index)
}
