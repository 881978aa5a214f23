//! The programs under test, built once by the same profile as the program that asks.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context, Result, anyhow, bail, ensure};

/// Where the two programs are.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// `gateway`
    pub gateway: PathBuf,
    /// `agency-node`
    pub node: PathBuf,
}

/// Builds both programs, once per process, and says where they are. `BIRGE_GATEWAY` and `BIRGE_NODE`
/// name programs of another version instead, so that one version of one side meets another of the
/// other.
///
/// # Errors
/// When the build fails, or this process was not itself built by cargo.
pub fn binaries() -> Result<&'static Binaries> {
    static BUILT: OnceLock<Result<Binaries, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| build().map(others).map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow!("{error}"))
}

/// Those that the environment names, in the place of ours.
fn others(built: Binaries) -> Binaries {
    let named = |name: &str, own: PathBuf| env::var_os(name).map_or(own, PathBuf::from);
    Binaries {
        gateway: named("BIRGE_GATEWAY", built.gateway),
        node: named("BIRGE_NODE", built.node),
    }
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// The Python in whose environment `tests/run` installs what is not ours.
#[must_use]
pub fn python() -> PathBuf {
    workspace().join("target/verifiers/bin/python")
}

/// Whether a package is installed there.
#[must_use]
pub fn has_package(package: &str) -> bool {
    let mut import = Command::new(python());
    import.args(["-c", &format!("import {package}")]);
    import.output().is_ok_and(|output| output.status.success())
}

fn build() -> Result<Binaries> {
    let own = env::current_exe().context("this program does not know where it is")?;
    let folder = own
        .ancestors()
        .find(|folder| folder.join(".fingerprint").is_dir())
        .with_context(|| format!("{} was not built by cargo", own.display()))?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(other) => other,
        None => bail!("{} names no profile", folder.display()),
    };
    let target = folder.parent().context("a profile's folder stands in a target folder")?;
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(workspace())
        .args(["build", "--quiet", "--profile", profile, "--bins"])
        .args(["-p", "birge-gateway", "-p", "birge-agency-node", "-p", "birge-tests"])
        .arg("--target-dir")
        .arg(target)
        .status()
        .context("cargo does not start")?;
    ensure!(status.success(), "the programs do not build");
    Ok(Binaries { gateway: folder.join("gateway"), node: folder.join("agency-node") })
}
