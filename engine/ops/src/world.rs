//! What a process reads of the world: the environment, the clock, chance. Read once, by programs,
//! and handed in; nothing else here does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::tz::{Offset, TimeZone};
use rustix::time::{ClockId, clock_gettime};
use tbengine_engine::policy::Zone;
use tbengine_sdk::Timestamp;
use tbengine_store::{Host, LEASE_TTL, Process};

use crate::operator::Operator;

/// What the world looked like when the process started.
#[derive(Clone, Debug)]
pub struct World {
    /// The environment; variables that are not UTF-8 are left out.
    pub environment: Arc<BTreeMap<String, String>>,
    /// The time.
    pub now: Timestamp,
    /// The id of this run.
    pub run: Arc<str>,
    /// This process and its clock, for the journal.
    pub host: Host,
    clock: fn() -> Timestamp,
    random: fn() -> u128,
    zone: TimeZone,
}

impl World {
    /// Looks at the world.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment and the clock, for programs"
    )]
    pub fn capture() -> Self {
        let mut environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        unset_guard_variables(&mut environment);
        Self::new(
            environment,
            host(),
            || unix_time(SystemTime::now()),
            || fastrand::u128(..),
        )
        .with_zone(TimeZone::system())
    }

    /// A world with this environment, process, clock and chance.
    pub fn new(
        environment: BTreeMap<String, String>,
        host: Host,
        clock: fn() -> Timestamp,
        random: fn() -> u128,
    ) -> Self {
        let now = clock();
        Self {
            environment: Arc::new(environment),
            now,
            run: run_id(now, random()),
            host,
            clock,
            random,
            zone: TimeZone::UTC,
        }
    }

    /// The same in another time zone; UTC unless it is set.
    #[must_use]
    pub fn with_zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }

    /// The time zone, as it is now.
    pub fn zone_now(&self) -> Zone {
        zone_at(&self.zone, self.now).unwrap_or_default()
    }

    /// The same, with the lease that the configuration sets.
    pub fn with_lease(mut self, lease: Option<Duration>) -> Self {
        self.host.lease = lease.unwrap_or(self.host.lease);
        self
    }

    /// The same in another environment.
    #[must_use]
    pub fn with_environment(mut self, environment: BTreeMap<String, String>) -> Self {
        self.environment = Arc::new(environment);
        self
    }

    /// The same for a run that began before.
    #[must_use]
    pub fn with_run(mut self, run: Arc<str>) -> Self {
        self.run = run;
        self
    }

    /// The same at a time.
    #[must_use]
    pub(crate) fn at(&self, now: Timestamp) -> Self {
        Self {
            now,
            ..self.clone()
        }
    }

    /// The same at this moment, for a further run of a process that lives long.
    pub fn refresh(&self) -> Self {
        let now = (self.clock)();
        Self {
            now,
            run: run_id(now, (self.random)()),
            ..self.clone()
        }
    }

    /// A variable of the environment, unless it is unset or empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The users whose files are believed.
    pub fn operator(&self) -> Operator {
        Operator::of_process(self.variable("SUDO_UID"))
    }

    /// tbengine's folder under an XDG directory, like `XDG_CACHE_HOME` or else `~/.cache`.
    pub fn directory(&self, variable: &str, under_home: &str) -> Option<PathBuf> {
        // The XDG specification says that relative paths are to be ignored.
        let named = self
            .variable(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        let base = named.or_else(|| Some(PathBuf::from(self.variable("HOME")?).join(under_home)));
        base.filter(|path| path.is_absolute())
            .map(|path| path.join("tbengine"))
    }

    /// Where compiled policies are kept.
    pub fn policy_cache(&self) -> Option<PathBuf> {
        Some(self.directory("XDG_CACHE_HOME", ".cache")?.join("wasm"))
    }

    /// Where policies from registries are kept.
    pub fn registry_cache(&self) -> Option<PathBuf> {
        Some(self.directory("XDG_CACHE_HOME", ".cache")?.join("oci"))
    }

    /// Where runs are remembered, unless set otherwise.
    pub fn state_dir(&self) -> Option<PathBuf> {
        self.directory("XDG_STATE_HOME", ".local/state")
    }
}

/// The variable in which a guard records what it changed in the environment of its command. tbengine itself
/// takes that back: what it looks after under a guard may outlive that one, and its socket.
pub const OUTSIDE_VARIABLE: &str = "TBENGINE_OUTSIDE";

/// Variables as they are outside of a guard; `None` is not set.
type Outside = BTreeMap<String, Option<String>>;

/// The value of [`OUTSIDE_VARIABLE`].
pub fn outside(before: &Outside) -> String {
    serde_json::json!(before).to_string()
}

