//! When the quorum is lost, and when it is back: told once each.

/// Rounds within which a quorum that was never seen since the start must come together.
const ROUNDS: u32 = 3;

/// How checkpoints are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grade {
    /// It was told that the quorum is lost.
    lost: bool,
    /// Leaves of the last checkpoint that the quorum signed since the start; 0 for none.
    witnessed: u64,
    /// Rounds without it, where it was never seen.
    missed: u32,
}

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Checkpoints are shown as sequenced only.
    Lost {
        /// Leaves of the last checkpoint that the quorum signed; 0 for none.
        witnessed: u64,
    },
    /// The quorum signs again.
    Regained {
        /// Leaves of the first checkpoint that it signed again.
        witnessed: u64,
    },
}

impl Grade {
    /// The grade at a start; the log may tell already that the quorum is `lost`.
    pub(super) fn new(lost: bool) -> Self {
        Self { lost, witnessed: 0, missed: 0 }
    }

    /// Takes in a round over a checkpoint of `size` leaves. `enrolled` are enough for a quorum,
    /// or are not.
    pub(super) fn round(&mut self, size: u64, witnessed: bool, enrolled: bool) -> Option<Turn> {
        if witnessed {
            self.witnessed = size;
            self.missed = 0;
            return std::mem::take(&mut self.lost).then_some(Turn::Regained { witnessed: size });
        }
        self.missed += u32::from(enrolled);
        if self.lost || (self.witnessed == 0 && self.missed < ROUNDS) {
            return None;
        }
        self.lost = true;
        Some(Turn::Lost { witnessed: self.witnessed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quorum_is_told_lost_and_back_once() {
        let mut grade = Grade::new(false);
        assert_eq!(grade.round(5, true, true), None);
        assert_eq!(grade.round(9, false, true), Some(Turn::Lost { witnessed: 5 }));
        assert_eq!(grade.round(10, false, true), None);
        assert_eq!(grade.round(12, true, true), Some(Turn::Regained { witnessed: 12 }));
        assert_eq!(grade.round(13, true, true), None);
        assert_eq!(grade.round(14, false, false), Some(Turn::Lost { witnessed: 13 }), "revoked");
    }

    #[test]
    fn a_quorum_may_take_three_rounds_to_come_together() {
        let mut grade = Grade::new(false);
        for size in 0..9 {
            assert_eq!(grade.round(size, false, false), None, "nobody is enrolled");
        }
        assert_eq!(grade.round(10, false, true), None);
        assert_eq!(grade.round(10, false, true), None);
        assert_eq!(grade.round(10, false, true), Some(Turn::Lost { witnessed: 0 }));
        let mut after_a_start = Grade::new(true);
        assert_eq!(after_a_start.round(1, false, true), None, "it is told already");
        assert_eq!(after_a_start.round(1, true, true), Some(Turn::Regained { witnessed: 1 }));
    }
}
