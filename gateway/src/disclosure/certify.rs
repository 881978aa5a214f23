//! The proof that a pattern is safe, checked. What finds the witnesses is involved and solves
//! programmes in floating point; what checks them is a page of whole numbers, and nothing is
//! given out that did not pass here.

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
    let hidden = |cell: u32| {
        let status = table.cell(cell).status;
        status == Status::Hidden || status == Status::Open && withheld[cell as usize]
    };
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
