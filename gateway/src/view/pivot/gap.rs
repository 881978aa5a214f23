//! The gap between women and men, computed from what is given of both.

use super::{Cell, Column, Pivot, SEX, Value};

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Observations.
    Value,
    /// Women less men.
    Gap,
    /// Women for each hundred men.
    Ratio,
}

impl Pivot {
    /// Adds gap and ratio after each group of columns that has both women and men.
    pub(super) fn add_gaps(&mut self) {
        if self.across.last().is_none_or(|innermost| innermost != SEX) {
            return;
        }
        let mut columns: Vec<Column> = vec![];
        let mut from: Vec<Source> = vec![];
        let numbered: Vec<(usize, &Column)> = self.columns.iter().enumerate().collect();
        let outer = |column: &Column| column.codes[..column.codes.len() - 1].to_vec();
        for group in numbered.chunk_by(|(_, one), (_, other)| outer(one) == outer(other)) {
            for (place, column) in group {
                columns.push((*column).clone());
                from.push(Source::Own(*place));
            }
            let of = |sex: &str| {
                let found = group
                    .iter()
                    .find(|(_, column)| column.codes.last().is_some_and(|it| it == sex));
                found.map(|(place, _)| *place)
            };
            if let (Some(women), Some(men), Some((_, last))) = (of("F"), of("M"), group.last()) {
                for measure in [Measure::Gap, Measure::Ratio] {
                    columns.push(Column { measure, ..(*last).clone() });
                    from.push(Source::Computed(measure, women, men));
                }
            }
        }
        let rows = 0..self.rows.len();
        let cells = rows.flat_map(|row| {
            let placed = from.iter().enumerate();
            placed.map(move |(column, source)| ((row, column), source))
        });
        let own = |row, column| self.cells.get(&(row, column)).cloned().unwrap_or_default();
        let made = cells.map(|((row, column), source)| {
            let cell = match source {
                Source::Own(place) => own(row, *place),
                Source::Computed(measure, women, men) => Cell {
                    value: measure.of(own(row, *women).value, own(row, *men).value),
                    ..Cell::default()
                },
            };
            ((row, column), cell)
        });
        let made = made.filter(|(_, cell)| *cell != Cell::default()).collect();
        (self.cells, self.columns) = (made, columns);
    }
}

/// Where a column comes from.
enum Source {
    Own(usize),
    Computed(Measure, usize, usize),
}

impl Measure {
    /// Nothing is computed from what is not given.
    fn of(self, women: Value, men: Value) -> Value {
        let (Some(women), Some(men)) = (women.number(), men.number()) else { return Value::Absent };
        match self {
            Self::Ratio if men > 0.0 => Value::Given((1_000.0 * women / men).round() / 10.0),
            Self::Ratio => Value::Absent,
            Self::Gap | Self::Value => Value::Given(women - men),
        }
    }
}
