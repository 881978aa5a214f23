//! The system calls of a process on its files: written down, and one of them spoilt (`strace`).
//!
//! A call is told by its name, a path, and how many such calls its thread had made before: that
//! is how `strace` counts. A program that does the same again makes the same calls, so that what
//! was written down in one run can be spoilt in another.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::process::Process;

/// What changes files, or where they stand.
const TRACED: &str = "openat,write,pwrite64,writev,pwritev,rename,renameat,renameat2,fsync,\
                      fdatasync,sync_file_range,ftruncate,fallocate,mkdir,mkdirat,unlink,unlinkat";

/// A system call on a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// Its name: `openat`.
    pub name: String,
    /// The file or folder, relative to the folder that was asked about; of a rename the old
    /// name, of a removal the folder.
    pub path: PathBuf,
    /// Counted from 1 among the calls of this name on this path in one thread.
    pub nth: usize,
    /// Only opens for reading.
    pub reads: bool,
}

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blow {
    /// The process is killed before the call is carried out.
    Kill,
    /// The call is not carried out, and gives this error: `EIO`.
    Error(&'static str),
    /// As [`Self::Error`], and so do all calls like it that follow.
    Errors(&'static str),
}

/// How a process is traced, and where what is seen is written.
#[derive(Debug)]
pub struct Trace {
    log: PathBuf,
    options: Vec<OsString>,
}

impl Trace {
    /// Writes all calls to `log`.
    #[must_use]
    pub fn watching(log: &Path) -> Self {
        let mut trace = Self { log: log.to_owned(), options: vec![] };
        trace.option(&format!("trace={TRACED}"));
        trace
    }

    /// Deals `blow` to `call`, whose path is relative to `folder`.
    #[must_use]
    pub fn spoiling(log: &Path, folder: &Path, call: &Call, blow: Blow) -> Self {
        let Call { name, path, nth, .. } = call;
        let (what, more) = match blow {
            Blow::Kill => ("signal=KILL".to_owned(), ""),
            Blow::Error(error) => (format!("error={error}"), ""),
            Blow::Errors(error) => (format!("error={error}"), "+"),
        };
        let mut trace = Self { log: log.to_owned(), options: vec![] };
        trace.options.extend(["-P".into(), folder.join(path).into()]);
        trace.option(&format!("trace={name}"));
        trace.option(&format!("inject={name}:{what}:when={nth}{more}"));
        trace
    }

    fn option(&mut self, expression: &str) {
        self.options.extend(["-e".into(), expression.into()]);
    }

    fn strace(&self) -> Command {
        let mut command = Command::new("strace");
        command.args(["-f", "-y", "-s", "0", "-o"]).arg(&self.log).args(&self.options);
        command
    }

    /// `program`, traced from its start. The process that is started is still the program.
    #[must_use]
    pub fn around(&self, program: &Command) -> Command {
        let mut command = self.strace();
        command.args(["-D"]).arg(program.get_program()).args(program.get_args());
        command
    }

    /// Begins to trace a running process. The tracer ends with it, or when it is dropped.
    ///
    /// # Errors
    /// When this user may not trace it.
    pub fn attach(&self, process: &Process) -> Result<Process> {
        let strace = self.strace();
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" 2>&1", "sh"]).arg(strace.get_program());
        command.args(strace.get_args()).args(["-p", &process.id().to_string()]);
        let tracer = Process::spawn("strace", &mut command)?;
        tracer.wait_line(&format!("strace: Process {} attached", process.id()))?;
        Ok(tracer)
    }

    /// The calls on files below `folder`, in order. Those that cannot be told apart are given
    /// once.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn calls(&self, folder: &Path) -> Result<Vec<Call>> {
        let log = fs::read_to_string(&self.log).context("there is no trace")?;
        let (mut calls, mut counts) = (vec![], HashMap::new());
        for line in log.lines() {
            let Some((thread, name, paths)) = parse(line) else { continue };
            for path in &paths {
                *counts.entry((thread, name, path.to_owned())).or_insert(0) += 1;
            }
            let Some((path, inside)) =
                paths.iter().find_map(|path| Some((path, path.strip_prefix(folder).ok()?)))
            else {
                continue;
            };
            let call = Call {
                name: name.to_owned(),
                path: inside.to_owned(),
                nth: counts[&(thread, name, path.to_owned())],
                reads: name == "openat" && line.contains("O_RDONLY"),
            };
            let told = |other: &Call| {
                (&other.name, &other.path, other.nth) == (&call.name, &call.path, call.nth)
            };
            if !calls.iter().any(told) {
                calls.push(call);
            }
        }
        Ok(calls)
    }

    /// Was the blow dealt?
    #[must_use]
    pub fn struck(&self) -> bool {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.contains("(INJECTED)") || log.contains("killed by SIGKILL")
    }
}