fn unset_guard_variables(environment: &mut BTreeMap<String, String>) {
    let recorded = environment.remove(OUTSIDE_VARIABLE);
    let before: Outside = recorded
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    for (name, value) in before {
        match value {
            Some(value) => environment.insert(name, value),
            None => environment.remove(&name),
        };
    }
}

/// A time zone as it is at a time; nothing if the time lies outside of every calendar.
fn zone_at(zone: &TimeZone, at: Timestamp) -> Option<Zone> {
    let at = jiff::Timestamp::from_millisecond(at.as_unix_ms()).ok()?;
    let minutes = |offset: Offset| offset.seconds() / 60;
    let offset = zone.to_offset(at);
    Some(Zone {
        name: zone
            .iana_name()
            .map_or_else(|| offset.to_string(), str::to_owned)
            .into(),
        offset_minutes: minutes(offset),
        next_change: zone.following(at).next().map(|change| {
            let at = Timestamp::from_unix_ms(change.timestamp().as_millisecond());
            (at, minutes(change.offset()))
        }),
    })
}

fn unix_time(at: SystemTime) -> Timestamp {
    let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn host() -> Host {
    Host {
        process: Process {
            boot: read("/proc/sys/kernel/random/boot_id").trim().to_owned(),
            pid: std::process::id(),
            started: started(&read("/proc/self/stat")).unwrap_or_default(),
        },
        uptime: || {
            let time = clock_gettime(ClockId::Boottime);
            let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
            Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
        },
        lease: LEASE_TTL,
    }
}

/// The 22nd field of `/proc/PID/stat`. The second is the program's name in parentheses, and may hold
/// anything.
fn started(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// A UUID of version 7: later runs sort after earlier ones.
fn run_id(now: Timestamp, random: u128) -> Arc<str> {
    let unix_ms = now.as_unix_ms().unsigned_abs();
    let random = random.to_be_bytes();
    let random = random.last_chunk().unwrap_or(&[0; 10]);
    let id = uuid::Builder::from_unix_timestamp_millis(unix_ms, random);
    id.into_uuid().to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_says_its_offset_and_when_it_changes() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let winter = Timestamp::from_unix_ms(at("2026-01-15T12:00:00Z"));
        let zone = zone_at(&berlin, winter).unwrap();
        assert_eq!(zone.offset_minutes, 60);
        let change = Timestamp::from_unix_ms(at("2026-03-29T01:00:00Z"));
        assert_eq!(zone.next_change, Some((change, 120)));
        // From the change on the new offset holds.
        let summer = zone_at(&berlin, change).unwrap();
        assert_eq!(summer.offset_minutes, 120);

        assert_eq!(zone_at(&TimeZone::UTC, winter), Some(Zone::default()));
    }

    #[test]
    fn the_start_of_a_process_is_read_whatever_its_name() {
        let fields: Vec<String> = (3..=52).map(|field| field.to_string()).collect();
        let stat = format!("7 (a) b (c) {}", fields.join(" "));
        assert_eq!(started(&stat), Some(22));
        assert!(host().process.started > 0);
        assert!((host().uptime)() > Duration::ZERO);
    }

    #[test]
    fn what_a_guard_changed_is_taken_back() {
        let variables = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect()
        };
        let before: Outside = [
            ("DOCKER_HOST".to_owned(), None),
            ("DOCKER_CONTEXT".to_owned(), Some("far".to_owned())),
        ]
        .into();
        let mut inside = variables(&[
            ("DOCKER_HOST", "unix:///guard.sock"),
            ("HOME", "/root"),
            (OUTSIDE_VARIABLE, &outside(&before)),
        ]);
        unset_guard_variables(&mut inside);
        assert_eq!(
            inside,
            variables(&[("DOCKER_CONTEXT", "far"), ("HOME", "/root")])
        );
        let mut without = variables(&[("DOCKER_HOST", "x"), (OUTSIDE_VARIABLE, "no json")]);
        unset_guard_variables(&mut without);
        assert_eq!(without, variables(&[("DOCKER_HOST", "x")]));
    }

    #[test]
    fn run_ids_are_uuids_of_version_7_and_sort_by_time() {
        let run_id = |ms, random| run_id(Timestamp::from_unix_ms(ms), random);
        let id = run_id(0x0192_3456_789a, u128::MAX);
        assert_eq!(&*id, "01923456-789a-7fff-bfff-ffffffffffff");
        assert_eq!(&*run_id(1, 0), "00000000-0001-7000-8000-000000000000");
        assert!(run_id(1, u128::MAX) < run_id(2, 0));
    }
}
