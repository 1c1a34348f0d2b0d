//! A program that is under way.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::ended::{Ended, text};
use crate::processes::is_pending;
use crate::waiting::{WAIT_TIMEOUT, eventually};

/// A program that is under way, and is read all the time so that it never waits for that. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Running {
    /// Starts a program.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        Self {
            child,
            stdout: Output::of(stdout),
            stderr: Output::of(stderr),
        }
    }

    /// Its number.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal, and waits until it is taken: sent once more before that, it would be the same one to the kernel.
    ///
    /// # Panics
    /// If the process is not there.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is there");
        eventually("the signal is taken", || !is_pending(self.pid(), signal));
    }

    /// Whether it has not ended.
    ///
    /// # Panics
    /// If the system does not say.
    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("it can be waited for")
            .is_none()
    }

    /// Kills it. Answers whether it was still there to be killed.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn kill(&mut self) -> bool {
        let is_running = self.is_running();
        self.child.kill().ok();
        self.child.wait().expect("it ends");
        is_running
    }

    /// Waits until it has written so many lines to the standard output. Answers whether it has, before it closed that.
    pub fn await_lines(&self, count: usize) -> bool {
        let lines = |written: &[u8]| written.iter().filter(|byte| **byte == b'\n').count();
        self.stdout.wait(|written| lines(written) >= count)
    }

    /// Waits for a line on the standard error that begins like this, and gives the rest of it.
    ///
    /// # Panics
    /// If it does not come in time.
    #[track_caller]
    pub fn await_line(&self, begin: &str) -> String {
        let find = |written: &[u8]| {
            let written = String::from_utf8_lossy(written);
            let rest = written.lines().find_map(|line| line.strip_prefix(begin));
            rest.map(str::to_owned)
        };
        self.stderr.wait(|written| find(written).is_some());
        let found = find(&self.stderr.captured().written);
        found.unwrap_or_else(|| panic!("`{begin}` did not come: {}", self.log()))
    }

    /// What it has written to the standard error.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.stderr.captured().written).into_owned()
    }

    /// What it has written to the standard output.
    pub fn results(&self) -> String {
        String::from_utf8_lossy(&self.stdout.captured().written).into_owned()
    }

    /// The exit code, once it has ended: none if it was killed. All that it wrote is read by then.
    ///
    /// # Panics
    /// If it does not end in time.
    #[track_caller]
    pub fn ended(&mut self) -> Option<i32> {
        eventually("the program ends", || !self.is_running());
        self.finish().code()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it was killed.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let code = self.finish().code();
        let take = |output: &Output| std::mem::take(&mut output.captured().written);
        Ended {
            code: code.unwrap_or_else(|| panic!("killed: {}", self.log())),
            stdout: text(take(&self.stdout)),
            stderr: text(take(&self.stderr)),
        }
    }

    fn finish(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("it can be waited for");
        for output in [&mut self.stdout, &mut self.stderr] {
            output.reader.take().map(JoinHandle::join);
        }
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What was written to a pipe so far.
#[derive(Debug)]
struct Output {
    captured: Arc<(Mutex<Captured>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Captured {
    written: Vec<u8>,
    is_closed: bool,
}

impl Output {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let captured: Arc<(Mutex<Captured>, Condvar)> = Arc::default();
        let here = captured.clone();
        let reader = thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            loop {
                line.clear();
                let read = pipe.read_until(b'\n', &mut line).unwrap_or(0);
                let mut captured = here.0.lock().unwrap_or_else(PoisonError::into_inner);
                captured.written.extend_from_slice(&line);
                captured.is_closed = read == 0;
                here.1.notify_all();
                if captured.is_closed {
                    return;
                }
            }
        });
        Self {
            captured,
            reader: Some(reader),
        }
    }

    fn captured(&self) -> MutexGuard<'_, Captured> {
        self.captured
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this holds of what was written, and answers whether it came to that.
    fn wait(&self, holds: impl Fn(&[u8]) -> bool) -> bool {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        let mut captured = self.captured();
        loop {
            if holds(&captured.written) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if captured.is_closed || left.is_zero() {
                return false;
            }
            let waited = self.captured.1.wait_timeout(captured, left);
            captured = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
