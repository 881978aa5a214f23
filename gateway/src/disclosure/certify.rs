//! The proof that a pattern is safe, checked. What finds the witnesses is involved and solves
//! programmes in floating point; what checks them is a page of whole numbers, and no pattern that
//! was searched for is used that did not pass here.

use super::{
    movement::Move,
    table::{Status, Table},
};

/// Why a pattern is not proved safe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// A witness changes a cell that is given out.
    #[error("a witness changes cell {0}, which is given out")]
    GivenOut(u32),
    /// A witness takes a cell below what everybody knows of it.
    #[error("a witness takes cell {0} below its floor")]
    BelowFloor(u32),
    /// A witness does not keep a relation.
    #[error("a witness does not keep the sum of cell {0}")]
    Sum(u32),
    /// A cell is small and given out.
    #[error("cell {0} is small and given out")]
    Small(u32),
    /// The witnesses leave a cell unsafe.
    #[error("the witnesses do not make cell {0} safe")]
    Unsafe(u32),
}

/// Checks that by these witnesses no small cell of a table can be told.
///
/// # Errors
/// When they do not prove it.
pub fn certify(table: &Table, withheld: &[bool], witnesses: &[Move]) -> Result<(), Unproved> {
    let hidden = |cell: u32| table.cell(cell).status != Status::Given && withheld[cell as usize];
    let mut reach: Vec<_> = table.cells().iter().map(|cell| (cell.value, cell.value)).collect();
    for witness in witnesses {
        for &(cell, change) in witness.changes() {
            if !hidden(cell) {
                return Err(Unproved::GivenOut(cell));
            }
            let floor = table.smallness().floor;
            let count = table.cell(cell).value.checked_add_signed(change);
            let Some(count) = count.filter(|count| *count >= floor) else {
                return Err(Unproved::BelowFloor(cell));
            };
            let (least, greatest) = &mut reach[cell as usize];
            *least = count.min(*least);
            *greatest = count.max(*greatest);
            for relation in table.relations_of(cell) {
                let relation = table.relation(*relation);
                let change = |(cell, sign)| i128::from(witness.of(cell)) * i128::from(sign);
                if relation.cells().map(change).sum::<i128>() != 0 {
                    return Err(Unproved::Sum(relation.total));
                }
            }
        }
    }
    for cell in table.numbers().filter(|cell| table.is_small(*cell)) {
        let (least, greatest) = reach[cell as usize];
        if !hidden(cell) {
            return Err(Unproved::Small(cell));
        }
        if !table.smallness().safe(least, greatest) {
            return Err(Unproved::Unsafe(cell));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{
        super::table::{AXES, Cell, Relation, Smallness},
        *,
    };

    const SMALLNESS: Smallness = Smallness { threshold: 3, floor: 1, zero: false };

    /// A square with its margins: 0 1 | 2, 3 4 | 5, 6 7 | 8; the margins are the third of each.
    fn square(values: [u64; 4]) -> Table {
        let [a, b, c, d] = values;
        let values = [a, b, a + b, c, d, c + d, a + c, b + d, a + b + c + d];
        let cell = |(place, value): (u16, u64)| {
            let mut codes = [0; AXES];
            (codes[0], codes[1]) = ((place / 3 + 1) % 3, (place % 3 + 1) % 3);
            Cell { codes, figure: value, value, status: Status::Open, cost: 1.0 }
        };
        let cells = (0..).zip(values).map(cell).collect();
        let across = [0, 3, 6].map(|first| (0, [first, first + 1], first + 2));
        let down = [0, 1, 2].map(|first| (1, [first, first + 3], first + 6));
        let relations: BTreeSet<_> = across
            .into_iter()
            .chain(down)
            .map(|(axis, parts, total)| Relation { axis, total, parts: parts.into() })
            .collect();
        Table::new(cells, relations, SMALLNESS)
    }

    fn inner(withheld: &[u32]) -> Vec<bool> {
        (0..9).map(|cell| withheld.contains(&cell)).collect()
    }

    fn moving(changes: &[(u32, i64)]) -> Vec<Move> {
        vec![Move::new(changes.to_vec())]
    }

    const ROUND: [(u32, i64); 4] = [(0, 2), (1, -2), (3, -2), (4, 2)];

    #[test]
    fn what_witnesses_prove_is_proved() {
        let table = square([1, 9, 9, 9]);
        assert_eq!(certify(&table, &inner(&[0, 1, 3, 4]), &moving(&ROUND)), Ok(()));
    }

    #[test]
    fn what_they_do_not_prove_is_told() {
        let refused = |values, withheld: &[u32], changes: &[(u32, i64)]| {
            certify(&square(values), &inner(withheld), &moving(changes)).unwrap_err()
        };
        let all = [0, 1, 3, 4];
        assert_eq!(refused([1, 9, 9, 9], &[0, 1, 3], &ROUND), Unproved::GivenOut(4));
        assert_eq!(refused([1, 2, 9, 9], &all, &ROUND), Unproved::BelowFloor(1));
        let crooked = [(0, 2), (1, -2), (3, -2), (4, 1)];
        assert_eq!(refused([1, 9, 9, 9], &all, &crooked), Unproved::Sum(7));
        assert_eq!(refused([1, 9, 9, 9], &all, &[]), Unproved::Unsafe(0));
        let little = ROUND.map(|(cell, change)| (cell, change / 2));
        assert_eq!(refused([1, 9, 9, 9], &all, &little), Unproved::Unsafe(0));
        assert_eq!(refused([1, 9, 9, 9], &[], &[]), Unproved::Small(0));
    }
}
