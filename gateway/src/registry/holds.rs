//! Legal holds: records of which nothing may be erased while the hold stands.

use std::collections::BTreeMap;

use birge_proto::{problem::Kind, record::Event};

/// Holds that stand at one time.
const MOST: usize = 1_000;

/// The holds that stand, by name.
#[derive(Debug, Clone, Default)]
pub struct Holds(BTreeMap<String, (u64, Option<u64>)>);

impl Holds {
    /// Is the record on hold?
    #[must_use]
    pub fn covers(&self, index: u64) -> bool {
        let covers =
            |(from, to): &(u64, Option<u64>)| index >= *from && to.is_none_or(|to| index < to);
        self.0.values().any(covers)
    }

    /// Why a hold may not be placed or lifted, where it may not.
    #[must_use]
    pub fn bars(&self, event: &Event) -> Option<(Kind, String)> {
        match event {
            Event::HoldPlaced { hold, .. } if self.0.contains_key(hold) => {
                Some((Kind::Conflict, format!("a hold of the name {hold} stands already")))
            }
            Event::HoldPlaced { .. } if self.0.len() >= MOST => {
                Some((Kind::TooLarge, format!("{MOST} holds stand already: lift some first")))
            }
            Event::HoldLifted { hold } if !self.0.contains_key(hold) => {
                Some((Kind::NotFound, format!("no hold of the name {hold} stands")))
            }
            _ => None,
        }
    }

    pub(super) fn place(&mut self, hold: &str, from: u64, to: Option<u64>) {
        self.0.insert(hold.to_owned(), (from, to));
    }

    pub(super) fn lift(&mut self, hold: &str) {
        self.0.remove(hold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_covers_its_records_until_it_is_lifted() {
        let mut holds = Holds::default();
        holds.place("closed", 3, Some(5));
        holds.place("open", 9, None);
        let covered: Vec<_> = (0..12).filter(|index| holds.covers(*index)).collect();
        assert_eq!(covered, [3, 4, 9, 10, 11]);
        let again = Event::HoldPlaced { hold: "open".into(), from: 0, to: None };
        assert_eq!(holds.bars(&again).map(|(kind, _)| kind), Some(Kind::Conflict));
        holds.lift("open");
        assert!(!holds.covers(9) && holds.bars(&again).is_none());
        let lifted = Event::HoldLifted { hold: "open".into() };
        assert_eq!(holds.bars(&lifted).map(|(kind, _)| kind), Some(Kind::NotFound));
    }
}
