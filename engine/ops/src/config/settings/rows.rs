//! The settings, one row for each.
//!
//! A row gives the flag, the variable, the key in the file with its place in the schema, the line of
//! `config show` and that of docs/configuration.md, whether a saved plan is bound to it, and what a project's
//! file may say of it. A new setting is a row here, and the code that uses its field of [`Settings`].

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tbengine_engine::apply::ApplyOptions;
use tbengine_engine::facts::QUARANTINE_AFTER;
use tbengine_engine::plan::{MaxDelete, Safeguards};

use super::setting::{Setting, Source};
use super::table::{Flag, Group, Project, Row, Shown, settings};
use super::value::{Factor, Limits, Plain, Value};

/// The headings of flags that rows have.
pub mod heading {
    /// Which policy decides.
    pub const POLICY: &str = "Policy";
    /// The rules after the policy.
    pub const SAFEGUARDS: &str = "Safeguards";
    /// When a step is tried again, and how much is done at once.
    pub const RETRIES: &str = "Retries";
    /// What every command has.
    pub const GLOBAL: &str = "Global options";
}
use heading::{GLOBAL, POLICY, RETRIES, SAFEGUARDS};

/// The tables of the file that hold rows.
pub const GROUPS: &[Group] = &[
    Group {
        name: "safeguards",
        doc: "The rules after the policy.",
        schema: "SafeguardsTable",
        schema_doc: "The rules after the policy, which no policy can switch off.",
    },
    Group {
        name: "retry",
        doc: "When a step is retried.",
        schema: "RetryTable",
        schema_doc: "When a step is retried, and how long a backend may be unreachable.\n\n\
                     `attempts`, `base` and `cap` set random waits that double; `retries`, `delay` and `factor` set fixed\n\
                     waits, in place of the policy's advice. One of the two.",
    },
    Group {
        name: "state",
        doc: "Where runs are remembered.",
        schema: "StateTable",
        schema_doc: "Where runs are remembered.",
    },
];

/// The rows of a table of the file, or those at its top.
pub fn rows_of(group: Option<&str>) -> impl Iterator<Item = &'static Row> {
    ROWS.iter()
        .filter(move |row| row.group_and_name().0 == group)
}

/// The rows that have flags below a heading.
pub fn rows_below(heading: &str) -> impl Iterator<Item = (&'static Row, &'static Flag)> {
    let flags = ROWS
        .iter()
        .filter_map(|row| Some((row, row.flag.as_ref()?)));
    flags.filter(move |(_, flag)| flag.heading == heading)
}

