//! A clock that is moved, for one process.

use std::{path::Path, process::Command};

/// The command under a clock whose offset stands in `file` and may change at any time.
pub(crate) fn with_offset(command: &Command, library: &str, file: &Path) -> Command {
    let mut wrapped = Command::new(command.get_program());
    wrapped.args(command.get_args());
    wrapped.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", file);
    wrapped.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    wrapped
}

/// Where libfaketime lies, if it is installed.
pub(crate) fn library() -> Option<String> {
    let folders = ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime"];
    let paths = folders.map(|folder| format!("{folder}/libfaketimeMT.so.1"));
    paths.into_iter().find(|path| Path::new(path).exists())
}
