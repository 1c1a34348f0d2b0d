//! What a test or a user chooses about the service.

use std::time::Duration;

use tbengine_sdk::Timestamp;

/// How the service is set up. The default is a well-behaved one with a working key and no limits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decides ids, inventory and everything left to chance.
    pub seed: u64,
    /// How many leaked sandboxes the first organization has at the start.
    pub sandboxes: usize,
    /// The time at the start; `None` takes the machine's.
    pub opened_at: Option<Timestamp>,
    /// The port to listen on; 0 lets the system choose.
    pub port: u16,
    /// How long the runners take.
    pub runner: RunnerTimes,
    /// The time between the reading and the writing of one request: another request that writes in
    /// between makes this one fail as "modified by another operation".
    pub race_window: Duration,
    /// How `GET /sandbox` answers.
    pub listing: Listing,
    /// How far the listing lags behind; zero is the consistent database adapter.
    pub list_lag: Duration,
    /// How long a reading by id may still show what was before a runner's change. The service
    /// caches readings for 10 s and forgets them on writes; this is the race that is left.
    pub get_lag: Duration,
    /// The limits of every organization; off unless set, as in the service.
    pub throttles: Throttles,
    /// The form in which a refusal says how long to wait.
    pub retry_after: RetryAfter,
    /// When failed authentications block an address; `None` never does.
    pub failed_auth: Option<FailedAuth>,
    /// Whether `GET /api-keys/current` names the organization, as newer servers do.
    pub key_tells_organization: bool,
    /// Whether a sandbox has the field `kvm`, which the newest official clients insist on.
    pub kvm: bool,
    /// The share of the sandboxes (0 to 1) whose optional fields come as null, are missing, whose
    /// state is one nobody has heard of, or which have fields nobody has heard of.
    pub odd_fields: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            sandboxes: 0,
            opened_at: None,
            port: 0,
            runner: RunnerTimes::default(),
            race_window: Duration::from_millis(2),
            listing: Listing::Cursor,
            list_lag: Duration::ZERO,
            get_lag: Duration::ZERO,
            throttles: Throttles::default(),
            retry_after: RetryAfter::Suffixed,
            failed_auth: Some(FailedAuth::default()),
            key_tells_organization: false,
            kvm: true,
            odd_fields: 0.0,
        }
    }
}

/// How long a runner takes to do what.
#[derive(Clone, Copy, Debug)]
pub struct RunnerTimes {
    /// Until a runner picks a job up; until then the wish only shows.
    pub pick_up: Duration,
    /// To create a sandbox.
    pub create: Duration,
    /// To start, resume or restore one.
    pub start: Duration,
    /// To stop or pause one.
    pub stop: Duration,
    /// To destroy one, and to remove a snapshot or a volume.
    pub destroy: Duration,
    /// To archive one.
    pub archive: Duration,
    /// How many jobs there can be at once; the others wait. `None` is any number.
    pub at_once: Option<usize>,
    /// After which a job whose runner died counts as failed.
    pub stale: Duration,
}

impl Default for RunnerTimes {
    fn default() -> Self {
        Self {
            pick_up: Duration::from_millis(20),
            create: Duration::from_millis(200),
            start: Duration::from_millis(100),
            stop: Duration::from_millis(100),
            destroy: Duration::from_millis(200),
            archive: Duration::from_millis(100),
            at_once: None,
            stale: Duration::from_secs(600),
        }
    }
}

/// How `GET /sandbox` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Pages with a cursor, as since 0.180.
    Cursor,
    /// A bare array of everything, as before that.
    BareArray,
}

/// The limits of one organization, one per throttler; `None` is off and sends no headers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Throttles {
    /// Delete, start, stop, pause, resize, recover and archive.
    pub sandbox_lifecycle: Option<Throttle>,
    /// Create.
    pub sandbox_create: Option<Throttle>,
    /// Everything else.
    pub authenticated: Option<Throttle>,
}

/// So many requests in a window; one more blocks for as long as the window again.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    /// How many requests a window admits.
    pub limit: u32,
    /// The length of the window, and of the block.
    pub window: Duration,
}

/// The form in which a refused request learns how long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// `Retry-After-<throttler>` in seconds, as the service does.
    Suffixed,
    /// `Retry-After` in seconds, as gateways do.
    Plain,
    /// `retry-after-ms`.
    Milliseconds,
    /// `Retry-After` with a date.
    Date,
    /// No word on it.
    Nothing,
}

/// So many failed authentications from one address block it, good keys too.
#[derive(Clone, Copy, Debug)]
pub struct FailedAuth {
    /// How many are let pass.
    pub limit: u32,
    /// How long they are remembered, and how long the address is blocked.
    pub window: Duration,
}

impl Default for FailedAuth {
    fn default() -> Self {
        Self {
            limit: 5,
            window: Duration::from_secs(30),
        }
    }
}
