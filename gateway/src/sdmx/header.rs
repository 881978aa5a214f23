//! What a message says of itself.

use birge_proto::{clock::Timestamp, wire::Provenance};

/// Who sends, in the words of a header: the exchange.
pub const SENDER: &str = "BIRGE";

/// What a message says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its id; of figures the exchange to cite.
    pub id: String,
    /// When it was made.
    pub prepared: Timestamp,
    /// What is to be known of the figures in it.
    pub remarks: Vec<Remark>,
}

/// What is to be known of figures, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What kind, in a word.
    pub kind: &'static str,
    /// In words.
    pub text: String,
}

impl Remark {
    /// The number of its kind: readers of SDMX-ML take no words. SDMX leaves those from 1000 on to
    /// whoever sends.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self.kind {
            "EXCHANGE" => 1_000,
            "WITHHELD" => 1_001,
            "NARROWED" => 1_002,
            _ => 1_003,
        }
    }
}

impl Header {
    /// Of structures.
    #[must_use]
    pub fn of_structures(prepared: Timestamp) -> Self {
        Self { id: String::from("STRUCTURES"), prepared, remarks: vec![] }
    }

    /// Of figures: on what they rest, what was left out, what is withheld, and what was revised.
    #[must_use]
    pub fn of_answer(provenance: &Provenance, prepared: Timestamp) -> Self {
        let Provenance { exchange, decree, articles, withheld, narrowed, notes, .. } = provenance;
        let decree = decree.clone().unwrap_or_default();
        let remark = |kind, text| Remark { kind, text };
        let cite = format!(
            "to cite: exchange {exchange}, decree {} of {}, articles {}",
            decree.number,
            decree.version,
            articles.join(", ")
        );
        let mut remarks = vec![remark("EXCHANGE", cite)];
        if *withheld > 0 {
            remarks.push(remark("WITHHELD", format!("{withheld} observations are withheld")));
        }
        remarks.extend(narrowed.iter().map(|text| remark("NARROWED", text.clone())));
        remarks.extend(notes.iter().map(|text| remark("NOTE", text.clone())));
        Self { id: format!("EXCHANGE-{exchange}"), prepared, remarks }
    }

    /// When it was made, to the second: readers take no finer moments.
    #[must_use]
    pub fn prepared(&self) -> String {
        let text = self.prepared.to_string();
        match text.split_once('.') {
            Some((seconds, _)) => format!("{seconds}Z"),
            None => text,
        }
    }
}
