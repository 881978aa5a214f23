//! A gateway with its folder: made, started, stopped, killed, asked.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{
    binaries::binaries,
    country,
    decree::Draft,
    node::Node,
    process::{Output, Process},
    watch,
};

/// Trust domain of every exchange made here.
pub const TRUST_DOMAIN: &str = "birge.example";

/// A gateway's folder, its nodes' folders beside it, and the running gateway, if it runs.
#[derive(Debug)]
pub struct Exchange {
    dir: PathBuf,
    address: SocketAddr,
    server: Option<Process>,
    /// Goes with the exchange when the folder is a temporary one.
    _temporary: Option<TempDir>,
}

impl Exchange {
    /// A new exchange in a temporary folder, serving.
    ///
    /// # Errors
    /// When the gateway cannot be made or started.
    pub fn start() -> Result<Self> {
        Self::start_as(&[])
    }

    /// As [`Self::start`], with these arguments of `gateway init` more: `["--decree", FOLDER]`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_as(arguments: &[&str]) -> Result<Self> {
        let temporary = TempDir::with_prefix("birge-")?;
        Self::found(temporary.path(), arguments)?.expect_code(0)?;
        let mut exchange = Self::at(temporary.path())?;
        exchange._temporary = Some(temporary);
        exchange.serve()?;
        Ok(exchange)
    }

    /// The exchange in `dir`, made when it is not there yet; not serving.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn at(dir: &Path) -> Result<Self> {
        if !dir.join("gateway/gateway.toml").exists() {
            Self::found(dir, &[])?.expect_code(0)?;
        }
        let note = dir.join("address");
        let address = fs::read_to_string(&note)
            .with_context(|| format!("{} is missing: start in a new folder", note.display()))?
            .parse()?;
        Ok(Self { dir: dir.to_owned(), address, server: None, _temporary: None })
    }

    /// Runs `gateway init` with `arguments` besides those that every exchange here has.
    ///
    /// # Errors
    /// When it does not start or does not end.
    pub fn found(dir: &Path, arguments: &[&str]) -> Result<Output> {
        let (listen, public, people) = (free_address()?, free_address()?, free_address()?);
        let mut command = Command::new(&binaries()?.gateway);
        command.args(["init", "--dir"]).arg(dir.join("gateway"));
        command.args(["--trust-domain", TRUST_DOMAIN, "--server-name", "localhost"]);
        command.args(["--listen", &listen.to_string()]);
        command.args(["--public-listen", &public.to_string()]);
        command.args(["--people-listen", &people.to_string()]).args(arguments);
        if country::folder().is_some() && !arguments.contains(&"--decree") {
            let folder = dir.join("decree");
            Draft::model()?.write(&folder)?;
            command.arg("--decree").arg(folder);
        }
        let output = Process::spawn("gateway init", &mut command)?.wait_end()?;
        fs::write(dir.join("address"), listen.to_string())?;
        Ok(output)
    }

    /// Another exchange with the same keys and data, in a temporary folder of its own; not
    /// serving. This one must not be serving either. Nodes of this one are enrolled in that
    /// one too.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn twin(&self) -> Result<Self> {
        let temporary = TempDir::with_prefix("birge-")?;
        let dir = temporary.path().to_owned();
        let (address, public, people) = (free_address()?, free_address()?, free_address()?);
        copy(&self.home(), &dir.join("gateway"))?;
        let twin = Self { dir, address, server: None, _temporary: Some(temporary) };
        let mut config: toml::Table = fs::read_to_string(twin.config())?.parse()?;
        let listen = config.get_mut("listen").and_then(toml::Value::as_table_mut);
        let listen = listen.context("the configuration does not say where to listen")?;
        listen.insert("exchange".to_owned(), address.to_string().into());
        listen.insert("public".to_owned(), public.to_string().into());
        listen.insert("people".to_owned(), people.to_string().into());
        fs::write(twin.config(), config.to_string())?;
        fs::write(twin.dir.join("address"), address.to_string())?;
        Ok(twin)
    }

    /// Starts the gateway and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready; the error shows its log.
    pub fn serve(&mut self) -> Result<()> {
        self.serve_by(|command| command)
    }

    /// As [`Self::serve`], the command changed before it starts (environment, a wrapper).
    ///
    /// # Errors
    /// As [`Self::serve`].
    pub fn serve_by(&mut self, change: impl FnOnce(Command) -> Command) -> Result<()> {
        let mut command = Command::new(&binaries()?.gateway);
        command.args(["serve", "--config"]).arg(self.config());
        let server = self.server.insert(Process::spawn("gateway", &mut change(command))?);
        server.wait_line("gateway ready on").map(drop)
    }

    /// As [`Self::serve`], with these arguments more: `["--unwitnessed"]`.
    ///
    /// # Errors
    /// As [`Self::serve`].
    pub fn serve_with(&mut self, arguments: &[&str]) -> Result<()> {
        self.serve_by(|mut command| {
            command.args(arguments);
            command
        })
    }

    /// Stops the gateway as an operator would, and says how it ended.
    ///
    /// # Errors
    /// When it was not running or does not end.
    pub fn stop(&mut self) -> Result<Output> {
        self.server.take().context("the gateway is not running")?.stop()
    }

    /// Kills the gateway.
    ///
    /// # Errors
    /// When it was not running.
    pub fn kill(&mut self) -> Result<()> {
        self.server.take().context("the gateway is not running")?.kill()
    }

    /// Waits for a gateway that ends by itself.
    ///
    /// # Errors
    /// When it was not running or does not end.
    pub fn wait_end(&mut self) -> Result<Output> {
        self.server.take().context("the gateway is not running")?.wait_end()
    }

    /// The running gateway.
    #[must_use]
    pub fn server(&self) -> Option<&Process> {
        self.server.as_ref()
    }

    /// Runs a command of `gateway` on this exchange: `["verify"]`, `["revoke", "agency/NSC"]`.
    ///
    /// # Errors
    /// When it does not start or does not end.
    pub fn gateway(&self, arguments: &[&str]) -> Result<Output> {
        self.begin(arguments)?.wait_end()
    }

    /// Starts a command of `gateway` on this exchange.
    ///
    /// # Errors
    /// When it does not start.
    pub fn begin(&self, arguments: &[&str]) -> Result<Process> {
        let mut command = Command::new(&binaries()?.gateway);
        command.args(arguments).arg("--config").arg(self.config());
        Process::spawn(&format!("gateway {}", arguments.join(" ")), &mut command)
    }

    /// The node of `identity` (`agency/NSC`), made and enrolled when it is not yet.
    ///
    /// # Errors
    /// When it cannot be made, or the running gateway does not enrol it.
    pub fn node(&self, identity: &str) -> Result<Node> {
        let body = identity.rsplit('/').next().unwrap_or(identity).to_lowercase();
        let node = Node::at(&self.dir.join("nodes").join(body), identity, self.address.port())?;
        if !node.enrolled().exists() {
            let request = text(&self.countersign(&node)?)?;
            let answer = text(&node.enrolled())?;
            self.gateway(&["enrol", &request, "--out", &answer])?.expect_code(0)?;
        }
        Ok(node)
    }

    /// Has the authority countersign a node's enrolment; answers with what it wrote.
    ///
    /// # Errors
    /// When it does not.
    pub fn countersign(&self, node: &Node) -> Result<PathBuf> {
        let (request, key) = (text(&node.enrolment())?, text(&self.authority())?);
        let signed = node.enrolment().with_extension("authorised.json");
        self.gateway(&["countersign", &request, "--authority", &key])?.expect_code(0)?;
        Ok(signed)
    }

    /// Sets a number in the gateway's configuration; it counts from the next start.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn set(&self, section: &str, key: &str, value: i64) -> Result<()> {
        let mut config: toml::Table = fs::read_to_string(self.config())?.parse()?;
        let section = config.entry(section).or_insert_with(|| toml::Table::new().into());
        let section = section.as_table_mut().context("not a section of the configuration")?;
        section.insert(key.to_owned(), value.into());
        Ok(fs::write(self.config(), config.to_string())?)
    }

    /// Has the gateway listen for nodes elsewhere, from the next start on.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn listen(&self, address: &str) -> Result<()> {
        let mut config: toml::Table = fs::read_to_string(self.config())?.parse()?;
        let listen = config.get_mut("listen").and_then(toml::Value::as_table_mut);
        let listen = listen.context("the configuration does not say where to listen")?;
        listen.insert("exchange".to_owned(), address.into());
        Ok(fs::write(self.config(), config.to_string())?)
    }

    /// Where the gateway listens for nodes.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The exchange's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The gateway's folder.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.dir.join("gateway")
    }

    /// The gateway's configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.home().join("gateway.toml")
    }

    /// The authority's key, which a real exchange carries away.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.home().join("authority/authority.key")
    }

    /// The journal's folder.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.home().join("journal")
    }

    /// The ledger's folder: tiles and checkpoint.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.home().join("ledger")
    }

    /// The index's folder.
    #[must_use]
    pub fn index(&self) -> PathBuf {
        self.home().join("index")
    }
}

/// Copies all files of a folder, with their folders.
///
/// # Errors
/// When one cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in watch::files_below(from) {
        let place = to.join(file.strip_prefix(from)?);
        fs::create_dir_all(place.parent().unwrap_or(to))?;
        fs::copy(file, place)?;
    }
    Ok(())
}

/// An address on loopback where nobody listens now.
///
/// # Errors
/// When the system gives none.
pub fn free_address() -> Result<SocketAddr> {
    // Below the ports that the system gives to those who ask for any: none of theirs can take
    // an address before it is listened at.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id() % 20_000;
    for _ in 0..20_000 {
        let port = 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port)?));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    anyhow::bail!("no address on loopback is free")
}

fn text(path: &Path) -> Result<String> {
    Ok(path.to_str().context("the folder's name is not UTF-8")?.to_owned())
}
