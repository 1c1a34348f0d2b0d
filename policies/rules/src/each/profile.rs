//! What tells one built-in policy from another.

use tbengine_policy::types::Force;

/// The defaults of the parameters, and how far the rules go.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// What it is called on the command line.
    pub name: &'static str,
    /// One sentence for `policy list`.
    pub summary: &'static str,
    /// Default of `dead-older-than`.
    pub dead_older_than: &'static str,
    /// Default of `running-older-than`.
    pub running_older_than: &'static str,
    /// Default of `stop-timeout`; `None` leaves it to the engine.
    pub stop_timeout: Option<&'static str>,
    /// Default of `attempts`; `None` leaves it to the engine.
    pub attempts: Option<&'static str>,
    /// Default of `retry-delay`; `None` leaves it to the engine.
    pub retry_delay: Option<&'static str>,
    /// Whether what is dead may go even if it provably belongs to someone else, and networks of any
    /// unit when nothing uses them.
    pub thorough: bool,
    /// When what was dead at the time of the plan may be killed.
    pub force_on_dead: Force,
    /// After which failed attempt the next one may kill; `None` means never.
    pub escalate_after: Option<u32>,
}

/// Deletes what is certainly left over.
pub const DEFAULT: Profile = Profile {
    name: "default",
    summary: "Careful: deletes what ended a while ago, and what a benchmark provably left behind.",
    dead_older_than: "1h",
    // No trial of a known benchmark takes a day.
    running_older_than: "24h",
    stop_timeout: None,
    attempts: None,
    retry_delay: None,
    thorough: false,
    force_on_dead: Force::Never,
    escalate_after: None,
};

/// Empties a machine or an account that serves benchmarks only.
pub const AGGRESSIVE: Profile = Profile {
    name: "aggressive",
    summary: "For machines and accounts that serve benchmarks: deletes all that ended, and benchmarks' running leftovers after hours.",
    // The engine still spares what is younger than its own minimum age.
    dead_older_than: "0s",
    // Agents of the known benchmarks get at most about three hours; their set-up and tests come on top.
    running_older_than: "4h",
    stop_timeout: Some("2s"),
    attempts: Some("6"),
    retry_delay: Some("500ms"),
    thorough: true,
    force_on_dead: Force::OnRetry,
    escalate_after: Some(2),
};
