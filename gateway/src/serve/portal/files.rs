//! What is shown, as a file: SDMX REST for the person whose session the browser keeps.

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode, Uri, header},
};
use birge_proto::problem::{Kind, Problem};

use super::{Shared, answer, guard::Visit, page};

/// Answers what is below `/files` as SDMX REST answers it below its own root.
pub(super) async fn file(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
    request: Request,
) -> Response<Body> {
    answer(&portal, &visit, async {
        let (head, _) = request.into_parts();
        let own = head.uri.path_and_query().map_or("", |own| own.as_str());
        let address = own.replacen("/files/", "/sdmx/", 1);
        let wrong = |_| Problem::new(Kind::Malformed, "the address cannot be read");
        let uri: Uri = address.parse().map_err(wrong)?;
        let peer = portal.peer(&visit)?;
        let mut headers = head.headers;
        // The address is told in files, too, and HTTP/2 has no header of it.
        if let Ok(host) = visit.host.parse() {
            headers.insert(header::HOST, host);
        }
        if let Ok(language) = visit.say.code().parse() {
            headers.insert(header::ACCEPT_LANGUAGE, language);
        }
        let mut response = portal.rest.answer(peer, &uri, &headers).await?;
        let is_kept = response.status() == StatusCode::NOT_MODIFIED;
        let is_named = is_kept || response.headers().contains_key(header::CONTENT_DISPOSITION);
        if !is_named {
            let ending = ending(response.headers().get(header::CONTENT_TYPE));
            let exchange =
                response.headers().get("birge-exchange").and_then(|own| own.to_str().ok());
            let name =
                format!("attachment; filename=\"exchange-{}.{ending}\"", exchange.unwrap_or("0"));
            page::put(response.headers_mut(), header::CONTENT_DISPOSITION, &name);
        }
        Ok(response)
    })
    .await
}

/// The ending of a file of this type.
fn ending(media_type: Option<&header::HeaderValue>) -> &'static str {
    let text = media_type.and_then(|own| own.to_str().ok()).unwrap_or_default();
    let known = [("csv", "csv"), ("json", "json"), ("xml", "xml"), ("sheet", "xlsx")];
    known.iter().find(|(part, _)| text.contains(part)).map_or("bin", |(_, ending)| ending)
}
