//! Raw tables to the blocks that are signed and sent, and back. Blocks are encoded
//! `exchange.v1.Columns`; the bytes that were made here are the bytes that are digested, so
//! nothing rests on protobuf being canonical.

mod decode;
mod encode;

use birge_proto::limits;

pub use decode::from_blocks;
pub use encode::to_blocks;

/// Bytes of one text: the structure limits the characters, each of which takes up to four.
const TEXT_BYTES: usize = 4 * limits::STRING_BYTES;

/// Why a table is no blocks, or blocks are no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Over a limit.
    #[error("block {block}: {what} are {found}, at most {most} are allowed")]
    TooLarge {
        /// Which block, from 0.
        block: usize,
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// Not protobuf of this shape.
    #[error("block {block} does not parse as columns: {what}")]
    Malformed {
        /// Which block, from 0.
        block: usize,
        /// What the decoder said.
        what: String,
    },
    /// The parts of a block contradict one another.
    #[error("block {block}: {what}")]
    Inconsistent {
        /// Which block, from 0.
        block: usize,
        /// What does not match.
        what: String,
    },
    /// A value that is no number cannot be sent; the batch is invalid anyway.
    #[error("row {row} has a value that is no number")]
    Unreadable {
        /// The row, from 1.
        row: usize,
    },
}

impl WireError {
    /// The same of a block that so many others stand before.
    fn after(mut self, blocks: usize) -> Self {
        match &mut self {
            Self::TooLarge { block, .. }
            | Self::Malformed { block, .. }
            | Self::Inconsistent { block, .. } => *block += blocks,
            Self::Unreadable { .. } => {}
        }
        self
    }
}
