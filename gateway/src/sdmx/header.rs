//! What a message says of itself.

use birge_proto::clock::Timestamp;

/// Who sends, in the words of a header: the exchange.
pub const SENDER: &str = "BIRGE";

/// What a message says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its id; of figures the exchange to cite.
    pub id: String,
    /// When it was made.
    pub prepared: Timestamp,
}

impl Header {
    /// When it was made, to the second: readers take no finer moments.
    #[must_use]
    pub fn prepared(&self) -> String {
        let text = self.prepared.to_string();
        match text.split_once('.') {
            Some((seconds, _)) => format!("{seconds}Z"),
            None => text,
        }
    }

    /// Of an answer that stands in the journal under this number.
    #[must_use]
    pub fn of_exchange(exchange: u64, prepared: Timestamp) -> Self {
        Self { id: format!("EXCHANGE-{exchange}"), prepared }
    }
}
