//! The records, one for each entry: each that is shown must open its entry, the counters of a
//! party must have no gap, and the receipts filed here must stand where they say.

use std::collections::{BTreeMap, HashMap};

use birge_proto::{
    identity::Identity,
    record::{Opening, Record},
    signatories::Signatories,
    tlog::hash,
    wire::{PersonName, RecordEntry},
};
use serde::Deserialize;

use super::{law::Law, own::Own, tree::Leaf, verified::Verified, wrong};
use crate::{outbox::receipts::Filed, output::Failure};

/// The records while they are gone through.
#[derive(Debug)]
pub(super) struct Records {
    reader: Identity,
    /// Does the reader see every record, so that the counters of all can be checked?
    sees_all: bool,
    receipts: HashMap<u64, Filed>,
    counters: BTreeMap<Identity, u64>,
    law: Law,
    /// What speaks of this node.
    own: Own,
    sums: Sums,
}

/// How many were gone through.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) opened: u64,
    pub(super) closed: u64,
    pub(super) notices: u64,
    pub(super) receipts: usize,
}

/// What a notice tells of a record that is closed to the reader.
#[derive(Deserialize)]
struct Notice {
    counter: u64,
}

impl Records {
    /// Goes on after what was verified before.
    pub(super) fn new(
        own: Own,
        sees_all: bool,
        filed: Vec<Filed>,
        before: &Verified,
        authority: &Signatories,
    ) -> Self {
        let receipts = filed.into_iter().map(|filed| (filed.exchange, filed)).collect();
        let law = Law::new(before, authority);
        let (counters, sums) = (before.counters.clone(), Sums::default());
        Self { reader: own.identity().clone(), sees_all, receipts, counters, law, own, sums }
    }

    /// Checks the entry that the gateway shows for `leaf`.
    pub(super) fn check(&mut self, leaf: &Leaf, entry: Option<RecordEntry>) -> Result<(), Failure> {
        let place = format!("record {}", leaf.index);
        let Some(entry) = entry.filter(|entry| entry.index == leaf.index) else {
            return Err(wrong(place, "the gateway shows another record, or none, in its place"));
        };
        if let Some(filed) = self.receipts.remove(&leaf.index) {
            let opening = hex::decode(&filed.opening).unwrap_or_default();
            if opened(filed.record.as_bytes(), &opening) != Some(leaf.hash) {
                let what = format!("the receipt of batch {} is of another entry", filed.batch);
                return Err(wrong(place, what));
            }
            self.sums.receipts += 1;
        }
        if !entry.record.is_empty() {
            self.shown(leaf, &place, &entry)
        } else if self.sees_all {
            Err(wrong(place, "the record is kept from an auditor, who sees every one"))
        } else if !entry.notice.is_empty() {
            let notice: Notice = serde_json::from_slice(&entry.notice)
                .map_err(|error| wrong(&place, format!("its notice does not parse: {error}")))?;
            self.sums.notices += 1;
            self.sums.closed += 1;
            let reader = self.reader.clone();
            self.count(&reader, notice.counter, &place)
        } else {
            self.sums.closed += 1;
            Ok(())
        }
    }

    fn shown(&mut self, leaf: &Leaf, place: &str, entry: &RecordEntry) -> Result<(), Failure> {
        if opened(&entry.record, &entry.opening) != Some(leaf.hash) {
            return Err(wrong(place, "the record does not open the entry in the log"));
        }
        let record = Record::parse(&entry.record).map_err(|error| wrong(place, error))?;
        named(&record, entry).map_err(|what| wrong(place, what))?;
        self.law.check(leaf.index, &record).map_err(|what| wrong(place, what))?;
        self.own.check(&record, entry);
        for (party, counter) in record.parties {
            if self.sees_all || party == self.reader {
                self.count(&party, counter, place)?;
            }
        }
        self.sums.opened += 1;
        Ok(())
    }

    fn count(&mut self, party: &Identity, counter: u64, place: &str) -> Result<(), Failure> {
        let last = self.counters.entry(party.clone()).or_default();
        if counter != *last + 1 {
            let what = format!(
                "it is number {counter} of those that concern {party}, the one before it was \
                 number {last}: a record was kept back or inserted"
            );
            return Err(wrong(place, what));
        }
        *last = counter;
        Ok(())
    }

