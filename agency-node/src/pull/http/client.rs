//! Whom an address is asked of, and as whom.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use reqwest::{
    Client, Method, Proxy, RequestBuilder, Response, StatusCode, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::{Attempt, Policy},
};
use tokio::task::spawn_blocking;

use super::super::{Asked, tls};
use crate::{
    config::{Http, Source},
    home::Home,
    node::Node,
    output::Failure,
    secret,
};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may be silent in the middle of its answer.
const SILENCE: Duration = Duration::from_secs(60);
/// Redirects that are followed.
const REDIRECTS: usize = 5;

/// An address that only waits to be asked.
pub(super) struct Asking {
    client: Client,
    headers: HeaderMap,
    who: As,
    pub(super) url: Url,
    /// The server, as it is told to people: what stands behind it may be secret.
    pub(super) server: String,
    pub(super) format: Option<String>,
}

/// What node.toml says of a source's address, for a period.
///
/// # Errors
/// When it is wrong, or a secret cannot be read.
pub(super) async fn asking(node: &Node, source: &Source, asked: &Asked) -> Result<Asking, Failure> {
    let (home, source, asked) = (node.home.clone(), source.clone(), asked.clone());
    let asking = spawn_blocking(move || Asking::of(&home, &source, &asked));
    asking.await.map_err(anyhow::Error::from)?
}

impl Asking {
    fn of(home: &Home, source: &Source, asked: &Asked) -> Result<Self, Failure> {
        let wrong = |why: &str, next: &str| {
            Failure::Usage(format!("the address of {} {why}\nnext: {next}", source.name))
        };
        let http = source.http.as_ref().ok_or_else(|| {
            wrong("is none", "give the source [source.http] with url in node.toml")
        })?;
        let url = url(http, asked, &wrong)?;
        let server = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => return Err(wrong("names no server", "correct url in node.toml")),
        };
        if url.scheme() != "https" && !(http.plain || is_loopback(&url)) {
            let next = "write https://, or plain = true where whoever listens on the way may read \
                        and change everything";
            return Err(wrong("is not https", next));
        }
        let client = client(http, home)
            .map_err(|error| wrong(&format!("cannot be asked: {error}"), "correct node.toml"))?;
        let (headers, who) = (headers(http, home)?, As::of(http, home)?);
        Ok(Self { client, headers, who, url, server, format: http.format.clone() })
    }

    /// A request, with what the node shows of itself.
    pub(super) fn request(&self, method: Method) -> RequestBuilder {
        let request = self.client.request(method, self.url.clone()).headers(self.headers.clone());
        match &self.who {
            As::Nobody => request,
            As::Bearer(token) => request.bearer_auth(token),
            As::User(user, password) => request.basic_auth(user, Some(password)),
        }
    }

    /// An answer that has what was asked for.
    ///
    /// # Errors
    /// When it has not.
    pub(super) fn accepted(&self, response: Response) -> Result<Response, Failure> {
        let (status, server) = (response.status(), &self.server);
        let next = match status {
            _ if status.is_success() => return Ok(response),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "see whether token_file, or user and password_file, hold what the server expects"
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                "correct url in node.toml, or see whether the figures of that period are there yet"
            }
            _ if status.is_redirection() => {
                "put the address that it leads to into url in node.toml: only redirects to the \
                 same server are followed"
            }
            _ if is_passing(status) => "try again later, or ask whoever runs the server",
            _ => "try the address with curl, or ask whoever runs the server",
        };
        let text = format!("{server} answers {status}\nnext: {next}");
        match is_passing(status) {
            true => Err(Failure::Unreachable(text)),
            false => Err(Failure::Wrong(text)),
        }
    }

    /// Why there is no answer.
    pub(super) fn away(&self, error: reqwest::Error) -> Failure {
        // The address may hold what is secret.
        let error = anyhow::Error::from(error.without_url());
        Failure::Unreachable(format!(
            "{} cannot be reached: {error:#}\nnext: see whether it runs, whether a firewall is in \
             the way, and what url, ca_file and proxy say in node.toml",
            self.server
        ))
    }
}

/// Does trouble of this kind pass?
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status)
}

/// The address for a period, whose letters, digits and hyphens stand for themselves in one.
fn url(http: &Http, asked: &Asked, wrong: &impl Fn(&str, &str) -> Failure) -> Result<Url, Failure> {
    let mut text = http.url.clone();
    if ["{period}", "{first}", "{after}"].iter().any(|mark| text.contains(mark)) {
        let [period, first, after] = asked.parameters().ok_or_else(|| {
            let next = "set period of the source to year, half-year, quarter or month, or name one \
                        with --period";
            wrong("has a place for the period, but none is known", next)
        })?;
        for (mark, with) in [("{period}", period), ("{first}", first), ("{after}", after)] {
            text = text.replace(mark, &with);
        }
    }
    let url = Url::parse(&text)
        .map_err(|error| wrong(&format!("is none: {error}"), "correct url in node.toml"))?;
    if !url.username().is_empty() || url.password().is_some() {
        let next = "put the user into user, and the password into a file of mode 600 that \
                    password_file names, and replace it, for node.toml was read by others";
        return Err(wrong("holds a user or a password", next));
    }
    match url.scheme() {
        "https" | "http" => Ok(url),
        _ => Err(wrong("is not https", "begin it with https://")),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn client(http: &Http, home: &Home) -> anyhow::Result<Client> {
    let ca_file = http.ca_file.as_ref().map(|file| home.join(file));
    let mut tls = tls::config(ca_file.as_deref(), false)?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::custom(|attempt: Attempt<'_>| {
            let is_same = attempt
                .previous()
                .first()
                .is_some_and(|first| first.origin() == attempt.url().origin());
            match is_same && attempt.previous().len() <= REDIRECTS {
                true => attempt.follow(),
                false => attempt.stop(),
            }
        }))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .timeout(Duration::from_secs(http.timeout_seconds.max(1)))
        .user_agent(concat!("birge-agency-node/", env!("CARGO_PKG_VERSION")))
        // What the environment says is not what node.toml says.
        .no_proxy();
    let builder = match &http.proxy {
        Some(proxy) => builder.proxy(Proxy::all(proxy)?),
        None => builder,
    };
    Ok(builder.build()?)
}

/// Headers whose content lies in files that only their owner may read.
fn headers(http: &Http, home: &Home) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, file) in &http.header_files {
        let unfit = || {
            Failure::Wrong(format!(
                "what is to be sent as {name} is no header\nnext: see that the file has it in one \
                 line of letters, digits and signs, and that the name is one"
            ))
        };
        let text = secret::read(&home.join(file))?;
        let mut value = HeaderValue::from_str(&text).map_err(|_| unfit())?;
        value.set_sensitive(true);
        headers.insert(name.parse::<HeaderName>().map_err(|_| unfit())?, value);
    }
    Ok(headers)
}

/// As whom the node asks.
enum As {
    Nobody,
    Bearer(String),
    User(String, String),
}

impl As {
    fn of(http: &Http, home: &Home) -> Result<Self, Failure> {
        let secret = |file: &PathBuf| secret::read(&home.join(file));
        Ok(match (&http.token_file, &http.user, &http.password_file) {
            (None, None, None) => Self::Nobody,
            (Some(token), None, None) => Self::Bearer(secret(token)?),
            (None, Some(user), Some(password)) => Self::User(user.clone(), secret(password)?),
            _ => {
                return Err(Failure::Usage(
                    "what the node shows of itself is said twice, or by half\nnext: give \
                     [source.http] either token_file, or user and password_file"
                        .into(),
                ));
            }
        })
    }
}
