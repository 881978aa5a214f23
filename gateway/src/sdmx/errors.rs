//! Refusals: a message of errors in SDMX-ML 2.1 (REST 1.5), or SDMX-JSON's errors (REST 2.1).

use std::io;

use birge_proto::problem::{Kind, Problem};
use quick_xml::events::BytesText;
use serde_json::json;

use super::ml::{COMMON, MESSAGE, begin, fit};

/// The code that SDMX has for a refusal (REST 1.5, 5.8); its own where it has none.
fn code(kind: Kind) -> u16 {
    match kind {
        Kind::NotFound => 100,
        Kind::NotEnrolled | Kind::NotSignedIn => 110,
        Kind::TooLarge => 130,
        Kind::Malformed => 140,
        Kind::NotPermitted | Kind::WrongRole => 150,
        Kind::NotSupported => 501,
        Kind::Unavailable | Kind::Fenced | Kind::Unwitnessed | Kind::Frozen => 503,
        Kind::Internal | Kind::Damaged => 500,
        other => 1_000 + other.http(),
    }
}

/// What is said of a refusal: each text of its own.
fn texts(problem: &Problem) -> Vec<String> {
    let Problem { kind, detail, articles, hints, exchange } = problem;
    let mut texts = vec![format!("{}: {detail}", kind.title())];
    texts.extend((!articles.is_empty()).then(|| format!("articles {}", articles.join(", "))));
    texts.extend(hints.iter().cloned());
    texts.extend(exchange.map(|exchange| format!("recorded as exchange {exchange}")));
    texts
}

/// The message in SDMX-ML.
///
/// # Errors
/// Never, as it is written to memory.
pub fn ml(problem: &Problem) -> io::Result<Vec<u8>> {
    let mut out = begin(vec![])?;
    let root = out.create_element("mes:Error");
    let root = root.with_attributes([("xmlns:mes", MESSAGE), ("xmlns:com", COMMON)]);
    root.write_inner_content(|out| {
        let code = code(problem.kind).to_string();
        let message =
            out.create_element("mes:ErrorMessage").with_attribute(("code", code.as_str()));
        message.write_inner_content(|out| {
            let text = texts(problem).join("\n");
            let text = fit(&text);
            out.create_element("com:Text").write_text_content(BytesText::new(&text))?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(out.into_inner())
}

/// The errors of SDMX-JSON.
#[must_use]
pub fn json(problem: &Problem) -> String {
    let texts = texts(problem);
    json!({"errors": [{
        "code": code(problem.kind),
        "title": problem.kind.title(),
        "detail": texts.join("\n"),
        "status": problem.kind.http(),
    }]})
    .to_string()
}
