//! Figures as people look at them: tables, charts, the way to a dataset by its words. Pure, and
//! made from protected cells alone.
//!
//! Order of reading: [`pivot`] lays cells out in rows and columns, [`chart`] draws such a table,
//! [`words`] writes numbers, moments and names in a language, [`search`] finds datasets.

pub mod chart;
pub mod pivot;
pub mod search;
pub mod words;
