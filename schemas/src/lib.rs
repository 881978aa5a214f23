//! What the exchanged figures mean.
//!
//! | module | holds |
//! |---|---|
//! | [`structure`] | the datasets: dimensions, attributes, rules, read from SDMX structure JSON |
//! | [`codelist`] | codes, their names by language, their parents |
//! | [`crosswalk`] | from a source's own codes and names to those of a list |
//! | [`period`] | reference periods and frequencies |
//! | [`detail`] | how finely a cell is broken down |
//! | [`extent`] | what the codes of a dimension take in |
//! | [`table`] | a batch as columns: raw as it came, and checked |
//! | [`wire`] | columns to signed blocks and back |
//! | [`validate`] | the rules, and the only way to a [`validate::ValidBatch`] |
//! | [`finding`] | what the rules find: stable codes, row, column, key |
//! | [`history`] | the rules that compare what comes with what was accepted before |
//! | [`mod@slice`] | all that stands of a dataset for one period, and how a batch changes it |
//! | [`attack`] | what can be inferred of withheld counts from what is given out |
//! | [`json_schema`] | the JSON Schema of a batch, generated from a structure |
//! | [`json_batch`] | the JSON door |
//! | [`mod@side_by_side`] | work on several things at once |
//! | [`guard`] | files that people write, guarded by their JSON Schema |

pub mod attack;
pub mod codelist;
mod context;
pub mod crosswalk;
pub mod decree;
pub mod detail;
pub mod extent;
pub mod finding;
pub mod guard;
pub mod history;
pub mod i18n;
pub mod json_batch;
pub mod json_schema;
mod key;
pub mod period;
mod rules;
pub mod side_by_side;
pub mod slice;
pub mod structure;
pub mod table;
pub mod validate;
pub mod wire;
pub mod witnesses;

#[cfg(test)]
mod testing;
