//! The file that all runs share: who works on what, and until when.
//!
//! A *lease* is one holder's promise to renew within its time to live; a *claim* binds one resource,
//! by its account and native id, to a lease. Each time a lease is taken, its *fence* is a number
//! higher than any before; a claim that was taken over carries the fence of the new lease, so the old
//! holder can tell. Expiry counts by the host's uptime, never by the wall clock.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use rustix::fs::{FlockOperation, flock};
use tbengine_engine::facts::resource_key;
use tbengine_sdk::{Identity, Timestamp};

use super::link::Link;
use super::{StateDir, database};
use crate::{Holder, Host, LockConflict, Process, StoreError};

/// How many times a lease is renewed while it would hold without.
pub(super) const BEATS_PER_TTL: u32 = 6;

/// The version of the shared file's format.
const FORMAT: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE fence (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL) STRICT;
    INSERT INTO fence VALUES (1, 0);
    CREATE TABLE lease (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        fence INTEGER NOT NULL UNIQUE,
        boot TEXT NOT NULL,
        expires INTEGER NOT NULL,
        ttl INTEGER NOT NULL,
        since INTEGER NOT NULL,
        pid INTEGER NOT NULL,
        started INTEGER NOT NULL,
        about TEXT NOT NULL DEFAULT '{}'
    ) STRICT;
    CREATE TABLE claim (
        resource TEXT PRIMARY KEY,
        lease TEXT NOT NULL REFERENCES lease (id) ON DELETE CASCADE,
        fence INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX claim_of_lease ON claim (lease);
    CREATE TABLE head (
        run TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        link BLOB NOT NULL,
        boot TEXT NOT NULL,
        sealed INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE trouble (
        identity TEXT PRIMARY KEY,
        runs INTEGER NOT NULL,
        gone INTEGER NOT NULL,
        run TEXT NOT NULL,
        at INTEGER NOT NULL,
        reason TEXT NOT NULL
    ) STRICT;
";

/// What a lease is for. Others than runs are handled by the code that takes them.
const RUN: &str = "run";

/// The last row of a run's record, as noted outside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) number: u64,
    pub(super) link: Link,
    /// During which start of the host.
    pub(super) boot: String,
    /// Whether the row is durable in any case.
    pub(super) sealed: bool,
}

/// The shared file, open.
#[derive(Debug)]
pub(super) struct Locks {
    pub(super) connection: Connection,
    state: StateDir,
    host: Host,
    path: PathBuf,
}

impl Locks {
    /// Opens the file, and makes it where there is none.
    pub(super) fn open(state: &StateDir, host: &Host) -> Result<Self, StoreError> {
        let path = state.shared();
        let failed = |source| StoreError::database("open", &path, source);
        // Two that make it at once would disturb each other.
        let lock = std::fs::File::open(state.path())
            .and_then(|lock| Ok(flock(&lock, FlockOperation::LockExclusive).map(|()| lock)?))
            .map_err(|source| StoreError::io("lock", state.path(), source))?;
        match database::create_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(StoreError::io("make", &path, error));
            }
            _ => {}
        }
        let mut connection = database::connect(&path)?;
        set_up(&mut connection).map_err(failed)?;
        drop(lock);
        let found: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(failed)?;
        if found != FORMAT {
            return Err(StoreError::format(&path, found.to_string()));
        }
        Ok(Self {
            connection,
            state: state.clone(),
            host: host.clone(),
            path,
        })
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::database("write", &self.path, source)
    }

    fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        let path = self.path.clone();
        Transaction::new(&mut self.connection, TransactionBehavior::Immediate)
            .map_err(|source| StoreError::database("write", &path, source))
    }

    /// Takes a lease for a run, and claims resources for it: all of them or none. The caller holds the
    /// lock of the run's record, so an older lease of the same run is a crashed one's; and so is that of the run
    /// whose place it takes.
    pub(super) fn take<'a>(
        &mut self,
        run: &str,
        in_place_of: Option<&str>,
        targets: impl Iterator<Item = &'a Identity> + Clone,
        since: Timestamp,
    ) -> Result<(u64, u64), StoreError> {
        let (host, state, path) = (self.host.clone(), self.state.clone(), self.path.clone());
        let failed = |source| StoreError::database("write", &path, source);
        let transaction = self.begin()?;
        let mut live = HashMap::new();
        for claimant in claimants(&transaction).map_err(failed)? {
            let id = Some(claimant.holder.id.as_str());
            let life = if id == Some(run) || id == in_place_of {
                Liveness::Dead
            } else {
                life_of(&claimant, &host, &state)
            };
            let holder = claimant.holder;
            match life {
                Liveness::Dead if holder.kind == RUN => {
                    transaction
                        .execute("DELETE FROM lease WHERE id = ?1", [&holder.id])
                        .map_err(failed)?;
                }
                // Its claims can be taken over; if it wakes up, it will see that.
                Liveness::Dead | Liveness::Expired => {}
                Liveness::Live => drop(live.insert(holder.id.clone(), holder)),
            }
        }
        if !live.is_empty()
            && let Some(conflict) = conflict(&transaction, targets.clone(), live).map_err(failed)?
        {
            return Err(StoreError::Busy(Box::new(conflict)));
        }
        let fence = next_fence(&transaction).map_err(failed)?;
        let expires = host.uptime_ms() + host.lease_ms();
        let claim = || -> rusqlite::Result<()> {
            insert_lease(&transaction, run, fence, expires, since, &host)?;
            let mut insert = transaction.prepare(
                "INSERT OR REPLACE INTO claim (resource, lease, fence) VALUES (?1, ?2, ?3)",
            )?;
            for target in targets {
                insert.execute((resource_key(target), run, fence.cast_signed()))?;
            }
            Ok(())
        };
        claim().map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok((fence, expires))
    }

    /// Renews a lease, unless a claim of it was taken over. Notes how far the record is.
    pub(super) fn renew(
        &mut self,
        run: &str,
        fence: u64,
        claims: usize,
        head: (u64, Link),
    ) -> Result<Option<u64>, StoreError> {
        let expires = self.host.uptime_ms() + self.host.lease_ms();
        let path = self.path.clone();
        let boot = self.host.process.boot.clone();
        let failed = |source| StoreError::database("write", &path, source);
        let transaction = self.begin()?;
        let renew = || -> rusqlite::Result<bool> {
            let renewed = transaction
                .prepare_cached("UPDATE lease SET expires = ?1 WHERE id = ?2 AND fence = ?3")?
                .execute((expires.cast_signed(), run, fence.cast_signed()))?;
            let kept: i64 = transaction
                .prepare_cached("SELECT count(*) FROM claim WHERE lease = ?1 AND fence = ?2")?
                .query_row((run, fence.cast_signed()), |row| row.get(0))?;
            note_head(&transaction, run, head, &boot, false)?;
            Ok(renewed == 1 && usize::try_from(kept) == Ok(claims))
        };
        if !renew().map_err(failed)? {
            return Ok(None);
        }
        transaction.commit().map_err(failed)?;
        Ok(Some(expires))
    }

    /// Gives a lease and its claims back, and notes the last row of the record.
    pub(super) fn release(
        &mut self,
        run: &str,
        fence: u64,
        head: Option<(u64, Link)>,
        also: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let path = self.path.clone();
        let boot = self.host.process.boot.clone();
        let failed = |source| StoreError::database("write", &path, source);
        let transaction = self.begin()?;
        let release = || -> rusqlite::Result<()> {
            transaction.execute(
                "DELETE FROM lease WHERE id = ?1 AND fence = ?2",
                (run, fence.cast_signed()),
            )?;
            if let Some(head) = head {
                note_head(&transaction, run, head, &boot, true)?;
            }
            also(&transaction)
        };
        release().map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    /// Notes the last row of a record whose run holds no lease.
    pub(super) fn seal(&mut self, run: &str, head: (u64, Link)) -> Result<(), StoreError> {
        let boot = self.host.process.boot.clone();
        note_head(&self.connection, run, head, &boot, true).map_err(|source| self.failed(source))
    }

    /// Forgets the last row of a record that no longer exists.
    pub(super) fn forget(&self, run: &str) -> Result<(), StoreError> {
        let forgotten = self
            .connection
            .execute("DELETE FROM head WHERE run = ?1", [run]);
        forgotten.map(drop).map_err(|source| self.failed(source))
    }

    /// The last rows of all records, as noted here.
    pub(super) fn heads(&self) -> Result<BTreeMap<String, Head>, StoreError> {
        let read = || -> rusqlite::Result<BTreeMap<String, Head>> {
            let mut select = self
                .connection
                .prepare("SELECT run, number, link, boot, sealed FROM head")?;
            let rows = select.query_map([], |row| {
                let number: i64 = row.get(1)?;
                let head = Head {
                    number: number.cast_unsigned(),
                    link: row.get(2)?,
                    boot: row.get(3)?,
                    sealed: row.get(4)?,
                };
                Ok((row.get(0)?, head))
            })?;
            rows.collect()
        };
        read().map_err(|source| StoreError::database("read", &self.path, source))
    }

    /// Who holds a lease now.
    pub(super) fn holders(&self) -> Result<Vec<Holder>, StoreError> {
        let claimants = claimants(&self.connection)
            .map_err(|source| StoreError::database("read", &self.path, source))?;
        Ok(claimants.into_iter().map(|one| one.holder).collect())
    }

    /// Whether the process that is this host's is in its start `boot`.
    pub(super) fn is_this_boot(&self, boot: &str) -> bool {
        self.host.process.boot == boot
    }
}

