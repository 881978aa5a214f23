//! Signing in and out.

use std::net::IpAddr;

use askama::Template;
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    http::{Response, StatusCode, header},
};
use birge_proto::problem::{Kind, Problem};
use form_urlencoded::parse;

use super::{
    Outcome, Portal, Shared, answer,
    guard::{SESSION, Visit, set_cookie},
    page::{self, Frame, see_other},
    status,
};
use crate::{
    account::Credentials,
    serve::{tls::Credential, tries::account_id},
};

#[derive(Template)]
#[template(path = "portal/sign_in.html")]
struct SignIn {
    frame: Frame,
    /// Where to go then.
    next: String,
    account: String,
    problem: Option<Problem>,
}

/// The form.
pub(super) async fn form(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        let next = field(visit.query.as_bytes(), "next");
        show(&portal, &visit, &next, String::new(), None)
    })
    .await
}

fn show(
    portal: &Portal,
    visit: &Visit,
    next: &str,
    account: String,
    problem: Option<Problem>,
) -> Outcome {
    let frame = Frame::of(portal, visit, "", visit.say.it("sign-in"));
    let next = own_address(next).to_owned();
    let shown = problem.as_ref().map_or(StatusCode::OK, status);
    let mut response = page::page(&SignIn { frame, next, account, problem })?;
    *response.status_mut() = shown;
    Ok(response)
}

/// Signs in: the browser keeps the session, and no script sees it.
pub(super) async fn sign_in(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
    Extension(address): Extension<IpAddr>,
    body: Bytes,
) -> Response<Body> {
    let [account, password, code, next] =
        ["account", "password", "code", "next"].map(|name| field(&body, name));
    // An act is not cut between its record and its session, whoever goes away meanwhile.
    let (own, name) = (Shared::clone(&portal), account.clone());
    let act = tokio::spawn(async move { begin(&own, address, &name, password, code).await });
    answer(&portal, &visit, async {
        let lost = |error| Problem::new(Kind::Internal, format!("the act ended: {error}"));
        match act.await.map_err(lost)? {
            Ok((session, seconds)) => {
                let mut response = see_other(own_address(&next));
                set_cookie(response.headers_mut(), SESSION, &session, seconds);
                Ok(response)
            }
            Err(problem) => show(&portal, &visit, &next, account, Some(problem)),
        }
    })
    .await
}

/// The session, and for how many seconds it is good at most.
async fn begin(
    portal: &Portal,
    address: IpAddr,
    account: &str,
    password: String,
    code: String,
) -> Result<(String, i64), Problem> {
    portal.tries.take(address, &portal.turned)?;
    let account = account_id(account);
    let outcome = async {
        let credentials = Credentials { account: account?, password, code: code.trim().to_owned() };
        portal.accounts.sign_in(credentials).await
    };
    let outcome = outcome.await;
    if outcome.as_ref().is_err_and(|problem| problem.exchange.is_none()) {
        portal.turned.count("sign-in-failed");
    }
    let signed_in = outcome?;
    let seconds = signed_in.expires.as_second() - portal.clock.now().as_second();
    Ok((signed_in.session, seconds))
}

/// Signs out.
pub(super) async fn sign_out(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
) -> Response<Body> {
    let (own, peer) = (Shared::clone(&portal), visit.peer.clone());
    let act = tokio::spawn(async move {
        match peer.as_ref().map(|peer| (&peer.identity, &peer.credential)) {
            Some((person, Credential::Bearer(bearer))) => {
                own.accounts.sign_out(person, bearer).await.map(drop)
            }
            _ => Ok(()),
        }
    });
    answer(&portal, &visit, async {
        act.await.map_err(|error| Problem::new(Kind::Internal, error.to_string()))??;
        let mut response = see_other("/sign-in");
        set_cookie(response.headers_mut(), SESSION, "", 0);
        let clear = header::HeaderValue::from_static("\"cache\"");
        response.headers_mut().insert(header::HeaderName::from_static("clear-site-data"), clear);
        Ok(response)
    })
    .await
}

/// A field of a form.
fn field(form: &[u8], name: &str) -> String {
    let mut fields = parse(form);
    fields.find(|(own, _)| own == name).map_or_else(String::new, |(_, value)| value.into_owned())
}

/// An address of this origin; home where it is none.
fn own_address(address: &str) -> &str {
    let plain = address.bytes().all(|own| own.is_ascii_graphic() && own != b'\\');
    if plain && address.starts_with('/') && !address.starts_with("//") { address } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_origin() {
        assert_eq!(own_address("/table/MIG_STOCK?SEX=F"), "/table/MIG_STOCK?SEX=F");
        for other in
            ["", "//other.example", "https://other.example", "/\\other.example", "x", "/a\r\nb"]
        {
            assert_eq!(own_address(other), "/", "{other:?}");
        }
    }
}
