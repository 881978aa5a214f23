//! `agency-node doctor`: whether a node can do its work, and what to do where it cannot. Each check
//! stands by itself, so that one fault hides no other.

mod sources;

use std::{fmt, fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use birge_proto::{clock::Timestamp, identity::Role, wire::ListDatasetsRequest};
use jiff::SignedDuration;
use serde::Serialize;
use tokio::net::{TcpStream, lookup_host};

use crate::{
    alarms,
    approver::Register,
    connect::{self, dial::Dial},
    credentials::{self, Credentials, Enrolment},
    home,
    node::Node,
    outbox::receipts,
    output::{Exit, Failure, Reply},
};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It works.
    Fine,
    /// It works, and will not for ever.
    Soon,
    /// It does not.
    Wrong,
}

/// One check.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    /// What was looked at.
    pub(crate) what: &'static str,
    /// How it ended.
    pub(crate) state: State,
    /// What was found.
    pub(crate) found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// What was looked at.
#[derive(Debug, Serialize)]
struct Checks {
    checks: Vec<Check>,
}

impl fmt::Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Check { what, state, found, next }) in self.checks.iter().enumerate() {
            let state = match state {
                State::Fine => "fine ",
                State::Soon => "soon ",
                State::Wrong => "WRONG",
            };
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}{state}  {what:<12} {found}")?;
            if let Some(next) = next {
                write!(f, "\n       next: {next}")?;
            }
        }
        Ok(())
    }
}

/// Free bytes below which there is too little to work, and below which that comes near.
const FREE: [u64; 2] = [100 << 20, 1 << 30];
/// Days before the end of a certificate from which on it is spoken of.
const DAYS: i64 = 30;
/// Seconds by which a clock may be behind what it was.
const BEHIND: i64 = 300;
/// How long a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at everything that a node needs. What is wrong is told, and ends with 1.
///
/// # Errors
/// When the answer cannot be made.
pub async fn doctor(node: &Node) -> Result<Reply, Failure> {
    let mut checks = near(node, node.clock.now());
    checks.push(renewal(node).await);
    checks.extend(sources::all(node).await);
    checks.extend([name(node).await, gateway(node).await]);
    let worst = checks.iter().map(|check| check.state).max();
    let exit = if worst == Some(State::Wrong) { Exit::Refused } else { Exit::Done };
    Reply::new(exit, &Checks { checks })
}

/// What can be looked at on this machine alone.
pub(crate) fn near(node: &Node, now: Timestamp) -> Vec<Check> {
    let credentials = Credentials::load(&node.home, node.identity());
    let mut checks = vec![
        folder(node),
        keys(node),
        disk(node),
        clock(node, now),
        enrolment(&credentials),
        approval(node),
    ];
    checks.extend(credentials.as_ref().ok().map(|own| certificate(own, now)));
    checks.extend(sources::unmet(node));
    checks.extend([waiting(node, now), standing(node)]);
    checks
}

fn fine(what: &'static str, found: impl Into<String>) -> Check {
    Check { what, state: State::Fine, found: found.into(), next: None }
}

fn wrong(what: &'static str, found: impl Into<String>, next: impl Into<String>) -> Check {
    Check { what, state: State::Wrong, found: found.into(), next: Some(next.into()) }
}

fn soon(what: &'static str, found: impl Into<String>, next: impl Into<String>) -> Check {
    Check { state: State::Soon, ..wrong(what, found, next) }
}

/// A failure, whose text says itself what to do.
fn of(what: &'static str, failure: &Failure) -> Check {
    let text = failure.to_string();
    match text.split_once("\nnext: ") {
        Some((found, next)) => wrong(what, found, next),
        None => Check { what, state: State::Wrong, found: text, next: None },
    }
}

fn folder(node: &Node) -> Check {
    let probe = node.home.join("state/doctor");
    let written = home::write(&probe, b"");
    let _ = fs::remove_file(&probe);
    let path = node.home.join("").display().to_string();
    match written {
        Ok(()) => fine("folder", format!("{path} can be written")),
        Err(failure) => wrong(
            "folder",
            format!("{path} cannot be written: {failure}"),
            "let the user that runs the node own this folder",
        ),
    }
}