/// Whether a claim still carries a fence. For use where the shared file is attached.
pub(super) fn still_claims(
    connection: &Connection,
    key: &str,
    fence: u64,
) -> rusqlite::Result<bool> {
    let found: Option<i64> = connection
        .prepare_cached("SELECT fence FROM shared.claim WHERE resource = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    Ok(found == Some(fence.cast_signed()))
}

fn set_up(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // Every run would otherwise pay for one when it ends; the log stays short without.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    transaction.commit()
}

fn next_fence(connection: &Connection) -> rusqlite::Result<u64> {
    let fence: i64 = connection.query_row(
        "UPDATE fence SET last = last + 1 RETURNING last",
        [],
        |row| row.get(0),
    )?;
    Ok(fence.cast_unsigned())
}

fn insert_lease(
    connection: &Connection,
    id: &str,
    fence: u64,
    expires: u64,
    since: Timestamp,
    host: &Host,
) -> rusqlite::Result<()> {
    let Process { boot, pid, started } = &host.process;
    connection
        .execute(
            "INSERT INTO lease (id, kind, fence, boot, expires, ttl, since, pid, started)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            (
                id,
                RUN,
                fence.cast_signed(),
                boot,
                expires.cast_signed(),
                host.lease_ms().cast_signed(),
                since.as_unix_ms(),
                pid,
                started.cast_signed(),
            ),
        )
        .map(drop)
}

