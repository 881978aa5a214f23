//! What kind of file an answer is.

use reqwest::{Response, header::CONTENT_TYPE};

use crate::output::Failure;

/// Endings that files of the inbox may have.
const ENDINGS: [&str; 12] =
    ["csv", "tsv", "txt", "json", "jsonl", "ndjson", "xml", "xlsx", "xlsm", "xlsb", "xls", "ods"];

/// What servers call them. Media types of SDMX are those of its REST API.
const TYPES: [(&str, &str); 14] = [
    ("text/csv", "csv"),
    ("application/csv", "csv"),
    ("application/vnd.sdmx.data+csv", "csv"),
    ("text/tab-separated-values", "tsv"),
    ("application/json", "json"),
    ("application/x-ndjson", "ndjson"),
    ("application/vnd.sdmx.genericdata+xml", "xml"),
    ("application/vnd.sdmx.structurespecificdata+xml", "xml"),
    ("application/vnd.sdmx.data+xml", "xml"),
    ("application/xml", "xml"),
    ("text/xml", "xml"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
];

/// The ending of an answer's file: as node.toml says, else as the server does, else as the address
/// ends.
///
/// # Errors
/// When none of them tells.
pub(super) fn ending(said: Option<&str>, response: &Response) -> Result<&'static str, Failure> {
    let known = |ending: &str| ENDINGS.into_iter().find(|own| own.eq_ignore_ascii_case(ending));
    let list = ENDINGS.join(", ");
    if let Some(said) = said {
        return known(said).ok_or_else(|| {
            Failure::Usage(format!(
                "the format {said:?} of a source is none\nnext: set format in node.toml to one of \
                 {list}"
            ))
        });
    }
    let header = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = header.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let by_type = TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(media));
    let by_name = || response.url().path().rsplit_once('.').and_then(|(_, ending)| known(ending));
    // A page is what a server shows that asks to sign in.
    let is_page = media.eq_ignore_ascii_case("text/html");
    by_type.map(|(_, ending)| *ending).or_else(|| by_name().filter(|_| !is_page)).ok_or_else(|| {
        Failure::Wrong(format!(
            "the answer is of the type {media:?}, which is no table\nnext: see whether the server \
             wants the node to sign in, or set format in node.toml to one of {list}"
        ))
    })
}