settings! {
    "policy" => policy: String = "default".to_owned(), {
        flag: Some(Flag {
            name: "policy",
            alias: None,
            variable: "TBENGINE_POLICY",
            value_name: "POLICY",
            heading: POLICY,
            help: "The policy: a built-in or configured name, a path to a .wasm component, or \
                   oci://HOST/REPOSITORY@sha256:DIGEST [default: {default}]",
            comes_first: false,
        }),
        doc: "The policy that decides unless --policy names another: a built-in name, the name of a table under\n\
              `policies`, a path to a .wasm component, or oci://HOST/REPOSITORY@sha256:DIGEST.",
    }
    "safeguards.min-age" => min_age: Duration = Safeguards::default().min_age, {
        flag: Some(Flag {
            name: "min-age",
            alias: None,
            variable: "TBENGINE_MIN_AGE",
            value_name: "DURATION",
            heading: SAFEGUARDS,
            help: "Keep resources created or ended less than this long ago; 0s = off [default: {default}]",
            comes_first: false,
        }),
        doc: "Resources that were created or ended less than this long ago are kept. Default: {default}.",
        binds_plans: true,
        project: Project::AtLeast("lower the minimum age"),
    }
    "safeguards.unknown-lease-age" => unknown_lease_age: Duration = Safeguards::default().unknown_lease_age, {
        flag: Some(Flag {
            name: "unknown-lease-age",
            alias: None,
            variable: "TBENGINE_UNKNOWN_LEASE_AGE",
            value_name: "DURATION",
            heading: SAFEGUARDS,
            help: "Keep resources of runs whose lease is not known here until they are this old [default: {default}]",
            comes_first: false,
        }),
        doc: "Resources with the id of a run whose lease is not known here are kept until they are this old: the lease\n\
              may be live on another host or in the state of another user. Default: {default}.",
        binds_plans: true,
        project: Project::AtLeast("give up the resources of unknown leases sooner"),
    }
    "safeguards.max-delete" => max_delete: Option<MaxDelete> = None, {
        flag: Some(Flag {
            name: "max-delete",
            alias: None,
            variable: "TBENGINE_MAX_DELETE",
            value_name: "N|P%",
            heading: SAFEGUARDS,
            help: "Refuse a plan that touches more than this: a number, or a share like 20%",
            comes_first: true,
        }),
        doc: "A plan that touches more than this is refused: a number, or a share like \"20%\".",
        binds_plans: true,
        project: Project::Limit("allow plans that are refused without it"),
    }
    "safeguards.max-unknown-running" => max_unknown_running: usize = Safeguards::default().max_unproven_running, {
        flag: Some(Flag {
            name: "max-unknown-running",
            alias: Some("max-unproven-running"),
            variable: "TBENGINE_MAX_UNKNOWN_RUNNING",
            value_name: "N",
            heading: SAFEGUARDS,
            help: "Without --max-delete: refuse plans that kill more than N running resources of unknown owner [default: {default}]",
            comes_first: false,
        }),
        doc: "Without max-delete: how many running resources of unknown owner a plan may kill. Default: {default}.",
        binds_plans: true,
        project: Project::AtMost("allow more resources of unknown owner to be killed"),
    }
    "safeguards.max-plan-age" => max_plan_age: Duration = Duration::from_secs(3600), {
        flag: Some(Flag {
            name: "max-plan-age",
            alias: None,
            variable: "TBENGINE_MAX_PLAN_AGE",
            value_name: "DURATION",
            heading: SAFEGUARDS,
            help: "Maximum age of a saved plan [default: {default}]",
            comes_first: false,
        }),
        doc: "Maximum age of a saved plan. Default: {default}.",
        binds_plans: true,
        project: Project::AtMost("allow older plans"),
    }
    "safeguards.quarantine-after" => quarantine_after: u32 = QUARANTINE_AFTER, {
        flag: Some(Flag {
            name: "quarantine-after",
            alias: None,
            variable: "TBENGINE_QUARANTINE_AFTER",
            value_name: "N",
            heading: SAFEGUARDS,
            help: "Quarantine a resource after it failed or reappeared in N runs; 0 = off [default: {default}]",
            comes_first: false,
        }),
        doc: "In how many runs a resource has to fail or reappear before it is quarantined; 0 = off.\n\
              Default: {default}.",
        binds_plans: true,
        project: Project::AtMostButZero("try what fails more often"),
    }
    "safeguards.policies" => vetoes: Vec<String> = Vec::new(), {
        doc: "Vetoes: policies that review every plan after the safeguards and can only take steps away. Each is the\n\
              name of a table under `policies`, a path, or oci://HOST/REPOSITORY@sha256:DIGEST.",
        binds_plans: true,
    }
    "safeguards.stop-timeout" => stop_timeout: Option<Duration> = None, {
        flag: Some(Flag {
            name: "stop-timeout",
            alias: None,
            variable: "TBENGINE_STOP_TIMEOUT",
            value_name: "DURATION",
            heading: POLICY,
            help: "Grace period before a running resource is killed",
            comes_first: false,
        }),
        doc: "Grace period before a running resource is killed. Default: 10s.",
        binds_plans: true,
        project: Project::AtLeast("kill what runs sooner"),
    }
    "retry.attempts" => retry_attempts: Option<u32> = None, {
        doc: "How many attempts in all. Default: 8.",
        limits: Limits::Between(1, 50),
        binds_plans: true,
        shown: Shown::InSchedule,
    }
    "retry.base" => retry_base: Option<Duration> = None, {
        doc: "The longest first wait. Default: 100ms.",
        binds_plans: true,
        shown: Shown::InSchedule,
    }
    "retry.cap" => retry_cap: Option<Duration> = None, {
        doc: "The longest wait. Default: 5s.",
        binds_plans: true,
        shown: Shown::InSchedule,
    }
    "retry.retries" => retries: Option<u32> = None, {
        flag: Some(Flag {
            name: "retries",
            alias: None,
            variable: "TBENGINE_RETRIES",
            value_name: "N",
            heading: RETRIES,
            help: "Number of retries (overrides the policy)",
            comes_first: false,
        }),
        doc: "How many retries after the first attempt.",
        limits: Limits::Between(0, 49),
        binds_plans: true,
        shown: Shown::InSchedule,
    }
    "retry.delay" => retry_delay: Option<Duration> = None, {
        flag: Some(Flag {
            name: "retry-delay",
            alias: None,
            variable: "TBENGINE_RETRY_DELAY",
            value_name: "DURATION",
            heading: RETRIES,
            help: "Delay before the first retry [default with --retries: 2s]",
            comes_first: false,
        }),
        doc: "The first wait. Default: 2s.",
        binds_plans: true,
        shown: Shown::InSchedule,
    }
    "retry.factor" => retry_factor: Option<Factor> = None, {
        flag: Some(Flag {
            name: "retry-factor",
            alias: None,
            variable: "TBENGINE_RETRY_FACTOR",
            value_name: "FACTOR",
            heading: RETRIES,
            help: "Backoff multiplier [default with --retries: 2]",
            comes_first: false,
        }),
        doc: "What each wait is multiplied by for the next. Default: 2.",
        binds_plans: true,
        shown: Shown::InSchedule,
    }
    "retry.concurrency" => concurrency: Option<u16> = None, {
        flag: Some(Flag {
            name: "concurrency",
            alias: None,
            variable: "TBENGINE_CONCURRENCY",
            value_name: "N",
            heading: RETRIES,
            help: "Maximum concurrent requests per backend [default: adaptive]",
            comes_first: false,
        }),
        doc: "Maximum concurrent requests per backend. Default: adaptive.",
        limits: Limits::Between(1, 1024),
        binds_plans: true,
    }
    "retry.outage-deadline" => outage_deadline: Duration = ApplyOptions::default().outage_deadline, {
        flag: Some(Flag {
            name: "outage-deadline",
            alias: None,
            variable: "TBENGINE_OUTAGE_DEADLINE",
            value_name: "DURATION",
            heading: RETRIES,
            help: "Give up on an unreachable backend after this long and defer its steps [default: {default}]",
            comes_first: false,
        }),
        doc: "How long a backend may be unreachable before its steps are deferred. Default: {default}.",
        binds_plans: true,
    }
    "retry.deadline" => deadline: Option<Duration> = None, {
        flag: Some(Flag {
            name: "deadline",
            alias: None,
            variable: "TBENGINE_DEADLINE",
            value_name: "DURATION",
            heading: RETRIES,
            help: "Time limit for the run; unfinished work is deferred (exit code 6)",
            comes_first: false,
        }),
        doc: "Time limit for a run; unfinished work is deferred. Default: no limit.",
        binds_plans: true,
    }
    "retry.step-deadline" => step_deadline: Duration = ApplyOptions::default().step_deadline, {
        flag: Some(Flag {
            name: "step-deadline",
            alias: None,
            variable: "TBENGINE_STEP_DEADLINE",
            value_name: "DURATION",
            heading: RETRIES,
            help: "Time limit for the calls of one step [default: {default}]",
            comes_first: false,
        }),
        doc: "Time limit for the calls of one step. Default: {default}.",
        binds_plans: true,
    }
    "retry.stuck-after" => stuck_after: Duration = ApplyOptions::default().stuck_after, {
        flag: Some(Flag {
            name: "stuck-after",
            alias: None,
            variable: "TBENGINE_STUCK_AFTER",
            value_name: "DURATION",
            heading: RETRIES,
            help: "Report an accepted deletion as stuck after this long, if nothing else of its backend finishes either [default: {default}]",
            comes_first: false,
        }),
        doc: "How long an accepted deletion may take before it counts as stuck, if nothing else of its backend finishes\n\
              in that time either. Default: {default}.",
        limits: Limits::AtLeast(Duration::from_millis(100)),
        binds_plans: true,
    }
    "state.dir" => state_dir: Option<PathBuf> = None, {
        flag: Some(Flag {
            name: "state-dir",
            alias: None,
            variable: "TBENGINE_STATE_DIR",
            value_name: "DIR",
            heading: GLOBAL,
            help: "Directory for run records, locks and leases",
            comes_first: false,
        }),
        doc: "The directory. Default: $XDG_STATE_HOME/tbengine.",
        project: Project::Nothing("move the records of runs and leases"),
    }
    "state.lock" => lock: Option<Duration> = None, {
        doc: "How long the locks of a run last without a heartbeat; at least 1s. Default: 30s.",
        // It has to outlast the pauses that any scheduler makes.
        limits: Limits::AtLeast(Duration::from_secs(1)),
        shown: Shown::No,
        project: Project::Nothing("change how long runs are protected from each other"),
    }
    "state.keep" => keep: Duration = Duration::from_secs(30 * 24 * 3600), {
        doc: "How long the records of runs are kept; 0s keeps them forever. Default: {default}.",
        shown: Shown::No,
        project: Project::Nothing("change how long the records of runs are kept"),
    }
}
