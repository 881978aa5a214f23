//! A child process: its log line by line, its end, and no child left behind.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::PATIENCE;

/// Lines kept of each stream; later ones are let go.
const LINES: usize = 100_000;

/// What a command did.
#[derive(Debug, Clone)]
pub struct Output {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// This output, when the code is the one expected.
    ///
    /// # Errors
    /// When it is another; the error shows both streams.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        if self.code == Some(code) {
            return Ok(self);
        }
        let ended = self.code.map_or("a signal".to_owned(), |code| code.to_string());
        bail!("expected exit code {code}, found {ended}\n{}\n{}", self.stdout, self.stderr)
    }
}

/// A running child, killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: Arc<Log>,
}

#[derive(Debug, Default)]
struct Log {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stdout: Vec<String>,
    stderr: Vec<String>,
    closed: usize,
}

impl Log {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    /// Starts `command` as `name`, with its output captured and no input.
    ///
    /// # Errors
    /// When it does not start.
    pub fn spawn(name: &str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        let log = Arc::new(Log::default());
        if let Some(stream) = child.stdout.take() {
            follow(stream, Arc::clone(&log), |state| &mut state.stdout);
        }
        if let Some(stream) = child.stderr.take() {
            follow(stream, Arc::clone(&log), |state| &mut state.stderr);
        }
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Waits until a line of standard output starts with `prefix`, and gives its rest.
    ///
    /// # Errors
    /// When the process ends first, or patience does.
    pub fn wait_line(&self, prefix: &str) -> Result<String> {
        let end = Instant::now() + PATIENCE;
        let mut state = self.log.state();
        loop {
            if let Some(rest) = state.stdout.iter().find_map(|line| line.strip_prefix(prefix)) {
                return Ok(rest.trim().to_owned());
            }
            let left = end.saturating_duration_since(Instant::now());
            if state.closed == 2 || left.is_zero() {
                let why = if state.closed == 2 { "it ended" } else { "time is up" };
                drop(state);
                bail!("{} never said {prefix:?}: {why}\n{}", self.name, self.tail());
            }
            state = self.wait(state, left);
        }
    }

    /// Waits for the end and gives everything that was said.
    ///
    /// # Errors
    /// When it does not end in time; it is killed then.
    pub fn wait_end(mut self) -> Result<Output> {
        let code = self.end_within(PATIENCE)?;
        let state = self.log.state();
        Ok(Output { code, stdout: join(&state.stdout), stderr: join(&state.stderr) })
    }

    /// Asks the process to stop (`SIGTERM`) and waits for its end.
    ///
    /// # Errors
    /// When it does not end in time; it is killed then.
    pub fn stop(self) -> Result<Output> {
        self.signal("TERM")?;
        self.wait_end()
    }

    /// Ends the process at once (`SIGKILL`).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends a signal by its short name.
    ///
    /// # Errors
    /// When there is no such process any more.
    pub fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &self.child.id().to_string()])
            .status()?;
        if !status.success() {
            bail!("{} cannot be sent {name}", self.name);
        }
        Ok(())
    }

    /// The process's number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The last lines that it said, for messages.
    #[must_use]
    pub fn tail(&self) -> String {
        let state = self.log.state();
        let mut text = String::new();
        for line in last(&state.stdout).iter().chain(last(&state.stderr)) {
            let _ = writeln!(text, "  {}: {line}", self.name);
        }
        text
    }

    fn end_within(&mut self, patience: Duration) -> Result<Option<i32>> {
        let end = Instant::now() + patience;
        let mut state = self.log.state();
        while state.closed < 2 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                self.child.kill()?;
                bail!("{} did not end in {} s\n{}", self.name, patience.as_secs(), self.tail());
            }
            state = self.wait(state, left);
        }
        drop(state);
        Ok(self.child.wait()?.code())
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, left: Duration) -> MutexGuard<'a, State> {
        self.log.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An ended child cannot be killed, and that is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(
    stream: impl Read + Send + 'static,
    log: Arc<Log>,
    lines: fn(&mut State) -> &mut Vec<String>,
) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            line.clear();
            let mut state = log.state();
            let kept = lines(&mut state);
            if kept.len() < LINES {
                kept.push(text);
            }
            log.changed.notify_all();
        }
        log.state().closed += 1;
        log.changed.notify_all();
    });
}

fn join(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

fn last(lines: &[String]) -> &[String] {
    &lines[lines.len().saturating_sub(20)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::spawn("sh", Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn a_line_is_waited_for_and_the_end_told() {
        let process = shell("echo ready at 7; echo trouble >&2; exit 3");
        assert_eq!(process.wait_line("ready at").unwrap(), "7");
        let output = process.wait_end().unwrap();
        assert_eq!((output.code, output.stderr.as_str()), (Some(3), "trouble\n"));
        assert!(output.expect_code(0).unwrap_err().to_string().contains("trouble"));
    }

    #[test]
    fn an_early_end_is_no_endless_wait() {
        let error = shell("echo no >&2").wait_line("ready").unwrap_err();
        assert!(error.to_string().contains("it ended"), "{error}");
    }

    #[test]
    fn a_child_stops_when_asked() {
        let process = shell("trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done");
        process.wait_line("up").unwrap();
        assert_eq!(process.stop().unwrap().code, Some(0));
    }
}