    /// Every receipt must have been met in the `size` entries. What is to be remembered is put
    /// into `verified`.
    pub(super) fn finish(self, size: u64, verified: &mut Verified) -> Result<(Sums, Own), Failure> {
        if self.sees_all && self.law.origin != verified.origin {
            let (told, origin) = (self.law.origin, &verified.origin);
            let what = format!("they are of the log {told}, and the checkpoint is of {origin}");
            return Err(wrong("the records", what));
        }
        verified.successor = self.law.successor;
        verified.decrees = self.law.decrees;
        verified.counters = self.counters;
        verified.time = self.law.time;
        verified.signatories = self.law.signatories;
        verified.keys = self.law.keys;
        match self.receipts.into_values().min_by_key(|filed| filed.exchange) {
            Some(filed) => Err(wrong(
                format!("the receipt of batch {}", filed.batch),
                format!("it is of exchange {}, but the log has {size} entries", filed.exchange),
            )),
            None => Ok((self.sums, self.own)),
        }
    }
}

/// Every name that is shown must be one that the record commits to.
pub(super) fn named(record: &Record, entry: &RecordEntry) -> Result<(), String> {
    for PersonName { capacity, name, opening } in &entry.persons {
        let opening = Opening::from_bytes(opening);
        if !opening.is_some_and(|opening| record.names(capacity, name, &opening)) {
            return Err(format!("the name shown of the {capacity} is not the one recorded"));
        }
    }
    Ok(())
}

/// The leaf hash that a record and its opening lead to.
pub(super) fn opened(record: &[u8], opening: &[u8]) -> Option<hash::Hash> {
    Opening::from_bytes(opening).map(|opening| hash::leaf(&opening.leaf(record)))
}

#[cfg(test)]
mod tests {
    use birge_proto::record::Event;

    use super::*;

    fn entry(index: u64, counters: &[(&str, u64)]) -> (Leaf, RecordEntry) {
        let parties = counters.iter().map(|(party, count)| (party.parse().unwrap(), *count));
        let record = Record {
            time: "2026-01-01T00:00:00Z".parse().unwrap(),
            actor: "agency/MIA".parse().unwrap(),
            parties: parties.collect(),
            persons: BTreeMap::new(),
            event: Event::RecordsRead { from: 0, to: 1 },
        };
        let (record, opening) = (record.to_canonical().unwrap(), vec![7; 32]);
        let hash = opened(&record, &opening).unwrap();
        (Leaf { index, hash }, RecordEntry { index, record, opening, ..Default::default() })
    }

    fn records(sees_all: bool) -> Records {
        let before = Verified { origin: "birge.example/log".into(), ..Verified::default() };
        let own = Own::of("agency/MIA".parse().unwrap(), None);
        Records::new(own, sees_all, vec![], &before, &Signatories::default())
    }

    #[test]
    fn a_gap_in_the_own_counter_is_found() {
        let mut records = records(false);
        let (leaf, shown) = entry(1, &[("agency/MIA", 1), ("agency/NSC", 5)]);
        records.check(&leaf, Some(shown)).unwrap();
        let notice = br#"{"kind":"query-answered","counter":2}"#.to_vec();
        let told = RecordEntry { index: 2, notice, ..Default::default() };
        records.check(&Leaf { index: 2, hash: [0; 32] }, Some(told)).unwrap();
        let (leaf, shown) = entry(3, &[("agency/MIA", 4)]);
        let error = records.check(&leaf, Some(shown)).unwrap_err().to_string();
        assert!(error.contains("record 3") && error.contains("kept back"), "{error}");
    }

    #[test]
    fn an_auditor_checks_the_counters_of_all_and_sees_all() {
        let mut records = records(true);
        let (leaf, shown) = entry(1, &[("agency/MIA", 1), ("agency/NSC", 2)]);
        assert!(records.check(&leaf, Some(shown)).is_err());
        let closed = RecordEntry { index: 1, ..Default::default() };
        assert!(records.check(&leaf, Some(closed)).is_err());
    }

    #[test]
    fn a_changed_record_or_another_place_is_found() {
        let (leaf, shown) = entry(1, &[]);
        let mut changed = shown.clone();
        changed.record[5] ^= 1;
        assert!(records(false).check(&leaf, Some(changed)).is_err());
        assert!(records(false).check(&leaf, None).is_err());
        let elsewhere = Leaf { index: 2, ..leaf };
        assert!(records(false).check(&elsewhere, Some(shown.clone())).is_err());
        records(false).check(&leaf, Some(shown)).unwrap();
    }
}