/// Private keys are their owner's alone.
fn keys(node: &Node) -> Check {
    let folder = node.home.join("keys");
    let open =
        |path: &Path| fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o077 != 0);
    let files = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let all: Vec<_> = std::iter::once(folder.clone()).chain(files).collect();
    if let Some(path) = all.iter().find(|path| open(path)) {
        let next = format!("chmod -R go= {}", folder.display());
        return wrong("keys", format!("others may read {}", path.display()), next);
    }
    let signs = node.identity().role == Role::Agency;
    let public = signs.then(|| credentials::signing_key(&node.home, node.identity())).transpose();
    match (public, Enrolment::of(&node.home)) {
        (Err(failure), _) | (_, Err(failure)) => of("keys", &failure),
        (Ok(Some(key)), Ok(sent)) if hex::encode(key.verifying_key().0) != sent.signing_key => {
            wrong(
                "keys",
                "keys/signing.key is not the one that was enrolled",
                "restore it from your backup",
            )
        }
        _ => fine("keys", "are there, and their owner's alone"),
    }
}

fn disk(node: &Node) -> Check {
    let Ok(facts) = rustix::fs::statvfs(node.home.join("").as_path()) else {
        return wrong("disk", "the file system does not answer", "look at it");
    };
    let free = facts.f_bavail.saturating_mul(facts.f_frsize);
    let found = format!("{} MB are free", free >> 20);
    let next = "make room: old receipts and rejected files may be moved to an archive";
    match free {
        free if free < FREE[0] => wrong("disk", found, next),
        free if free < FREE[1] => soon("disk", found, next),
        _ => fine("disk", found),
    }
}

/// The clock is not behind what it was when a receipt was filed.
fn clock(node: &Node, now: Timestamp) -> Check {
    let newest = receipts::all(&node.home).unwrap_or_default().into_iter().map(|it| it.filed).max();
    let behind = newest.map_or(0, |filed| filed.duration_since(now).as_secs());
    let found = format!("{now}");
    match behind > BEHIND {
        true => wrong(
            "clock",
            format!("{found}, {behind} s before the newest receipt"),
            "set the clock, and let it be set over the network (chrony, systemd-timesyncd)",
        ),
        false => fine("clock", found),
    }
}

fn enrolment(credentials: &Result<Credentials, Failure>) -> Check {
    match credentials {
        Ok(own) => fine("enrolment", format!("as {}", own.enrolled.identity)),
        Err(failure) => of("enrolment", failure),
    }
}

fn certificate(own: &Credentials, now: Timestamp) -> Check {
    let next = "a node that runs renews it; see its log, and try `agency-node renew`";
    let until = match own.until() {
        Ok(until) => until,
        Err(failure) => return of("certificate", &failure),
    };
    let left = until.duration_since(now);
    let found = format!("is good until {until}");
    match left {
        left if left <= SignedDuration::ZERO => {
            wrong("certificate", format!("ended on {until}"), next)
        }
        left if left < SignedDuration::from_hours(24 * DAYS) => soon("certificate", found, next),
        _ => fine("certificate", found),
    }
}

fn approval(node: &Node) -> Check {
    let (what, required) = ("approval", node.config.approval.required);
    let approvers = match Register::load(&node.home) {
        Ok(register) => register.approvers().len(),
        Err(failure) => return of(what, &failure),
    };
    if required {
        let next = "make a key with `agency-node approver new`, and name it";
        return match approvers {
            0 => wrong(what, "nobody may approve, so that nothing is handed in", next),
            count => fine(what, format!("nothing is signed without it; {count} may approve")),
        };
    }
    if node.identity().role == Role::Agency && node.config.batch.officer.trim().is_empty() {
        let next = "name the office held in node.toml: officer under [batch]";
        return wrong(what, "nobody approves what is handed in (article 5(1))", next);
    }
    if approvers > 0 {
        let found = format!("{approvers} may approve, and nobody is asked: batches go without it");
        let next = "say required = true under [approval] in node.toml".to_owned();
        return Check { what, state: State::Soon, found, next: Some(next) };
    }
    fine(what, "who approves batches is named, where any are handed in")
}

async fn name(node: &Node) -> Check {
    let url = &node.config.gateway.url;
    let (_, (host, port), _) = match connect::place(url) {
        Ok(place) => place,
        Err(failure) => return of("name", &failure),
    };
    let found = lookup_host((host.as_str(), port)).await.map(Iterator::collect::<Vec<_>>);
    let addresses = match found {
        Ok(addresses) if !addresses.is_empty() => addresses,
        Ok(_) => return wrong("name", format!("{host} has no address"), "look at the DNS"),
        Err(error) => {
            return wrong("name", format!("{host} is not found: {error}"), "look at the DNS");
        }
    };
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(&addresses[..])).await;
    let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    match connected {
        Ok(Ok(_)) => fine("name", format!("{host} is {}, and answers", list.join(", "))),
        Ok(Err(error)) => wrong(
            "name",
            format!("{host} is {}: {error}", list.join(", ")),
            "see whether a firewall is in the way, and whether the gateway runs",
        ),
        Err(_) => wrong(
            "name",
            format!("{host} is {}, and does not answer", list.join(", ")),
            "see whether a firewall drops what goes there",
        ),
    }
}

