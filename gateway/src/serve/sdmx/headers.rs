//! Headers of answers: what they rest on, and whether the asker has them already.

use aws_lc_rs::digest::{Context, SHA256};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use birge_proto::wire::Provenance;

use super::{
    super::tls::{Credential, Peer},
    asked::DataQuery,
};
use crate::{query::Answer, sdmx::artefact::Artefact};

/// What a page of another origin may read of an answer besides itself: its tag, and on what it
/// rests.
pub(super) const PROVENANCE: [&str; 9] = [
    "etag",
    "birge-exchange",
    "birge-decree",
    "birge-articles",
    "birge-withheld",
    "birge-narrowed",
    "birge-notes",
    "birge-batches",
    "birge-digest-key",
];

/// What an answer is, as one word: two of the same tag say the same.
pub(super) struct Tag(String);

impl Tag {
    /// Of figures: made from the cells that are given, from what is said of them and from their
    /// form, and nothing else.
    pub(super) fn of_data(answer: &Answer, query: &DataQuery) -> Self {
        let DataQuery { format, layout, parts, labels, keys, language, .. } = query;
        let Provenance { decree, articles, narrowed, notes, .. } = &answer.provenance;
        let form = format!("{format:?} {layout:?} {parts:?} {labels:?} {keys:?} {language}");
        let said = format!("{decree:?} {articles:?} {narrowed:?} {notes:?}");
        let dataset = answer.structure.structure_id();
        let about = [dataset, form, said];
        let removed = answer.removed.iter().flat_map(|(_, keys)| keys);
        let cells = answer.blocks.iter().chain(removed).map(Vec::as_slice);
        Self::of(about.iter().map(String::as_bytes).chain(cells))
    }

    /// Of structures.
    pub(super) fn of_structures(artefacts: &[Artefact], media_type: &str) -> Self {
        let texts: Vec<_> = artefacts.iter().map(|artefact| artefact.json.to_string()).collect();
        Self::of(std::iter::once(media_type.as_bytes()).chain(texts.iter().map(String::as_bytes)))
    }

    fn of<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut digest = Context::new(&SHA256);
        for part in parts {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        // Weak: an answer bears its number and its time, and may be compressed.
        Self(format!("W/\"{}\"", hex::encode(&digest.finish().as_ref()[..16])))
    }

    /// Does the asker say that it has this (RFC 9110, 13.1.2)?
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        let held = headers.get_all(header::IF_NONE_MATCH).iter();
        let held = held.filter_map(|value| value.to_str().ok());
        let mut held = held.flat_map(|value| value.split(',')).map(str::trim);
        let strong = |tag: &str| tag.trim_start_matches("W/").to_owned();
        held.any(|tag| tag == "*" || strong(tag) == strong(&self.0))
    }
}

/// An answer with the headers that all have.
pub(super) fn respond(
    status: StatusCode,
    media_type: Option<&'static str>,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(media_type) = media_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Language"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Characters of a header's text: some proxies take no more than a few kilobytes of all together.
const LONGEST: usize = 1_000;

/// Adds a header; of a long text its beginning.
fn add(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    let plain = |own: char| if own.is_ascii_graphic() || own == ' ' { own } else { '?' };
    let mut text: String = value.chars().take(LONGEST).map(plain).collect();
    if value.len() > LONGEST {
        text += " ...";
    }
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(name, value);
    }
}

/// Says what figures are, and who may keep them: what is public anybody, but never without asking
/// whether it still is so, for each answer is recorded.
pub(super) fn add_tag(headers: &mut HeaderMap, tag: &Tag, peer: &Peer) {
    add(headers, header::ETAG, &tag.0);
    let cache = match peer.credential {
        Credential::Nothing => "public, no-cache",
        Credential::Certificate(_) | Credential::Bearer(_) => "private, no-store",
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
}

/// Says what structures are; anybody may keep them.
pub(super) fn add_tag_of_structures(headers: &mut HeaderMap, tag: &Tag) {
    add(headers, header::ETAG, &tag.0);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
}

/// Names the file that an answer is kept as.
pub(super) fn add_name(headers: &mut HeaderMap, provenance: &Provenance) {
    let name = format!("attachment; filename=\"exchange-{}.xlsx\"", provenance.exchange);
    add(headers, header::CONTENT_DISPOSITION, &name);
}

/// Says on what figures rest.
pub(super) fn add_provenance(headers: &mut HeaderMap, provenance: &Provenance) {
    let Provenance { exchange, decree, articles, batches, withheld, narrowed, notes, .. } =
        provenance;
    let decree = decree.as_ref().map(|it| format!("{}; version={}", it.number, it.version));
    let said = [
        exchange.to_string(),
        decree.unwrap_or_default(),
        articles.join(", "),
        withheld.to_string(),
        narrowed.join("; "),
        notes.join("; "),
        batches.join(", "),
        hex::encode(&provenance.digest_key),
    ];
    for (name, value) in PROVENANCE.into_iter().skip(1).zip(said) {
        if !value.is_empty() {
            add(headers, HeaderName::from_static(name), &value);
        }
    }
}
