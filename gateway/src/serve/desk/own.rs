//! What a person does for its own account: JSON in, JSON or problem details (RFC 9457) out.

use std::{collections::BTreeSet, net::IpAddr};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, State},
    http::Response,
};
use birge_proto::{
    identity::{AccountId, Identity},
    problem::{Kind, Problem},
    record::Scope,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Desk, respond, stranger};
use crate::{
    account::{Bearer, Credentials, Issued, SignedIn},
    serve::{tls::Peer, tries::account_id},
};

type Caller = Option<Extension<Peer>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    account: String,
    codes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Activate {
    account: String,
    codes: Vec<String>,
    password: String,
    code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    account: String,
    password: String,
    code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangePassword {
    password: String,
    code: String,
    new: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssueToken {
    password: String,
    code: String,
    scopes: BTreeSet<Scope>,
    days: u32,
}

pub(super) async fn begin(
    State(desk): State<Desk>,
    Extension(address): Extension<IpAddr>,
    body: Bytes,
) -> Response<Body> {
    desk.unidentified("activation-failed", address, async || {
        let Begin { account, codes } = read(&body)?;
        let (secret, uri) = desk.accounts.begin(&account_id(&account)?, &codes)?;
        Ok(json!({ "secret": secret, "uri": uri }))
    })
    .await
}

pub(super) async fn activate(
    State(desk): State<Desk>,
    Extension(address): Extension<IpAddr>,
    body: Bytes,
) -> Response<Body> {
    desk.unidentified("activation-failed", address, async || {
        let Activate { account, codes, password, code } = read(&body)?;
        let credentials = Credentials { account: account_id(&account)?, password, code };
        let (person, exchange) = desk.accounts.activate(&codes, credentials).await?;
        Ok(json!({ "person": person, "exchange": exchange }))
    })
    .await
}

/// A node's certificate, anew.
pub(super) async fn renew(
    State(desk): State<Desk>,
    Extension(address): Extension<IpAddr>,
    body: Bytes,
) -> Response<Body> {
    desk.unidentified("renewal-failed", address, async || {
        let certificate = desk.renewals.renew(read(&body)?).await?;
        Ok(json!({ "certificate": certificate }))
    })
    .await
}

pub(super) async fn sign_in(
    State(desk): State<Desk>,
    Extension(address): Extension<IpAddr>,
    body: Bytes,
) -> Response<Body> {
    desk.unidentified("sign-in-failed", address, async || {
        let SignIn { account, password, code } = read(&body)?;
        let credentials = Credentials { account: account_id(&account)?, password, code };
        let SignedIn { person, session, expires, exchange } =
            desk.accounts.sign_in(credentials).await?;
        Ok(json!({
            "person": person, "session": session, "expires": expires, "exchange": exchange,
        }))
    })
    .await
}

pub(super) async fn sign_out(State(desk): State<Desk>, caller: Caller) -> Response<Body> {
    desk.own("people/sign-out", caller, async |person, bearer| {
        let exchange = desk.accounts.sign_out(&person, &bearer).await?;
        Ok(json!({ "exchange": exchange }))
    })
    .await
}

pub(super) async fn account(State(desk): State<Desk>, caller: Caller) -> Response<Body> {
    desk.own("people/account", caller, async |person, bearer| {
        let scopes = desk.accounts.scopes(&person, &bearer);
        Ok(json!({
            "person": person, "scopes": scopes, "tokens": desk.accounts.tokens(&person),
        }))
    })
    .await
}

pub(super) async fn change_password(
    State(desk): State<Desk>,
    caller: Caller,
    body: Bytes,
) -> Response<Body> {
    desk.own("people/password", caller, async |person, bearer| {
        let ChangePassword { password, code, new } = read(&body)?;
        let credentials = Credentials { account: own_id(&person)?, password, code };
        let exchange = desk.accounts.change_password(&bearer, credentials, new).await?;
        Ok(json!({ "exchange": exchange }))
    })
    .await
}

pub(super) async fn issue_token(
    State(desk): State<Desk>,
    caller: Caller,
    body: Bytes,
) -> Response<Body> {
    desk.own("people/token", caller, async |person, _| {
        let IssueToken { password, code, scopes, days } = read(&body)?;
        let credentials = Credentials { account: own_id(&person)?, password, code };
        let Issued { id, token, expires, exchange } =
            desk.accounts.issue_token(credentials, scopes, days).await?;
        Ok(json!({ "id": id, "token": token, "expires": expires, "exchange": exchange }))
    })
    .await
}

pub(super) async fn withdraw_token(
    State(desk): State<Desk>,
    caller: Caller,
    Path(id): Path<String>,
) -> Response<Body> {
    desk.own("people/token", caller, async |person, _| {
        let exchange = desk.accounts.withdraw_token(&person, id).await?;
        Ok(json!({ "exchange": exchange }))
    })
    .await
}

impl Desk {
    /// Does something for who presents a session: a token is for figures and records only.
    async fn own(
        &self,
        act: &'static str,
        caller: Caller,
        work: impl AsyncFnOnce(Identity, Bearer) -> Result<Value, Problem>,
    ) -> Response<Body> {
        let Some(Extension(peer)) = caller else {
            self.turned.count("no-bearer");
            return respond(false, Err(stranger()));
        };
        let answer = match self.gate.admit_person(&peer, act).await {
            Ok((person, bearer)) => {
                self.gate.told(act, &peer.identity, work(person, bearer).await).await
            }
            Err(problem) => Err(problem),
        };
        respond(false, answer)
    }

    /// Answers somebody who is not identified, if its address did not try too often: failures are
    /// recorded in sums.
    async fn unidentified(
        &self,
        reason: &str,
        address: IpAddr,
        act: impl AsyncFnOnce() -> Result<Value, Problem>,
    ) -> Response<Body> {
        if let Err(problem) = self.tries.take(address, &self.turned) {
            return respond(false, Err(problem));
        }
        let answer = act().await;
        if answer.as_ref().is_err_and(|problem| problem.exchange.is_none()) {
            self.turned.count(reason);
        }
        respond(false, answer)
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        Problem::new(Kind::Malformed, format!("the request's JSON: {error}"))
            .hint("the answer names the member that was not understood and what was expected there")
    })
}

fn own_id(person: &Identity) -> Result<AccountId, Problem> {
    person
        .person
        .clone()
        .ok_or_else(|| Problem::new(Kind::Internal, format!("{person} is signed in and no person")))
}