fn note_head(
    connection: &Connection,
    run: &str,
    (number, link): (u64, Link),
    boot: &str,
    sealed: bool,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO head (run, number, link, boot, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((run, number.cast_signed(), &link[..], boot, sealed))
        .map(drop)
}

/// Who holds a lease, and until when.
struct Claimant {
    holder: Holder,
    /// By the host's uptime.
    expires: u64,
}

/// All of them.
fn claimants(connection: &Connection) -> rusqlite::Result<Vec<Claimant>> {
    let mut select = connection
        .prepare_cached("SELECT id, kind, fence, boot, expires, since, pid, started FROM lease")?;
    let rows = select.query_map([], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(Claimant {
            holder: Holder {
                id: row.get(0)?,
                kind: row.get(1)?,
                fence: number(2)?,
                process: Process {
                    boot: row.get(3)?,
                    pid: row.get(6)?,
                    started: number(7)?,
                },
                since: Timestamp::from_unix_ms(row.get(5)?),
            },
            expires: number(4)?,
        })
    })?;
    rows.collect()
}

/// Whether a holder counts.
enum Liveness {
    /// It is renewed.
    Live,
    /// It was not renewed in time; the process may be stopped and come back.
    Expired,
    /// The process is gone.
    Dead,
}

/// Whether a holder counts now.
fn life_of(claimant: &Claimant, host: &Host, state: &StateDir) -> Liveness {
    let holder = &claimant.holder;
    if holder.process.boot != host.process.boot {
        return Liveness::Dead;
    }
    // This process must not open its own record again: closing it would drop SQLite's locks.
    let is_other = holder.process != host.process;
    if holder.kind == RUN && is_other && is_unlocked(state, &holder.id) {
        return Liveness::Dead;
    }
    if claimant.expires <= host.uptime_ms() {
        Liveness::Expired
    } else {
        Liveness::Live
    }
}

/// Whether no process holds the record of a run. The kernel lets go of a lock when its process ends,
/// however that happens, so nobody has to wait for the lease of a process that was killed.
pub(super) fn is_unlocked(state: &StateDir, run: &str) -> bool {
    // A record that is being begun lies beside its place, and may take that between two looks.
    for path in [state.run(run), state.unfinished(run), state.run(run)] {
        match database::open_file(&path) {
            Ok(file) => return flock(file, FlockOperation::NonBlockingLockShared).is_ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => return false,
        }
    }
    // It is locked before the lease is taken, so the process that did that is gone.
    true
}

/// The holder that claims most of these resources, if any claims one.
fn conflict<'a>(
    connection: &Connection,
    targets: impl Iterator<Item = &'a Identity>,
    mut live: HashMap<String, Holder>,
) -> rusqlite::Result<Option<LockConflict>> {
    let mut claimed: HashMap<String, usize> = HashMap::new();
    let mut select = connection.prepare("SELECT lease FROM claim WHERE resource = ?1")?;
    for target in targets {
        let holder: Option<String> = select
            .query_row([resource_key(target)], |row| row.get(0))
            .optional()?;
        if let Some(holder) = holder.filter(|holder| live.contains_key(holder)) {
            *claimed.entry(holder).or_default() += 1;
        }
    }
    let most = claimed.into_iter().max_by_key(|(_, count)| *count);
    Ok(most.and_then(|(id, resources)| {
        let holder = live.remove(&id)?;
        Some(LockConflict { holder, resources })
    }))
}
