//! `agency-node run`: asks sources when they are due, takes what comes into the inbox, hands over
//! what waits in the outbox, and witnesses the log, until it is told to stop. All of it finds its work in the folders, so that
//! it may be stopped anywhere.

use std::{
    collections::HashSet,
    path::PathBuf,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use backon::{BackoffBuilder, ExponentialBuilder};
use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind, RenameMode},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Notify, mpsc},
};
use tracing::{error, info, warn};

use crate::{
    config::Retry,
    console::Console,
    handin::{self, Taken},
    node::Node,
    outbox::State,
    output::{Exit, Failure, Reply},
    publish::{Delivery, Publisher},
    pull, schedule,
    source::folder::{Folder, Found},
    witness::Duties,
};

/// Runs until SIGINT or SIGTERM.
///
/// # Errors
/// When the node is not enrolled, runs already, or its folders cannot be used.
pub async fn run(node: Node) -> Result<Reply, Failure> {
    let _alone = node.alone()?;
    let publisher = node.publisher()?;
    let duties = Duties::take_up(&node).await?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let queued = Arc::new(Notify::new());
    let console = Console::open(&node, Arc::clone(&queued)).await?;
    let (events, watcher) = watch(&node)?;
    let sources = schedule::run(node.clone());
    let scan = node.config.inbox.scan();
    let inbox = pin!(take_files(node, events, Arc::clone(&queued)));
    let outbox = pin!(hand_over(publisher, scan, queued));
    let sources = pin!(sources);
    let duties = pin!(duties.run());
    let console = pin!(console.run());
    println!("node ready");
    tokio::select! {
        ended = duties => ended?,
        ended = inbox => ended?,
        ended = outbox => ended?,
        never = sources => match never {},
        () = console => {}
        _ = interrupt.recv() => info!("stopping: interrupted"),
        _ = terminate.recv() => info!("stopping: told to"),
    }
    drop(watcher);
    Ok(Reply {
        exit: Exit::Done,
        text: "stopped; what waits is sent at the next start".into(),
        aside: String::new(),
        json: serde_json::json!({ "stopped": true }),
    })
}

/// A file that was open for writing was closed.
const WRITTEN: AccessKind = AccessKind::Close(AccessMode::Write);

/// What the system says of the inbox: files that were renamed in, or just that something
/// changed.
type Events = mpsc::UnboundedReceiver<Option<PathBuf>>;

fn watch(node: &Node) -> Result<(Events, RecommendedWatcher), Failure> {
    let (sender, events) = mpsc::unbounded_channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Where the system cannot tell, the regular look into the folder finds the file.
        let Ok(event) = event else { return };
        // That a file was read, as this node itself does, is nothing new.
        if matches!(event.kind, EventKind::Access(access) if access != WRITTEN) {
            return;
        }
        let renamed = matches!(
            event.kind,
            EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both))
        );
        let path = event.paths.last().filter(|_| renamed).cloned();
        let _ = sender.send(path);
    })
    .context("cannot watch the inbox")?;
    for inbox in inboxes(node) {
        watcher
            .watch(&inbox, RecursiveMode::NonRecursive)
            .with_context(|| format!("cannot watch {}", inbox.display()))?;
    }
    Ok((events, watcher))
}

/// The folders into which files come: the common template's, then those of sources.
fn inboxes(node: &Node) -> impl Iterator<Item = PathBuf> {
    let sources = node.config.sources.iter().map(|source| node.inbox(source));
    std::iter::once(node.home.join("inbox")).chain(sources)
}

/// Takes files out of the inbox, for ever.
async fn take_files(node: Node, mut events: Events, queued: Arc<Notify>) -> Result<(), Failure> {
    let config = node.config.inbox.clone();
    let settle = config.settle();
    let mut folders: Vec<_> = inboxes(&node).map(|inbox| Folder::new(inbox, settle)).collect();
    let mut renamed = HashSet::new();
    loop {
        let mut found = Found::default();
        for folder in &mut folders {
            let here = folder.look(Instant::now(), &renamed).context("cannot read the inbox")?;
            found.ready.extend(here.ready);
            found.unsettled |= here.unsettled;
        }
        renamed.clear();
        for file in found.ready {
            let node = node.clone();
            let name = file.clone();
            let taken = tokio::task::spawn_blocking(move || {
                let taken = handin::take(&node, &file)?;
                pull::taken::note(&node, &file, &taken)?;
                Ok(taken)
            });
            tell(&name, taken.await.map_err(anyhow::Error::from)?);
            queued.notify_one();
        }
        let pause =
            if found.unsettled { settle.max(Duration::from_millis(50)) } else { config.scan() };
        let deadline = tokio::time::sleep(pause);
        tokio::select! {
            () = deadline => {}
            Some(path) = events.recv() => {
                renamed.extend(path);
                while let Ok(path) = events.try_recv() {
                    renamed.extend(path);
                }
            }
        }
    }
}