/// May this user trace a process that runs?
///
/// # Errors
/// Why not.
pub fn allowed() -> Result<()> {
    let sleeping = Process::spawn("sleep", Command::new("sleep").arg("60"))?;
    let found = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        bail!("strace is not installed");
    }
    let log = std::env::temp_dir().join(format!("birge-trace-{}", sleeping.id()));
    let attached = Trace::watching(&log).attach(&sleeping);
    let _ = fs::remove_file(&log);
    attached.map(drop)
}

/// Thread, name and paths of a call: those in quotes first where they are absolute, then those
/// of open files. None for the end of a call and for signals.
fn parse(line: &str) -> Option<(&str, &str, Vec<PathBuf>)> {
    let (thread, rest) = line.split_once(' ')?;
    let (name, rest) = rest.trim_start().split_once('(')?;
    let arguments = rest.rsplit_once(") = ").map_or(rest, |(arguments, _)| arguments);
    let within = |open: char, close: char| -> Vec<PathBuf> {
        let parts = arguments.split(open).skip(1);
        let texts = parts.filter_map(|part| part.split_once(close).map(|(text, _)| text));
        texts.filter(|text| text.starts_with('/')).map(PathBuf::from).collect()
    };
    let quoted = arguments.split('"').skip(1).step_by(2).filter(|text| text.starts_with('/'));
    let paths = quoted.map(PathBuf::from).chain(within('<', '>')).collect();
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        .then_some((thread, name, paths))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_from_what_strace_writes() {
        let folder = tempfile::tempdir().unwrap();
        let trace = Trace::watching(&folder.path().join("log"));
        let lines = "7 openat(AT_FDCWD</cwd>, \"/d/a.tmp\", O_WRONLY|O_CREAT, 0666) = 4</d/a.tmp>\n\
             8 write(5<pipe:[1]>, \"\"..., 3) = 3\n\
             7 rename(\"/d/a.tmp\", \"/d/a\") = 0\n\
             8 fsync(3</d/journal> <unfinished ...>\n\
             7 unlinkat(6</d/p>, \"4\", 0) = 0\n\
             8 <... fsync resumed>) = 0\n\
             7 fsync(3</d/journal>) = -1 EIO (Input/output error) (INJECTED)\n\
             7 fsync(9</elsewhere>) = 0\n\
             8 openat(AT_FDCWD</d>, \"/d/a\", O_RDONLY|O_CLOEXEC) = 4</d/a>\n\
             7 +++ exited with 4 +++\n";
        fs::write(&trace.log, lines).unwrap();
        let calls = trace.calls(Path::new("/d")).unwrap();
        let told: Vec<_> = calls
            .iter()
            .map(|call| (call.name.as_str(), call.path.to_str().unwrap(), call.nth, call.reads))
            .collect();
        let expected = [
            ("openat", "a.tmp", 1, false),
            ("rename", "a.tmp", 1, false),
            ("fsync", "journal", 1, false),
            ("unlinkat", "p", 1, false),
            ("openat", "a", 1, true),
        ];
        assert_eq!(told, expected);
        assert!(trace.struck());
    }
}
