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
    /// What kind.
    pub kind: RemarkKind,
    /// In words.
    pub text: String,
}

/// What kind of remark. Its number is that of SDMX-ML, whose readers take no words: SDMX leaves
/// those from 1000 on to whoever sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemarkKind {
    /// What to cite.
    Exchange = 1_000,
    /// What is withheld.
    Withheld = 1_001,
    /// What was left out.
    Narrowed = 1_002,
    /// What became of the figures.
    Note = 1_003,
}

impl RemarkKind {
    /// Its name in SDMX-JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exchange => "EXCHANGE",
            Self::Withheld => "WITHHELD",
            Self::Narrowed => "NARROWED",
            Self::Note => "NOTE",
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
        let mut remarks = vec![remark(RemarkKind::Exchange, cite)];
        if *withheld > 0 {
            remarks.push(remark(
                RemarkKind::Withheld,
                format!("{withheld} observations are withheld"),
            ));
        }
        remarks.extend(narrowed.iter().map(|text| remark(RemarkKind::Narrowed, text.clone())));
        remarks.extend(notes.iter().map(|text| remark(RemarkKind::Note, text.clone())));
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
