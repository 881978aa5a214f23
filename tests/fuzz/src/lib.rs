//! What the fuzz targets share: keys, edits, and a tree of any size.
//!
//! Each file of `src/bin` is a target; `seeds/<target>`, where there is one, holds inputs to
//! begin with. A new target is a new file there.
//!
//! | module | holds |
//! |---|---|
//! | [`keys`] | keys that sign, and a stranger of the same name |
//! | [`edit`] | bytes changed at one place |
//! | [`tree`] | trees of any size that need no memory |

pub mod edit;
pub mod keys;
pub mod tree;
