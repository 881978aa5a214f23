//! A person with a password and an authenticator, and whatever it sends to the door for persons.
//! It shares no code with the gateway: the one-time passwords are computed here.

use std::{net::SocketAddr, path::Path};

use anyhow::{Context, Result, bail};
use aws_lc_rs::hmac;
use birge_proto::{
    clock::Timestamp,
    problem::{Kind, Problem},
    wire::{AskRequest, RecordEntry, RecordsRequest, query_client::QueryClient},
};
use rustls::RootCertStore;
use serde_json::{Value, json};
use tonic::metadata::MetadataValue;

use crate::{
    answer::Answer,
    client::{Client, Credentials, roots},
    exchange::Exchange,
    node::Node,
    web,
};

/// Seconds for which a one-time password is good.
pub const STEP: i64 = 30;

/// The gateway's door for persons.
#[derive(Debug, Clone)]
pub struct Door {
    address: SocketAddr,
    roots: RootCertStore,
}

/// A person who was named.
#[derive(Debug, Clone)]
pub struct Person {
    /// Its account: `member/NSC/k3jq7x2m`.
    pub account: String,
    /// The codes that it was handed.
    pub codes: Vec<String>,
    /// Its password.
    pub password: String,
    secret: Vec<u8>,
}

/// What the door answers.
#[derive(Debug, Clone)]
pub struct Told {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub json: Value,
}

impl Told {
    /// The problem that it tells.
    ///
    /// # Errors
    /// When it tells none.
    pub fn problem(&self) -> Result<Problem> {
        Problem::from_json(&self.json).with_context(|| format!("no problem: {self:?}"))
    }

    /// The body, where it is no problem.
    ///
    /// # Errors
    /// When it is one.
    pub fn good(self) -> Result<Value> {
        match self.status {
            200 => Ok(self.json),
            _ => bail!("{self:?}"),
        }
    }
}

