//! How large anything that comes from outside may be.

/// Observations in one block of columns.
pub const BLOCK_ROWS: usize = 65_536;
/// Blocks in one batch: 1,024 × 65,536 is 67 million observations.
pub const BLOCKS: usize = 1_024;
/// Bytes of one block as encoded.
pub const BLOCK_BYTES: usize = 8 << 20;
/// Bytes of all blocks of one batch.
pub const BATCH_BYTES: usize = 1 << 30;
/// Observations times columns of one batch, as a table in memory.
pub const BATCH_CELLS: usize = 1 << 29;
/// Characters of a name in a manifest: a dataset, a version, a period.
pub const NAME_CHARS: usize = 64;
/// Characters of a text in a manifest: contact, officer, reason, a key.
pub const TEXT_CHARS: usize = 2_048;
/// Characters of the shortest password of an account (NIST SP 800-63B asks for 15 where nothing
/// else is asked, 8 where a second factor is).
pub const PASSWORD_CHARS: usize = 12;
/// Bytes of one gRPC message.
pub const MESSAGE_BYTES: usize = BLOCK_BYTES + (1 << 20);
/// Bytes of a manifest.
pub const MANIFEST_BYTES: usize = 1 << 20;
/// Bytes of a covering letter.
pub const LETTER_BYTES: usize = 1 << 18;
/// Columns of a block: dimensions and attributes.
pub const COLUMNS: usize = 64;
/// Bytes of one string in a column (a code or a comment).
pub const STRING_BYTES: usize = 1_024;
/// Reference periods that one batch may name.
pub const PERIODS: usize = 1_000;
/// Keys that a replacement may announce as removed.
pub const REMOVES: usize = 10_000;
/// Codes that one selection of a query may name.
pub const SELECTION_CODES: usize = 10_000;
/// Findings listed in a report; those beyond are counted.
pub const FINDINGS: usize = 1_000;
/// Bytes of a batch file that a node reads (CSV or JSON).
pub const FILE_BYTES: u64 = 4 << 30;
