//! What the exchanged figures mean.

pub mod detail;
