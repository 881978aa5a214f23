//! The log that outsiders can verify: its tree, and the texts and files it is published as.
//!
//! Pure functions over bytes, in the formats of C2SP, so that tools written elsewhere can check
//! what is written here. From the bottom up:
//!
//! | module | holds |
//! |---|---|
//! | [`hash`] | hashes of leaves and nodes (RFC 6962, section 2.1) |
//! | [`frontier`] | the right edge of a growing tree |
//! | [`proof`] | inclusion and consistency: made and verified |
//! | [`tile`] | paths of tiles and of bundles; which of them a tree has |
//! | [`bundle`] | entries in one file |
//! | [`reader`] | hashes of the tree, out of tiles |
//! | [`writer`] | tiles and bundles, out of entries |
//! | [`vkey`] | names of keys and their text form |
//! | [`note`] | signed notes |
//! | [`checkpoint`] | the signed head of the tree |
//! | [`cosignature`] | witnesses' timestamped signatures under a checkpoint |
//! | [`policy`] | which witnesses must have signed |
//! | [`witness`] | what a witness is asked, and how it decides |

pub mod bundle;
pub mod checkpoint;
pub mod cosignature;
pub mod frontier;
pub mod hash;
pub mod note;
pub mod policy;
pub mod proof;
pub mod reader;
pub mod tile;
pub mod vkey;
pub mod witness;
pub mod writer;

pub use hash::Hash;

#[cfg(test)]
pub(crate) mod oracles;
