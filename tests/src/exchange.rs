//! A gateway with its folder: made, started, stopped, killed, asked.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{
    binaries::binaries,
    node::Node,
    process::{Output, Process},
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
        let temporary = TempDir::with_prefix("birge-")?;
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
        let home = dir.join("gateway");
        let note = dir.join("address");
        if !home.join("gateway.toml").exists() {
            let (listen, public) = (free_address()?, free_address()?);
            let mut command = Command::new(&binaries()?.gateway);
            command.args(["init", "--dir"]).arg(&home).args(["--trust-domain", TRUST_DOMAIN]);
            command.args(["--listen", &listen.to_string()]);
            command.args(["--public-listen", &public.to_string()]);
            command.args(["--server-name", "localhost"]);
            Process::spawn("gateway init", &mut command)?.wait_end()?.expect_code(0)?;
            fs::write(&note, listen.to_string())?;
        }
        let address = fs::read_to_string(&note)
            .with_context(|| format!("{} is missing: start in a new folder", note.display()))?
            .parse()?;
        Ok(Self { dir: dir.to_owned(), address, server: None, _temporary: None })
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
        let server = Process::spawn("gateway", &mut change(command))?;
        server.wait_line("gateway ready on")?;
        self.server = Some(server);
        Ok(())
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
            let (request, answer) = (text(&node.enrolment())?, text(&node.enrolled())?);
            self.gateway(&["enrol", &request, "--out", &answer])?.expect_code(0)?;
        }
        Ok(node)
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

/// An address on loopback where nobody listens now.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn text(path: &Path) -> Result<String> {
    Ok(path.to_str().context("the folder's name is not UTF-8")?.to_owned())
}
