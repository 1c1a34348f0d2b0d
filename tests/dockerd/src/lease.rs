//! A daemon that several processes use at once, for as long as one of them or the run of the tests is there.
//!
//! Its supervisor reads from a FIFO instead of a pipe. Each user of the daemon holds the FIFO open for writing,
//! and so does a process that watches the run; when the last of them has ended, however that was, the kernel
//! tells the supervisor, which then removes everything as it does for a single test.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::io::Errno;

use crate::daemon::START_TIMEOUT;

/// What the supervisor reads.
pub(crate) const ORDERS: &str = "orders";
/// Is there once the daemon answers and has its image.
const READY: &str = "ready";
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The use of a daemon that others may use as well. Dropping it ends the use.
#[derive(Debug)]
pub(crate) struct Lease {
    _orders: File,
}

/// The state of the daemon of a directory.
enum DaemonState {
    /// No daemon; the process that found this starts one before the lock is dropped.
    Empty { lock: File },
    /// The daemon.
    Ready(Lease),
    /// One that is ending, or whose starter died.
    Ending,
}

/// The duty of the first one: to start the daemon. Others wait until it is dropped.
#[derive(Debug)]
pub(crate) struct Starting {
    directory: PathBuf,
    /// The end of the FIFO that the supervisor reads.
    pub(crate) orders: File,
    _lock: File,
}

impl Starting {
    /// Lets others use the daemon.
    pub(crate) fn done(self) -> io::Result<()> {
        fs::write(self.directory.join(READY), "")
    }
}

impl Lease {
    /// Uses the daemon of a directory; the first one has to start it.
    pub(crate) fn take(directory: &Path) -> io::Result<(Self, Option<Starting>)> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            match daemon_state(directory)? {
                DaemonState::Ready(lease) => return Ok((lease, None)),
                DaemonState::Empty { lock } => {
                    let (reads, writes) = fifo(&directory.join(ORDERS))?;
                    let starting = Starting {
                        directory: directory.to_owned(),
                        orders: reads,
                        _lock: lock,
                    };
                    return Ok((Self { _orders: writes }, Some(starting)));
                }
                DaemonState::Ending if Instant::now() > deadline => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                DaemonState::Ending => std::thread::sleep(POLL_INTERVAL),
            }
        }
    }
}

/// Determines the state of the daemon, while nobody else starts one.
fn daemon_state(directory: &Path) -> io::Result<DaemonState> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let lock = match File::open(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(DaemonState::Ending),
        lock => lock?,
    };
    lock.lock()?;
    // The supervisor may have removed it meanwhile.
    let locked = lock.metadata()?.ino();
    if fs::metadata(directory).map_or(true, |now| now.ino() != locked) {
        return Ok(DaemonState::Ending);
    }
    let orders = directory.join(ORDERS);
    if !directory.join(READY).exists() {
        return Ok(match orders.exists() {
            true => DaemonState::Ending,
            false => DaemonState::Empty { lock },
        });
    }
    // Fails where nobody reads.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    match OpenOptions::new()
        .write(true)
        .custom_flags(flags)
        .open(orders)
    {
        Ok(orders) => Ok(DaemonState::Ready(Lease { _orders: orders })),
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            Ok(DaemonState::Ending)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(DaemonState::Ending),
        Err(error) => Err(error),
    }
}

/// Makes a FIFO, and opens both of its ends.
fn fifo(path: &Path) -> io::Result<(File, File)> {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?;
    // Either end alone would wait for the other.
    let both = OpenOptions::new().read(true).write(true).open(path)?;
    let reads = File::open(path)?;
    let writes = OpenOptions::new().write(true).open(path)?;
    drop(both);
    Ok((reads, writes))
}