fn tell(file: &std::path::Path, taken: Result<Taken, Failure>) {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    match taken {
        Ok(Taken::Queued(batch)) => info!("{name} is queued as batch {batch}"),
        Ok(Taken::Prepared(batch)) => info!("{name} waits for approval as batch {batch}"),
        Ok(Taken::Already(batch)) => info!("{name} says what batch {batch} said: nothing to do"),
        Ok(Taken::Rejected { errors }) => {
            warn!("{name} breaks rules ({errors} errors): see rejected/{name}.report.txt");
        }
        Err(failure) => {
            error!("{name} could not be taken and stays in the inbox: {}", failure.reply().aside);
        }
    }
}

/// Waits between attempts to reach a gateway that is away.
pub(crate) fn delays(retry: &Retry) -> impl Iterator<Item = Duration> + use<> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(retry.first_seconds.max(1)))
        .with_max_delay(Duration::from_secs(retry.longest_seconds.max(1)))
        .without_max_times()
        .with_jitter()
        .build()
}

/// Hands over what waits, for ever; waits longer and longer while the gateway is away. Other
/// processes queue batches, too, and do not say so: every `scan` it looks for them.
async fn hand_over(
    publisher: Publisher,
    scan: Duration,
    queued: Arc<Notify>,
) -> Result<(), Failure> {
    let retry = publisher.retry.clone();
    let mut delays = self::delays(&retry);
    loop {
        let mut delivered = 0;
        match hand_over_all(&publisher, &mut delivered).await {
            Ok(()) => {
                delays = self::delays(&retry);
                let _ = tokio::time::timeout(scan, queued.notified()).await;
            }
            Err(failure) => {
                // A line that carried something is no line that is away.
                if delivered > 0 {
                    delays = self::delays(&retry);
                }
                let delay = delays.next().unwrap_or(Duration::from_secs(retry.longest_seconds));
                warn!("{}", kept(&failure, delay));
                tokio::time::sleep(delay).await;
            }
        }
    }
}

/// Says that nothing is lost.
fn kept(failure: &Failure, delay: Duration) -> String {
    let why = failure.reply().aside;
    format!("what waits is kept in the outbox, and tried again in {} s: {why}", delay.as_secs())
}

/// Hands over what waits, in order; the first that cannot be handed over stops it. Counts those that
/// are answered.
async fn hand_over_all(publisher: &Publisher, delivered: &mut usize) -> Result<(), Failure> {
    loop {
        let home = publisher.home.clone();
        let lock = tokio::task::spawn_blocking(move || home.lock("publish.lock"));
        let _lock = lock.await.map_err(anyhow::Error::from)??;
        let Some(entry) = publisher.outbox.waiting()?.into_iter().next() else { return Ok(()) };
        let batch = entry.batch;
        if entry.state == State::Sent {
            info!("batch {batch} was handed over before, without a receipt: handing it over again");
        }
        let delivery = publisher.deliver(entry).await?;
        *delivered += 1;
        match delivery {
            Delivery::Accepted { filed, .. } => {
                info!("batch {batch} is accepted as exchange {}; receipt filed", filed.exchange);
            }
            Delivery::Refused(refusal) => {
                // The detail may tell figures, which are nothing for a log.
                let problem = &refusal.problem;
                let (code, title) = (problem.kind.code(), problem.kind.title());
                warn!("batch {batch} is refused: {code}, {title}; see rejected/");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        handin::tests::{CSV, node},
        receipt::tests::signer,
        testing::{Authority, Standing},
    };

    /// Else a file that cannot be taken and stays would be tried again at once, for ever.
    #[tokio::test]
    async fn what_the_node_reads_itself_does_not_wake_it() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let inbox = node.home.join("inbox");
        let (stays, comes) = (inbox.join("stays.csv"), inbox.join("comes.csv"));
        std::fs::write(&stays, CSV).unwrap();
        std::fs::write(node.home.join("comes.csv"), CSV).unwrap();
        let (mut events, _watcher) = watch(&node).unwrap();
        std::fs::read(&stays).unwrap();
        std::fs::read_dir(&inbox).unwrap().count();
        std::fs::rename(node.home.join("comes.csv"), &comes).unwrap();
        assert_eq!(events.recv().await, Some(Some(comes)));
    }

    #[tokio::test]
    async fn a_revoked_node_keeps_its_batches_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut node = node(&folder.path().join("mia"));
        let file = node.home.join("inbox/a.csv");
        std::fs::write(&file, CSV).unwrap();
        let Taken::Queued(batch) = handin::take(&node, &file).unwrap() else { panic!("not taken") };
        let authority = Authority::of_nodes(Standing::Revoked);
        let port = authority.serve("gateway/BIRGE", vec![]).await;
        authority.enrol(&mut node, &signer().verifier().to_string(), port);
        let failure = hand_over_all(&node.publisher().unwrap(), &mut 0).await.unwrap_err();
        let told = kept(&failure, Duration::from_secs(1));
        assert!(told.contains("kept") && told.contains("was revoked"), "{told}");
        let waiting = node.outbox.waiting().unwrap();
        assert_eq!(waiting.iter().map(|entry| entry.batch).collect::<Vec<_>>(), [batch]);
    }
}
