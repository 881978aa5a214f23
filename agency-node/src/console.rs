//! The node's own window and door, for this machine alone: pages that show how the node stands and
//! take files, an API to which a ministry's own systems push theirs, and metrics. Off unless
//! node.toml has `[console] listen`.
//!
//! | module | does |
//! |---|---|
//! | `key`, `guard` | who may pass: a key for programs, a session for browsers |
//! | `pages` | what people see, without any script; `words`: in their language |
//! | `api` | `POST /v1/batches` and what became of each |
//! | `upload`, `jobs`, `became` | a body on the disk; what was pushed; what it became |
//! | `due` | what is due, or was when the gateway was reached last |
//! | `metrics` | for Prometheus |

mod answer;
mod api;
mod became;
mod due;
mod guard;
mod jobs;
mod key;
mod metrics;
mod pages;
mod upload;
mod words;

use std::{
    collections::BTreeMap,
    future,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use birge_proto::limits;
use tokio::{net::TcpListener, sync::Notify, time::interval};
use tracing::{info, warn};

use self::key::{Key, Purpose};
use crate::{
    node::Node,
    output::{Exit, Failure, Reply},
    served,
};

/// How long one connection may live: a large file takes its time.
const CONNECTION: Duration = Duration::from_secs(15 * 60);

/// What every request is answered from.
struct Desk {
    node: Node,
    key: Key,
    /// Links that were opened, each with its end: none opens twice.
    opened: Mutex<BTreeMap<String, i64>>,
    /// Held while a job is filed: one at a time.
    filing: tokio::sync::Mutex<()>,
    /// Held while a file is checked, which takes memory.
    checking: tokio::sync::Mutex<()>,
    /// Held while a key is opened, which takes memory and time: nobody tries many passphrases.
    approving: tokio::sync::Mutex<()>,
    /// Told when a batch is queued.
    queued: Arc<Notify>,
}

type Shared = Arc<Desk>;

/// The console of a node that runs.
pub struct Console(Option<(TcpListener, Shared)>);

impl Console {
    /// Listens, where node.toml says so.
    ///
    /// # Errors
    /// When the address is none of this machine alone, nobody can listen there, or there is no key.
    pub async fn open(node: &Node, queued: Arc<Notify>) -> Result<Self, Failure> {
        let Some(address) = address(&node.config.console.listen)? else { return Ok(Self(None)) };
        let desk = desk(node, queued)?;
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Failure::Wrong(format!(
                "the console cannot listen at {address}: {error}\nnext: correct [console] listen in \
                 node.toml, or stop what listens there"
            ))
        })?;
        info!("the console listens at http://{address}; `agency-node console` prints its link");
        Ok(Self(Some((listener, Arc::new(desk)))))
    }

    /// Serves for ever.
    pub async fn run(self) {
        let Some((listener, desk)) = self.0 else { return future::pending().await };
        let sweeping = sweep(Arc::clone(&desk));
        tokio::join!(served::serve(listener, router(desk), CONNECTION), sweeping);
    }
}

/// Takes up the console's work where it was left.
fn desk(node: &Node, queued: Arc<Notify>) -> Result<Desk, Failure> {
    jobs::recover(&node.home)?;
    Ok(Desk {
        node: node.clone(),
        key: Key::of(&node.home)?,
        opened: Mutex::default(),
        filing: tokio::sync::Mutex::default(),
        checking: tokio::sync::Mutex::default(),
        approving: tokio::sync::Mutex::default(),
        queued,
    })
}

/// Forgets old jobs, every day.
async fn sweep(desk: Shared) {
    let mut days = interval(Duration::from_secs(24 * 60 * 60));
    loop {
        days.tick().await;
        let swept = blocking(&desk, |desk| jobs::sweep(&desk.node.home, desk.node.clock.now()));
        if let Err(failure) = swept.await {
            warn!("old jobs are kept: {failure}");
        }
    }
}

/// Disk work, away from what answers others.
async fn blocking<T: Send + 'static>(
    desk: &Shared,
    work: impl FnOnce(&Desk) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let desk = Arc::clone(desk);
    tokio::task::spawn_blocking(move || work(&desk)).await.map_err(anyhow::Error::from)?
}

fn router(desk: Shared) -> Router {
    let guard = middleware::from_fn_with_state(Arc::clone(&desk), guard::guard);
    Router::new()
        .merge(pages::routes())
        .merge(api::routes())
        .route("/metrics", get(metrics::metrics))
        // A form's other parts are short.
        .layer(DefaultBodyLimit::max(limits::FILE_BYTES as usize + (1 << 20)))
        .layer(guard)
        .with_state(desk)
}

/// The address to listen at; none for an empty one.
fn address(listen: &str) -> Result<Option<SocketAddr>, Failure> {
    if listen.is_empty() {
        return Ok(None);
    }
    let wrong = |what: &str| {
        Failure::Usage(format!(
            "[console] listen is {listen:?}, {what}\nnext: write 127.0.0.1:7480 or [::1]:7480; from \
             another machine the console is reached through a tunnel, such as ssh -L"
        ))
    };
    let address: SocketAddr = listen.parse().map_err(|_| wrong("which is no address and port"))?;
    match address {
        address if !address.ip().is_loopback() => Err(wrong("which others could reach")),
        address if address.port() == 0 => Err(wrong("which names no port")),
        address => Ok(Some(address)),
    }
}

/// `agency-node console`: prints the link that opens the console.
///
/// # Errors
/// When there is no console, or no key.
pub fn link(node: &Node) -> Result<Reply, Failure> {
    let Some(address) = address(&node.config.console.listen)? else {
        return Err(Failure::Usage(
            "this node has no console\nnext: write listen = \"127.0.0.1:7480\" under [console] in \
             node.toml, and start `agency-node run` again"
                .into(),
        ));
    };
    let code = Key::of(&node.home)?.mark(Purpose::Open, node.clock.now())?;
    let link = format!("http://{address}/open?code={code}");
    let aside = "open it in a browser on this machine within five minutes; it opens once".into();
    Ok(Reply { exit: Exit::Done, json: serde_json::json!({ "link": link }), text: link, aside })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_may_reach_it() {
        assert_eq!(address("").unwrap(), None);
        for good in ["127.0.0.1:7480", "[::1]:7480", "127.0.0.2:1"] {
            assert!(address(good).unwrap().is_some(), "{good}");
        }
        for bad in ["0.0.0.0:7480", "[::]:7480", "192.168.0.1:7480", "127.0.0.1:0", "7480", "x:1"] {
            let told = address(bad).unwrap_err().to_string();
            assert!(told.contains(bad) && told.contains("next:"), "{told}");
        }
    }
}
