//! What is stored, or asked for, is not as it must be.

/// Says what is wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(pub String);
