//! Rules 17 and 18 within a batch: how a series goes on from period to period. A figure that is
//! many times what it was is asked about, and women and men who changed places.

use super::{Shape, cells::Cells};
use crate::{
    finding::{Code, Finding, Report},
    key::KeyLayout,
    structure::Change,
    table::Key,
};

pub(super) fn check(shape: &Shape<'_>, cells: &Cells, report: &mut Report) {
    let Some(change) = shape.structure.rules.change else { return };
    if shape.periods.len() < 2 {
        return;
    }
    let mut sexes = Sexes::of(shape, cells);
    let mut before: Option<(Key, usize)> = None;
    for (key, row) in cells.iter() {
        let earlier = before.replace((key, row));
        let of_series =
            |(other, _): &(Key, usize)| KeyLayout::series(*other) == KeyLayout::series(key);
        let Some((earlier, at)) = earlier.filter(of_series) else { continue };
        let (Some(was), Some(is)) = (shape.raw.value(at), shape.raw.value(row)) else { continue };
        if sexes.as_mut().is_some_and(|sexes| sexes.swapped(change, earlier, key, was, is)) {
            report.add(Code::SexSwapped, || {
                let expected = format!("about {was}, as in row {}", at + 1);
                let found = format!("{is}, which is what the other sex was");
                shape.at(row, Finding::new(Code::SexSwapped, expected, found).column("SEX"))
            });
        } else if change.is_large(was, is) {
            report.add(Code::ChangeLarge, || {
                let expected = format!("{}, after {was} in row {}", change.expected(was), at + 1);
                let finding = Finding::new(Code::ChangeLarge, expected, is.to_string());
                shape.at(row, finding.column("OBS_VALUE"))
            });
        }
    }
}

/// Women and men of the same cells.
struct Sexes<'a> {
    shape: &'a Shape<'a>,
    place: usize,
    women: u16,
    men: u16,
    cursors: [super::cells::Cursor<'a>; 2],
}

impl<'a> Sexes<'a> {
    fn of(shape: &'a Shape<'_>, cells: &'a Cells) -> Option<Self> {
        let place = shape.structure.position("SEX")?;
        let list = &shape.structure.coded().nth(place)?.codes()?.list;
        let (women, men) = (list.position("F")?, list.position("M")?);
        Some(Self { shape, place, women, men, cursors: [cells.cursor(), cells.cursor()] })
    }

    /// Have the sexes changed places between two periods? Asked of women, for both.
    fn swapped(&mut self, change: Change, before: Key, now: Key, was: f64, is: f64) -> bool {
        let keys = &self.shape.structure.keys;
        if keys.code(now, self.place) != self.women {
            return false;
        }
        let mut men = |cursor: usize, key| {
            let row = self.cursors[cursor].find(keys.with(key, self.place, self.men))?;
            self.shape.raw.value(row)
        };
        let (Some(men_was), Some(men_are)) = (men(0, before), men(1, now)) else { return false };
        change.is_swapped([was, men_was], [is, men_are])
    }
}
