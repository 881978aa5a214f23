//! Implementations of the log's formats that are not ours, as `tests/run` installs them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use birge_tests::{
    binaries::{has_package, python, workspace},
    process::Process,
    template::not_tried,
};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verifier {
    /// `aics-tlog` of PyPI, by its commands.
    Aics,
    /// `sumdb/note` and `sumdb/tlog` of Go, by `verify.go`.
    Go,
    /// `pymerkle` of PyPI, by `pymerkle_root.py`: trees, no signatures.
    Pymerkle,
}

/// Those that are installed; the others are named as not tried.
pub(super) fn verifiers() -> Vec<Verifier> {
    let mut verifiers = vec![Verifier::Aics, Verifier::Go, Verifier::Pymerkle];
    verifiers.retain(|verifier| {
        let (name, there) = match verifier {
            Verifier::Aics => ("aics-tlog", installed("bin/aics-tlog").exists()),
            Verifier::Go => ("Go's sumdb/tlog", installed("go-tlog").exists()),
            Verifier::Pymerkle => ("pymerkle", has_package("pymerkle")),
        };
        if !there {
            not_tried(&format!("the log before {name} (tests/run installs it)"));
        }
        there
    });
    verifiers
}

impl Verifier {
    /// Whether it reads signatures at all.
    pub(super) fn checks_signatures(self) -> bool {
        self != Self::Pymerkle
    }

    /// Whether it accepts the log in `mirror`, of `size` entries and signed by `key`, as one
    /// that continues the checkpoint in the file `older`; else what it says.
    pub(super) fn accepts(
        self,
        key: &str,
        size: u64,
        mirror: &Path,
        older: Option<&Path>,
    ) -> Result<String, String> {
        match self {
            Self::Aics => aics(key, size, mirror, older),
            Self::Go => run(Command::new(installed("go-tlog")).arg(key).arg(mirror).args(older)),
            Self::Pymerkle => {
                let script = workspace().join("tests/interop/pymerkle_root.py");
                run(Command::new(python()).arg(script).arg(mirror).args(older))
            }
        }
    }
}

/// Its commands, one after the other: the checkpoint, the first and the last entry with its
/// proof, and that the log only grew.
fn aics(key: &str, size: u64, mirror: &Path, older: Option<&Path>) -> Result<String, String> {
    let command = |name: &str| {
        let mut command = Command::new(installed("bin/aics-tlog"));
        command.arg(name).args(["--log-key", key]).arg("--tiles").arg(mirror);
        command
    };
    let said = run(&mut command("verify-checkpoint"))?;
    for index in [0, size - 1] {
        run(command("verify-inclusion").args(["--index", &index.to_string()]))?;
    }
    match older {
        Some(older) => run(command("verify-consistency").arg("--old-checkpoint").arg(older)),
        None => Ok(said),
    }
}

/// A file of the verifiers.
fn installed(name: &str) -> PathBuf {
    workspace().join("target/verifiers").join(name)
}

/// Runs a command; what it printed, or all that it said where it fails.
pub(super) fn run(command: &mut Command) -> Result<String, String> {
    let output = Process::spawn("a verifier", command).unwrap().wait_end().unwrap();
    match output.code {
        Some(0) => Ok(output.stdout),
        code => Err(format!("{command:?} ended with {code:?}\n{}{}", output.stdout, output.stderr)),
    }
}
