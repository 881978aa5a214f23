//! An agency node with its folder: made, run, asked.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    binaries::binaries,
    process::{Output, Process},
    watch,
};

/// A node's folder.
#[derive(Debug, Clone)]
pub struct Node {
    dir: PathBuf,
    identity: String,
}

impl Node {
    /// The node of `identity` in `dir`, made when it is not there yet, for a gateway on
    /// `localhost:port`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn at(dir: &Path, identity: &str, port: u16) -> Result<Self> {
        let node = Self { dir: dir.to_owned(), identity: identity.to_owned() };
        if !node.config().exists() {
            let mut command = Command::new(&binaries()?.node);
            command.args(["init", "--dir"]).arg(dir).args(["--identity", identity]);
            command.args(["--gateway", &format!("https://localhost:{port}")]);
            command.args(["--contact", "statistics office"]);
            command.args(["--officer", "head of statistics"]);
            Process::spawn("agency-node init", &mut command)?.wait_end()?.expect_code(0)?;
        }
        Ok(node)
    }

    /// Starts `agency-node run` and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready; the error shows its log.
    pub fn run(&self) -> Result<Process> {
        let process = self.spawn(&["run"])?;
        process.wait_line("node ready")?;
        Ok(process)
    }

    /// Starts a command of `agency-node` on this node.
    ///
    /// # Errors
    /// When it does not start.
    pub fn spawn(&self, arguments: &[&str]) -> Result<Process> {
        let mut command = self.program(arguments)?;
        Process::spawn(&format!("{} {}", self.identity, arguments.join(" ")), &mut command)
    }

    /// A command of `agency-node` on this node, not started yet.
    ///
    /// # Errors
    /// When the program was not built.
    pub fn program(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(&binaries()?.node);
        command.args(arguments).arg("--config").arg(self.config());
        Ok(command)
    }

    /// Runs a command of `agency-node` on this node to its end: `["status"]`.
    ///
    /// # Errors
    /// When it does not start or does not end.
    pub fn command(&self, arguments: &[&str]) -> Result<Output> {
        self.spawn(arguments)?.wait_end()
    }

    /// Puts a file into the inbox, whole at once.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn hand_in(&self, name: &str, content: &[u8]) -> Result<()> {
        let part = self.dir.join(format!("{name}.part"));
        fs::write(&part, content)?;
        fs::rename(part, self.inbox().join(name))?;
        Ok(())
    }

    /// Waits until `count` receipts are filed and the inbox is empty; gives the receipts.
    ///
    /// # Errors
    /// When they do not come; the error names what was rejected.
    pub fn wait_receipts(&self, count: usize) -> Result<Vec<PathBuf>> {
        let what = format!("{count} receipts of {}", self.identity);
        watch::until(&self.dir, &what, || {
            let receipts = self.receipts();
            let done = receipts.len() >= count && watch::files_below(&self.inbox()).is_empty();
            Ok(done.then_some(receipts))
        })
        .with_context(|| format!("rejected: {:?}", watch::files_below(&self.rejected())))
    }

    /// The receipts filed so far.
    #[must_use]
    pub fn receipts(&self) -> Vec<PathBuf> {
        let mut files = watch::files_below(&self.dir.join("receipts"));
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files
    }

    /// Who the node speaks for: `agency/NSC`.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The node's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The node's configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.join("node.toml")
    }

    /// Sets a value in the node's configuration; it counts from the next command.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn set(&self, section: &str, key: &str, value: impl Into<toml::Value>) -> Result<()> {
        let mut config: toml::Table = fs::read_to_string(self.config())?.parse()?;
        let section = config.entry(section).or_insert_with(|| toml::Table::new().into());
        let section = section.as_table_mut().context("not a section of the configuration")?;
        section.insert(key.to_owned(), value.into());
        Ok(fs::write(self.config(), config.to_string())?)
    }

    /// Adds a source to the node's configuration, as node.toml writes one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add_source(&self, source: &str) -> Result<()> {
        let config = fs::read_to_string(self.config())?;
        Ok(fs::write(self.config(), format!("{config}\n[[source]]\n{source}\n"))?)
    }

    /// The certificate request that goes to the operator.
    #[must_use]
    pub fn enrolment(&self) -> PathBuf {
        self.dir.join("enrolment.json")
    }

    /// The operator's answer.
    #[must_use]
    pub fn enrolled(&self) -> PathBuf {
        self.dir.join("enrolled.json")
    }

    /// Where batches are dropped.
    #[must_use]
    pub fn inbox(&self) -> PathBuf {
        self.dir.join("inbox")
    }

    /// Where refused files go, with their reports.
    #[must_use]
    pub fn rejected(&self) -> PathBuf {
        self.dir.join("rejected")
    }
}
