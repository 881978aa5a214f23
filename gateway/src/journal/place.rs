//! Where a group stands.

use std::{path::Path, sync::Arc};

use super::{Hash, error::Damage, format::Fault};

/// Where a group stands, and the hash by which it is known again.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) first: u64,
    pub(super) segment: Arc<Path>,
    pub(super) offset: u64,
    pub(super) hash: Hash,
}

impl Place {
    /// That the group is not what was written.
    pub(super) fn damage(&self, what: Fault) -> Damage {
        let segment = self.segment.to_path_buf();
        Damage { segment, offset: self.offset, index: self.first, what }
    }
}
