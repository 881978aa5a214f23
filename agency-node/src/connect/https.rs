//! JSON over HTTPS, without a certificate: the gateway's address for persons, and for a node whose
//! certificate ends.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, anyhow};
use birge_proto::problem::{Kind, Problem};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request,
    body::Bytes,
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use serde_json::Value;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{Door, dial::Dial, person_tls, place};
use crate::output::Failure;

/// Bytes of the longest answer that is read.
const ANSWER_BYTES: usize = 256 << 10;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The gateway's desk.
pub struct Desk {
    tls: TlsConnector,
    dial: Dial,
    /// Host and port.
    host: String,
    name: ServerName<'static>,
}

impl Desk {
    /// The desk behind a door, on the way that `dial` makes of host and port.
    ///
    /// # Errors
    /// When the address or the authority is malformed.
    pub fn behind(
        door: &Door<'_>,
        dial: impl FnOnce(String, u16) -> Result<Dial, Failure>,
    ) -> Result<Self, Failure> {
        let (_, (host, port), name) = place(door.url)?;
        let tls = TlsConnector::from(Arc::new(person_tls(door, b"http/1.1")?));
        Ok(Self { tls, host: format!("{host}:{port}"), dial: dial(host, port)?, name })
    }

    /// Has something done.
    ///
    /// # Errors
    /// What the gateway answers, or that it does not.
    pub async fn post(
        &self,
        path: &str,
        session: Option<&str>,
        body: &Value,
    ) -> Result<Value, Failure> {
        self.ask(Method::POST, path, session, body.to_string()).await
    }

    /// Asks for something.
    ///
    /// # Errors
    /// What the gateway answers, or that it does not.
    pub async fn get(&self, path: &str, session: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, path, Some(session), String::new()).await
    }

    /// Has something taken away.
    ///
    /// # Errors
    /// What the gateway answers, or that it does not.
    pub async fn delete(&self, path: &str, session: &str) -> Result<Value, Failure> {
        self.ask(Method::DELETE, path, Some(session), String::new()).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        session: Option<&str>,
        body: String,
    ) -> Result<Value, Failure> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(HOST, &self.host);
        request = request.header(CONTENT_TYPE, "application/json");
        if let Some(session) = session {
            request = request.header(AUTHORIZATION, format!("Bearer {session}"));
        }
        let request = request.body(Full::from(Bytes::from(body))).map_err(anyhow::Error::from)?;
        let answered = timeout(PATIENCE, self.send(request)).await;
        let answered = answered.unwrap_or_else(|_| Err(anyhow!("no answer in time")));
        let (good, value) =
            answered.map_err(|error| Problem::new(Kind::Unavailable, format!("{error:#}")))?;
        match (good, Problem::from_json(&value)) {
            (true, _) => Ok(value),
            (false, Some(problem)) => Err(problem.into()),
            (false, None) => Err(Failure::Internal(anyhow!("the gateway answers {value}"))),
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<(bool, Value)> {
        let stream = self.tls.connect(self.name.clone(), self.dial.connect().await?).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request).await?;
        let good = answer.status().is_success();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        connection.abort();
        let body = body.map_err(|error| anyhow!("{error}"))?.to_bytes();
        Ok((good, serde_json::from_slice(&body).context("the answer is no JSON")?))
    }
}
