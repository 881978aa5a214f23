//! By what a server tells whether what it has is what it gave before: a file under
//! `state/schedules`.

use std::fs;

use reqwest::{
    RequestBuilder, Response,
    header::{ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED},
};
use serde::{Deserialize, Serialize};

use super::super::taken;
use crate::{
    home::{self, Home},
    outbox::{Outbox, receipts},
    output::Failure,
};

/// RFC 9110, section 8.8.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Validators {
    /// Of what: the address, as a digest, for it may hold what is secret.
    of: String,
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Validators {
    /// Those of what an address gave last, where a batch came of that; else none. What was refused
    /// may be asked for again, once the mapping was mended.
    ///
    /// # Errors
    /// When what became of it cannot be read.
    pub(super) fn of(home: &Home, name: &str, url: &str) -> Result<Self, Failure> {
        let became = taken::of(home, name)?;
        let bytes = fs::read(path(home, name)).ok();
        let kept: Option<Self> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let is_good = |kept: &Self| kept.of == digest(url);
        // One that the gateway refused has neither.
        let outbox = Outbox::open(home)?;
        let stands = |batch| -> Result<bool, Failure> {
            let waits = outbox.waiting()?.iter().any(|entry| entry.batch == batch);
            Ok(waits || receipts::path(home, batch).exists())
        };
        let batch = became.and_then(|became| became.batch).map(stands).transpose()?;
        let batch = batch.unwrap_or_default();
        Ok(kept.filter(|kept| batch && is_good(kept)).unwrap_or_default())
    }

    /// Those of an answer.
    pub(super) fn in_answer(url: &str, response: &Response) -> Self {
        let text = |name: HeaderName| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        Self { of: digest(url), etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
    }

    pub(super) fn are_any(&self) -> bool {
        self.etag.is_some() || self.last_modified.is_some()
    }

    /// A request for what is newer.
    pub(super) fn asked_with(&self, mut request: RequestBuilder) -> RequestBuilder {
        if let Some(etag) = &self.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(date) = &self.last_modified {
            request = request.header(IF_MODIFIED_SINCE, date);
        }
        request
    }

    /// Keeps them.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn keep(&self, home: &Home, name: &str) -> Result<(), Failure> {
        home::create_dir(&home.join("state/schedules"))?;
        let json = serde_json::to_vec(self).map_err(anyhow::Error::from)?;
        home::write(&path(home, name), &json)
    }
}

fn digest(url: &str) -> String {
    birge_proto::manifest::BatchId::of(url.as_bytes()).to_string()
}

fn path(home: &Home, name: &str) -> std::path::PathBuf {
    home.join("state/schedules").join(format!("{name}.validators"))
}