/// Where a certificate is renewed: another port than the gateway's own.
async fn renewal(node: &Node) -> Check {
    let Ok(own) = Credentials::load(&node.home, node.identity()) else {
        return wrong("renewal", "this node is not enrolled", "see enrolment");
    };
    let url = &own.enrolled.people_url;
    let dial = connect::place(url).and_then(|(_, (host, port), _)| {
        Dial::of(&node.config.gateway, &node.home.join(""), host, port)
    });
    let dial = match dial {
        Ok(dial) => dial,
        Err(failure) => return of("renewal", &failure),
    };
    match tokio::time::timeout(PATIENCE, dial.connect()).await {
        Ok(Ok(_)) => fine("renewal", format!("{url}, where certificates are renewed, answers")),
        Ok(Err(error)) => wrong(
            "renewal",
            format!("{url}, where certificates are renewed, cannot be reached: {error}"),
            "open this port, too, in the firewall or the proxy",
        ),
        Err(_) => wrong(
            "renewal",
            format!("{url}, where certificates are renewed, does not answer"),
            "open this port, too, in the firewall or the proxy",
        ),
    }
}

async fn gateway(node: &Node) -> Check {
    let link = match node.link() {
        Ok((link, _)) => link,
        Err(failure) => return of("gateway", &failure),
    };
    match link.query().list_datasets(ListDatasetsRequest {}).await {
        Ok(_) => fine("gateway", format!("{} knows this node", node.config.gateway.url)),
        Err(status) => of("gateway", &Failure::from(connect::problem(&status))),
    }
}

fn waiting(node: &Node, now: Timestamp) -> Check {
    match node.outbox.waiting() {
        Err(failure) => of("outbox", &failure),
        Ok(waiting) => {
            let since = waiting.iter().filter_map(|entry| {
                let changed = fs::metadata(&entry.path).ok()?.modified().ok()?;
                Timestamp::try_from(changed).ok()
            });
            let hours = since.min().map_or(0, |queued| now.duration_since(queued).as_hours());
            let found = format!("{} batches wait", waiting.len());
            match hours >= 24 {
                true => wrong(
                    "outbox",
                    format!("{found}, one for {hours} h"),
                    "see that `agency-node run` runs and the gateway is reached",
                ),
                false => fine("outbox", found),
            }
        }
    }
}

fn standing(node: &Node) -> Check {
    match alarms::standing(&node.home) {
        Err(failure) => of("alarms", &failure),
        Ok(alarms) if alarms.is_empty() => fine("alarms", "none stands"),
        Ok(alarms) => wrong(
            "alarms",
            format!("{} stand", alarms.len()),
            "`agency-node status` shows them; settle those that were dealt with",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handin::tests::node;

    async fn found(node: &Node) -> (Exit, Vec<(String, String)>) {
        let reply = doctor(node).await.unwrap();
        let checks = reply.json["checks"].as_array().unwrap().iter().map(|check| {
            let text = |name: &str| check[name].as_str().unwrap().to_owned();
            (text("what"), text("state"))
        });
        (reply.exit, checks.collect())
    }

    #[tokio::test]
    async fn a_node_that_is_not_enrolled_is_told_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let (exit, checks) = found(&node).await;
        assert_eq!(exit, Exit::Refused);
        let state = |what: &str| checks.iter().find(|(own, _)| own == what).unwrap().1.as_str();
        for what in ["folder", "keys", "disk", "clock", "approval", "outbox", "alarms"] {
            assert_ne!(state(what), "wrong", "{what}: {checks:?}");
        }
        assert_eq!(
            (state("enrolment"), state("name"), state("gateway")),
            ("wrong", "wrong", "wrong")
        );
        let reply = doctor(&node).await.unwrap();
        assert!(reply.text.contains("next: send"), "{}", reply.text);
    }

    #[tokio::test]
    async fn keys_that_others_may_read_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let key = node.home.join("keys/signing.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let (_, checks) = found(&node).await;
        assert!(checks.contains(&("keys".into(), "wrong".into())), "{checks:?}");
    }
}
