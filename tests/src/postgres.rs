//! A PostgreSQL of the test's own: a cluster in a folder, which ends with the test.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{exchange::free_address, named::Named, template::not_tried};

/// Password of the user `reader`, who may read and nothing else is asked of.
pub const PASSWORD: &str = "correct horse battery";

/// A running PostgreSQL. It takes `reader` with a password over its socket and over TLS, and
/// `owner` over its socket.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    names: Named,
}

impl Postgres {
    /// Starts one whose certificate names `localhost`; none where it is not installed, and a line
    /// says so.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start() -> Result<Option<Self>> {
        Self::start_with("-c fsync=off")
    }

    /// As [`Self::start`], with these options of the server besides.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(more: &str) -> Result<Option<Self>> {
        let Some(programs) = programs() else {
            not_tried("what needs PostgreSQL: it is not installed (package postgresql)");
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        let names = Named::new(path, &["localhost"])?;
        fs::set_permissions(&names.key, fs::Permissions::from_mode(0o600))?;
        let port = free_address()?.port();
        let started = Self { programs, folder, port, names };
        started.own()?;
        let data = started.data();
        started.run("initdb", &["-A", "trust", "-U", "owner", "-E", "UTF8", "-N", "-D", &data])?;
        fs::write(
            Path::new(&data).join("pg_hba.conf"),
            "local all owner trust\nlocal all reader scram-sha-256\n\
             hostssl all reader 127.0.0.1/32 scram-sha-256\nhostssl all reader ::1/128 scram-sha-256\n",
        )?;
        started.own()?;
        let options = format!(
            "-p {port} -k {folder} -c listen_addresses=localhost {more} -c ssl=on \
             -c ssl_cert_file={certificate} -c ssl_key_file={key}",
            folder = started.socket(),
            certificate = started.names.certificate.display(),
            key = started.names.key.display()
        );
        let log = format!("{}/log", started.socket());
        started.run("pg_ctl", &["-D", &data, "-w", "-l", &log, "-o", &options, "start"])?;
        started.sql(&format!("CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'"))?;
        Ok(Some(started))
    }

    /// Runs statements as the owner; gives what `psql` prints.
    ///
    /// # Errors
    /// When one fails.
    pub fn sql(&self, statements: &str) -> Result<String> {
        let port = self.port.to_string();
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-h", &self.socket(), "-p", &port, "-U", "owner", "-d", "postgres"]);
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", statements]);
        let output = psql.output().context("psql does not start")?;
        done(&output)?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Its address over TLS, at this name.
    #[must_use]
    pub fn url(&self, host: &str) -> String {
        format!("postgresql://reader@{host}:{}/postgres", self.port)
    }

    /// Its address over the socket.
    #[must_use]
    pub fn socket_url(&self) -> String {
        format!("postgresql://reader@/postgres?host={}&port={}", self.socket(), self.port)
    }

    /// The certificate of the authority that names it.
    #[must_use]
    pub fn authority(&self) -> &Path {
        &self.names.authority
    }

    fn socket(&self) -> String {
        self.folder.path().display().to_string()
    }

    fn data(&self) -> String {
        format!("{}/data", self.socket())
    }

    /// It refuses to be run by root: its files belong to the user that its package made.
    fn own(&self) -> Result<()> {
        if is_root() {
            let mut chown = Command::new("chown");
            done(&chown.args(["-R", "postgres:", &self.socket()]).output()?)?;
        }
        Ok(())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let program = self.programs.join(program);
        let mut command = match is_root() {
            true => {
                let mut as_user = Command::new("setpriv");
                as_user.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
                as_user.arg(program);
                as_user
            }
            false => Command::new(program),
        };
        // What it leaves running must not hold a pipe open.
        let said = self.folder.path().join("said");
        command.args(arguments).current_dir(self.folder.path());
        command.stdout(fs::File::create(&said)?).stderr(fs::File::create(&said)?);
        let status = command.status()?;
        ensure!(status.success(), "{command:?}: {}", fs::read_to_string(said)?);
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It is gone already, or its folder is about to be.
        let _ = self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]);
    }
}

fn done(output: &Output) -> Result<()> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// The folder of PostgreSQL's own programs, of which Debian puts only some on the path.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.into_iter().rev().chain(std::env::split_paths(&path)).find(|folder| {
        ["initdb", "pg_ctl", "psql"].iter().all(|program| folder.join(program).exists())
    })
}