impl Door {
    /// The door of an exchange, trusting the authority that stands in an answer to a node.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn of(exchange: &Exchange) -> Result<Self> {
        let authority = std::fs::read_to_string(exchange.home().join("keys/ca.crt"))?;
        Ok(Self { address: web::people_address(exchange)?, roots: roots(&authority)? })
    }

    /// Sends a request with these headers.
    ///
    /// # Errors
    /// When no HTTP comes back.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Told> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer =
            web::send_with(self.address, &self.roots, method, path, headers, body.as_bytes());
        let answer = answer.await?;
        let json = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        Ok(Told { status: answer.status, json })
    }

    /// As [`Self::send`], presenting a session or token.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn present(
        &self,
        bearer: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<Told> {
        self.send(method, path, &[("Authorization", &format!("Bearer {bearer}"))], body).await
    }

    /// A gRPC connection that shows no certificate.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn connect(&self) -> Result<Client> {
        let credentials = Credentials { roots: self.roots.clone(), certificate: None };
        Client::connect(self.address, &credentials).await
    }

    /// Asks for figures with a session or token.
    ///
    /// # Errors
    /// The gateway's refusal.
    pub async fn ask(&self, bearer: &str, request: AskRequest) -> Result<Answer, Problem> {
        let client = self.connect().await.map_err(away)?;
        let mut query = QueryClient::new(client.channel());
        let stream = query.ask(presenting(bearer, request)?).await;
        let mut stream = stream.map_err(refused)?.into_inner();
        let mut answer = Answer::default();
        while let Some(part) = stream.message().await.map_err(refused)? {
            answer.take(part).map_err(|error| away(error.into()))?;
        }
        Ok(answer)
    }

    /// Reads every record with a session or token.
    ///
    /// # Errors
    /// The gateway's refusal.
    pub async fn records(&self, bearer: &str) -> Result<Vec<RecordEntry>, Problem> {
        let client = self.connect().await.map_err(away)?;
        let request = RecordsRequest { from: 0, to: 0, filter: None };
        let stream = client.audit().records(presenting(bearer, request)?).await;
        let mut stream = stream.map_err(refused)?.into_inner();
        let mut entries = vec![];
        while let Some(entry) = stream.message().await.map_err(refused)? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// A request with the header that presents a session or token.
fn presenting<T>(bearer: &str, message: T) -> Result<tonic::Request<T>, Problem> {
    let value: MetadataValue<_> = format!("Bearer {bearer}")
        .parse()
        .map_err(|_| Problem::new(Kind::Malformed, "not a header"))?;
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(status: tonic::Status) -> Problem {
    Problem::from_status(&status)
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn away(error: anyhow::Error) -> Problem {
    Problem::new(Kind::Unavailable, error.to_string())
}

impl Person {
    /// Has `node` name a person.
    ///
    /// # Errors
    /// When it does not.
    pub fn named(node: &Node, role: &str, name: &str, more: &[&str]) -> Result<Self> {
        let file = node.dir().join(format!("invitation-{}.json", name.replace(' ', "-")));
        let out = file.to_str().context("the path")?;
        let arguments = ["people", "name", "--role", role, "--name", name, "--out", out];
        node.command(&[&arguments[..], more].concat())?.expect_code(0)?;
        Self::invited(&file)
    }

    /// Who is invited by a file.
    ///
    /// # Errors
    /// When it is no invitation.
    pub fn invited(file: &Path) -> Result<Self> {
        let invitation: Value = serde_json::from_slice(&std::fs::read(file)?)?;
        let text = |key: &str| invitation[key].as_str().map(str::to_owned).context("no invitation");
        let (account, code) = (text("person")?, text("code")?);
        let password = String::from("correct horse battery staple");
        Ok(Self { account, codes: vec![code], password, secret: vec![] })
    }

    /// Begins to make the account the person's own: the authenticator is given its secret.
    ///
    /// # Errors
    /// When the door does not let it.
    pub async fn begin(&mut self, door: &Door) -> Result<()> {
        let body = json!({ "account": self.account, "codes": self.codes });
        let told = door.send("POST", "/v1/activation", &[], &body).await?.good()?;
        self.secret = base32(told["secret"].as_str().context("no secret")?)?;
        Ok(())
    }

    /// Makes the account the person's own.
    ///
    /// # Errors
    /// When the door does not let it.
    pub async fn activate(&mut self, door: &Door, now: Timestamp) -> Result<Value> {
        self.begin(door).await?;
        let body = json!({
            "account": self.account, "codes": self.codes, "password": self.password,
            "code": self.code(now),
        });
        door.send("POST", "/v1/activation/confirm", &[], &body).await?.good()
    }

    /// Tries to sign in.
    ///
    /// # Errors
    /// When no HTTP comes back.
    pub async fn try_sign_in(&self, door: &Door, now: Timestamp) -> Result<Told> {
        let body = json!({
            "account": self.account, "password": self.password, "code": self.code(now),
        });
        door.send("POST", "/v1/sign-in", &[], &body).await
    }

    /// Signs in; answers with the session.
    ///
    /// # Errors
    /// When the door does not let it.
    pub async fn sign_in(&self, door: &Door, now: Timestamp) -> Result<String> {
        let told = self.try_sign_in(door, now).await?.good()?;
        told["session"].as_str().map(str::to_owned).context("no session")
    }

    /// Makes a token for `days` days; answers with its name and what is presented.
    ///
    /// # Errors
    /// When the door does not let it.
    pub async fn token(
        &self,
        door: &Door,
        session: &str,
        scopes: &[&str],
        days: u32,
        now: Timestamp,
    ) -> Result<(String, String)> {
        let body = json!({
            "password": self.password, "code": self.code(now), "scopes": scopes, "days": days,
        });
        let told = door.present(session, "POST", "/v1/tokens", &body).await?.good()?;
        let text = |key: &str| told[key].as_str().map(str::to_owned).context("no token");
        Ok((text("id")?, text("token")?))
    }

    /// The authenticator's code at a moment (RFC 6238).
    #[must_use]
    pub fn code(&self, now: Timestamp) -> String {
        let step = (now.as_second() / STEP) as u64;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[19] & 15);
        let four = [tag[offset] & 127, tag[offset + 1], tag[offset + 2], tag[offset + 3]];
        format!("{:06}", u32::from_be_bytes(four) % 1_000_000)
    }

    /// Lets the authenticator have this secret, in base32.
    ///
    /// # Errors
    /// When it is none.
    pub fn hold(&mut self, secret: &str) -> Result<()> {
        self.secret = base32(secret)?;
        Ok(())
    }
}

/// RFC 4648, without padding.
fn base32(text: &str) -> Result<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (vec![], 0_u64, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => bail!("{text:?} is no base32"),
        };
        bits = bits << 5 | u64::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_rfc_s() {
        let mut person = Person {
            account: String::new(),
            codes: vec![],
            password: String::new(),
            secret: vec![],
        };
        person.hold("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        assert_eq!(person.secret, b"12345678901234567890");
        assert_eq!(person.code(Timestamp::from_second(1_111_111_109).unwrap()), "081804");
    }
}
