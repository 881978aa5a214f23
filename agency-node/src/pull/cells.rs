//! Rows of a database as lines of CSV, in pieces, so that no more than one lies in memory.

use std::collections::BTreeSet;

use birge_proto::limits;
use csv::Writer;

use crate::output::Failure;

/// Bytes from which on a piece is handed on.
const PIECE: usize = 64 << 10;

/// Rows on their way to lines of CSV.
pub(super) struct Cells {
    lines: Writer<Vec<u8>>,
    rows: u64,
    most: u64,
}

impl Cells {
    /// The header of a table of these columns, of which at most so many rows are taken.
    ///
    /// # Errors
    /// When no table can have it.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>, most: u64) -> Result<Self, Failure> {
        let names: Vec<_> = names.collect();
        let mut seen = BTreeSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(name.trim())) {
            return Err(Failure::Wrong(format!(
                "the query gives two columns named {twice:?}\nnext: name them apart with AS"
            )));
        }
        if names.is_empty() || names.len() > limits::COLUMNS {
            return Err(Failure::Wrong(format!(
                "the query gives {} columns, expected 1 to {}\nnext: ask with SELECT, and for \
                 what the mapping explains alone",
                names.len(),
                limits::COLUMNS
            )));
        }
        let mut cells = Self { lines: Writer::from_writer(Vec::new()), rows: 0, most };
        cells.lines.write_record(&names).map_err(anyhow::Error::from)?;
        Ok(cells)
    }

    /// Takes a row; a piece, where one is full.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn row<'a>(
        &mut self,
        cells: impl Iterator<Item = Option<&'a str>>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        self.rows += 1;
        if self.rows > self.most {
            return Err(Failure::Wrong(format!(
                "the query gives more than {} rows\nnext: let it count rather than list, or raise \
                 max_rows of the source in node.toml",
                self.most
            )));
        }
        let cells = cells.map(Option::unwrap_or_default);
        self.lines.write_record(cells).map_err(anyhow::Error::from)?;
        Ok((self.lines.get_ref().len() >= PIECE).then(|| self.rest()).transpose()?)
    }

    /// What was not handed on yet.
    ///
    /// # Errors
    /// None that memory gives.
    pub(super) fn rest(&mut self) -> Result<Vec<u8>, anyhow::Error> {
        let fresh = Writer::from_writer(Vec::with_capacity(PIECE + (PIECE >> 2)));
        let full = std::mem::replace(&mut self.lines, fresh);
        Ok(full.into_inner().map_err(|error| error.into_error())?)
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_lines_and_nothing_is_lost_between_pieces() {
        let mut cells = Cells::of(["sex", "n"].into_iter(), 100_000).unwrap();
        let (mut text, mut pieces) = (vec![], 0);
        for n in 0..20_000 {
            let (sex, n) = ("F,\"x\"\n", n.to_string());
            if let Some(piece) = cells.row([Some(sex), Some(n.as_str())].into_iter()).unwrap() {
                assert!(piece.len() < 2 * PIECE);
                text.extend(piece);
                pieces += 1;
            }
        }
        cells.row([None, Some("1")].into_iter()).unwrap();
        text.extend(cells.rest().unwrap());
        assert!(pieces > 2);
        let mut read = csv::Reader::from_reader(&text[..]);
        let records: Vec<_> = read.records().map(Result::unwrap).collect();
        assert_eq!((records.len(), cells.rows()), (20_001, 20_001));
        assert_eq!((&records[19_999][0], &records[19_999][1]), ("F,\"x\"\n", "19999"));
        assert_eq!(&records[20_000][0], "");
    }

    #[test]
    fn too_many_rows_and_two_columns_of_one_name_are_refused() {
        let mut cells = Cells::of(["n"].into_iter(), 1).unwrap();
        cells.row([Some("1")].into_iter()).unwrap();
        let failure = cells.row([Some("2")].into_iter()).unwrap_err();
        assert!(failure.to_string().contains("more than 1 rows"), "{failure}");
        for names in [vec!["n", "n "], vec![]] {
            assert!(Cells::of(names.into_iter(), 1).is_err());
        }
    }
}
