//! A line between a node and the gateway that can be cut, and counts what goes over it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use anyhow::{Context, Result, ensure};

use crate::binaries::workspace;

/// A line that listens on loopback, open from the beginning.
#[derive(Debug)]
pub struct Line {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    cut: bool,
    /// Bytes towards the gateway.
    sent: u64,
    /// When so many were sent, the line is cut.
    until: Option<u64>,
    open: Vec<TcpStream>,
}

impl Line {
    /// A line to `target`. Its end is the test's.
    ///
    /// # Errors
    /// When nothing can be listened at.
    pub fn to(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
        let of_listener = Arc::clone(&state);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let _ = carry(near, target, &of_listener);
            }
        });
        Ok(Self { address, state })
    }

    /// The port on which it begins.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts it: what goes over it ends, and nothing gets through.
    pub fn cut(&self) {
        lock(&self.state).cut();
    }

    /// Cuts it when `bytes` more were sent towards the gateway.
    pub fn cut_after(&self, bytes: u64) {
        let mut state = lock(&self.state);
        state.until = Some(state.sent + bytes);
    }

    /// Mends it.
    pub fn mend(&self) {
        let mut state = lock(&self.state);
        (state.cut, state.until) = (false, None);
    }

    /// Is it cut?
    #[must_use]
    pub fn is_cut(&self) -> bool {
        lock(&self.state).cut
    }

    /// Bytes sent towards the gateway so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        lock(&self.state).sent
    }
}

impl State {
    fn cut(&mut self) {
        self.cut = true;
        for stream in self.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn carry(near: TcpStream, target: SocketAddr, state: &Arc<Mutex<State>>) -> io::Result<()> {
    let mut held = lock(state);
    if held.cut {
        return Ok(());
    }
    let far = TcpStream::connect(target)?;
    held.open.extend([near.try_clone()?, far.try_clone()?]);
    drop(held);
    let (back_from, back_to) = (far.try_clone()?, near.try_clone()?);
    thread::spawn(move || copy(back_from, back_to, |_| true));
    let counted = Arc::clone(state);
    thread::spawn(move || {
        copy(near, far, |bytes| {
            let mut state = lock(&counted);
            state.sent += bytes as u64;
            let over = state.until.is_some_and(|until| state.sent >= until);
            if over {
                state.cut();
            }
            !over
        });
    });
    Ok(())
}

/// Copies until one side ends, or `goes_on` says no.
fn copy(mut from: TcpStream, mut to: TcpStream, goes_on: impl Fn(usize) -> bool) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if !goes_on(read) || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A slow and lossy line between two network namespaces of its own, which go with it. Only root
/// can make one.
#[derive(Debug)]
pub struct Slow {
    names: [String; 2],
    child: Child,
    /// The line is there as long as this is open.
    open: Option<ChildStdin>,
}

impl Slow {
    /// The address of its far end.
    pub const FAR: &str = "10.77.0.2";

    /// A line of `rate` bits a second, on which each way takes `delay` seconds and `loss` of all
    /// packets do not arrive.
    ///
    /// # Errors
    /// When this system makes none: it takes root, `ip`, `/dev/net/tun` and Python.
    pub fn new(rate: u32, delay: f64, loss: f64) -> Result<Self> {
        let own = std::process::id();
        let names = [format!("bn{own}"), format!("bf{own}")];
        let mut child = Command::new("python3")
            .arg(workspace().join("tests/interop/slow_line.py"))
            .args(&names)
            .args(["--rate", &rate.to_string(), "--delay", &delay.to_string()])
            .args(["--loss", &loss.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("python3 does not start")?;
        let open = child.stdin.take();
        let mut said = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut said)?;
        }
        let line = Self { names, child, open };
        ensure!(said.trim() == "line ready", "no slow line can be made here");
        Ok(line)
    }

    /// Bytes sent from its near end.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn sent(&self) -> Result<u64> {
        let mut asked = Command::new("cat");
        let output = self.near(asked.arg("/proc/net/dev")).output()?;
        let text = String::from_utf8(output.stdout)?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix(&self.names[0]));
        // Eight numbers of what was received come before.
        let sent = line.and_then(|line| line.split_whitespace().nth(9));
        Ok(sent.context("the line is not told of")?.parse()?)
    }

    /// The same command at the near end, from which the far one is reached.
    #[must_use]
    pub fn near(&self, command: &Command) -> Command {
        within(&self.names[0], command)
    }

    /// The same command at the far end.
    #[must_use]
    pub fn far(&self, command: &Command) -> Command {
        within(&self.names[1], command)
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        drop(self.open.take());
        let _ = self.child.wait();
    }
}

fn within(namespace: &str, command: &Command) -> Command {
    let mut wrapped = Command::new("ip");
    wrapped.args(["netns", "exec", namespace]);
    wrapped.arg(command.get_program()).args(command.get_args());
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_counts_and_breaks() {
        let far = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let line = Line::to(far.local_addr().unwrap()).unwrap();
        let mut near = TcpStream::connect(("127.0.0.1", line.port())).unwrap();
        let (mut end, _) = far.accept().unwrap();
        near.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        end.read_exact(&mut heard).unwrap();
        assert_eq!((&heard, line.sent()), (b"hello", 5));
        line.cut_after(3);
        near.write_all(b"hello").unwrap();
        assert_eq!(end.read(&mut heard).unwrap(), 0, "what is over the measure does not come");
        assert!(line.is_cut());
        let mut refused = TcpStream::connect(("127.0.0.1", line.port())).unwrap();
        assert_eq!(refused.read(&mut heard).unwrap_or(0), 0);
        line.mend();
        let mut again = TcpStream::connect(("127.0.0.1", line.port())).unwrap();
        let (mut end, _) = far.accept().unwrap();
        again.write_all(b"again").unwrap();
        end.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"again");
    }
}
