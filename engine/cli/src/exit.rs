//! How a command ends: the one place that knows exit codes, and the hints to errors.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use tbengine_engine::apply::Halt;
use tbengine_engine::discover::ListFailure;
use tbengine_engine::plan::Plan;
use tbengine_engine::policy::{ConfigError, EngineError, Fault, LoadError, PackError};
use tbengine_engine::report::Report;
use tbengine_plugin_host::{OpenError, PluginError};
use tbengine_store::{DirError, StoreError};

use tbengine_oci::{Error as RegistryError, ReferenceError};
use tbengine_ops::Error as OpsError;
use tbengine_ops::error::StatePurpose;

/// A signal that ends a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal was closed.
    Hangup,
}

/// The exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Done, or nothing to do.
    Done,
    /// Some steps did not end well.
    Failed,
    /// Usage, configuration, or a policy that cannot be used.
    Usage,
    /// A safeguard refused the plan as a whole.
    Refused,
    /// The saved plan is stale.
    Stale,
    /// Another run works on the same.
    Locked,
    /// A backend could not be listed, or steps were deferred.
    Incomplete,
    /// `plan --exit-code` found something to do.
    Todo,
    /// Told to stop.
    Interrupted(Signal),
    /// What a guarded command ended with.
    Command(u8),
}

impl Code {
    /// The number, as the help text lists it.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Code::Done => 0,
            Code::Failed => 1,
            Code::Usage => 2,
            Code::Refused => 3,
            Code::Stale => 4,
            Code::Locked => 5,
            Code::Incomplete => 6,
            Code::Todo => 7,
            Code::Interrupted(Signal::Hangup) => 129,
            Code::Interrupted(Signal::Interrupt) => 130,
            Code::Interrupted(Signal::Terminate) => 143,
            Code::Command(code) => code,
        }
    }

    /// The worse of two ends of one command.
    pub(crate) fn or_worse(self, other: Self) -> Self {
        let rank = |code: Self| match code {
            Code::Interrupted(_) => 8,
            Code::Failed => 7,
            Code::Locked => 6,
            Code::Refused => 5,
            Code::Stale => 4,
            Code::Usage => 3,
            Code::Incomplete => 2,
            Code::Todo => 1,
            Code::Done | Code::Command(_) => 0,
        };
        match rank(other) > rank(self) {
            true => other,
            false => self,
        }
    }

    /// How making a plan ended, from what is worst down to what is best.
    pub(crate) fn of_plan(plan: &Plan, failures: &[ListFailure], fault: Option<&Fault>) -> Self {
        if fault.is_some() {
            Code::Usage
        } else if plan.blast_radius.is_some() {
            Code::Refused
        } else if !failures.is_empty() {
            Code::Incomplete
        } else {
            Code::Done
        }
    }

    /// How a run ended whose plan ended with `plan`.
    pub(crate) fn of_run(
        report: &Report,
        plan: Code,
        signal: Option<Signal>,
        halt: Option<&Halt>,
    ) -> Self {
        match (signal, halt) {
            // Whatever else came of it: what was stopped for this reason is not to look complete.
            (_, Some(Halt::Journal(_))) => Code::Failed,
            (_, Some(Halt::Lock(_))) => Code::Locked,
            (Some(signal), None) if report.interrupted => Code::Interrupted(signal),
            _ if report.has_failures() => Code::Failed,
            _ if report.has_deferred() => Code::Incomplete,
            _ => plan,
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        ExitCode::from(code.number())
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What it is about failed.
    #[error("{}", text(.0))]
    Ops(#[from] tbengine_ops::Error),
    /// A module cannot be made a policy.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The operator stopped the command before it did anything.
    #[error("interrupted before anything was done")]
    Interrupted(Signal),
}

/// What comes of an operation's own errors, so that `?` takes them.
macro_rules! of_ops {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Error::Ops(error.into())
            }
        })*
    };
}

of_ops!(
    OpenError,
    PluginError,
    EngineError,
    LoadError,
    ConfigError,
    StoreError,
    ReferenceError,
    RegistryError,
);

impl Error {
    /// An error of usage or configuration.
    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::Ops(OpsError::config(message))
    }

    /// The process could not be set up: it failed to do this.
    pub(crate) fn start(what: &'static str, source: io::Error) -> Self {
        Self::Ops(OpsError::Start { what, source })
    }

    /// The file of a result could not be written.
    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Ops(OpsError::Write { path, source })
    }

    /// The same, with the signal that stopped what was waited for.
    pub(crate) fn stopped_by(self, signal: Option<Signal>) -> Self {
        match (self, signal) {
            (
                Self::Ops(OpsError::Interrupted | OpsError::Registry(RegistryError::Stopped)),
                Some(signal),
            ) => Self::Interrupted(signal),
            (error, _) => error,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        match self {
            Self::Ops(error) => Self::Ops(error.hint(hint)),
            other => other,
        }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> Code {
        match self {
            Error::Ops(error) => code_of(error),
            Error::Pack(_) => Code::Usage,
            Error::Interrupted(signal) => Code::Interrupted(*signal),
        }
    }

    /// What the operator can do about it.
    pub(crate) fn hints(&self) -> Vec<String> {
        match self {
            Error::Ops(error) => hints(error),
            Error::Pack(PackError::Missing { .. } | PackError::Import { .. }) => {
                vec!["`tbengine policy pack --help` says what a module exports and imports".into()]
            }
            Error::Pack(_) | Error::Interrupted(_) => Vec::new(),
        }
    }
}

/// The exit code of what an operation failed with.
pub(crate) fn code_of(error: &OpsError) -> Code {
    match error {
        OpsError::Config { .. }
        | OpsError::Open(_)
        | OpsError::Plugin(_)
        | OpsError::PolicyEngine(_)
        | OpsError::Load(_)
        | OpsError::Registry(_)
        | OpsError::Parameters(_) => Code::Usage,
        OpsError::Stale { .. } => Code::Stale,
        OpsError::Store(error) => code_of_store(error),
        OpsError::NoStateDir(_) => Code::Usage,
        OpsError::NoBaseline(_) | OpsError::NotReplaced { .. } => Code::Incomplete,
        OpsError::Write { .. } | OpsError::Start { .. } | OpsError::Damage(_) => Code::Failed,
        OpsError::Interrupted => Code::Interrupted(Signal::Interrupt),
    }
}

/// What the operator can do about what an operation failed with.
pub(crate) fn hints(error: &OpsError) -> Vec<String> {
    let hint = |text: &str| vec![text.to_owned()];
    match error {
        OpsError::Config { hints, .. } => hints.clone(),
        OpsError::Open(
            OpenError::Refused { source, .. } | OpenError::NoProvider { source, .. },
        ) => source.hint.iter().cloned().collect(),
        OpsError::Open(OpenError::UnknownKind { .. }) => {
            hint("`tbengine doctor` shows what is configured")
        }
        OpsError::Plugin(PluginError::Start { source, .. }) => {
            source.hint.iter().cloned().collect()
        }
        OpsError::Plugin(_) => {
            hint("`tbengine plugin inspect` shows the digest and what it provides")
        }
        OpsError::PolicyEngine(EngineError::Cache { .. }) => {
            hint("set XDG_CACHE_HOME to a writable directory")
        }
        OpsError::Parameters(ConfigError::Unknown { .. } | ConfigError::Missing { .. }) => {
            hint("`tbengine policy inspect` lists the parameters of a policy")
        }
        OpsError::Registry(error) => registry_hints(error),
        OpsError::Stale { hint, .. } => vec![hint.clone()],
        OpsError::Damage(_) => {
            hint("what it left behind is unknown; `tbengine plan` shows what exists")
        }
        OpsError::Store(error) => store_hints(error),
        OpsError::NoStateDir(purpose) => {
            let name = "set one with --state-dir";
            let without = "use --no-journal to run without a journal";
            match purpose {
                StatePurpose::Runs => vec![name.into(), without.into()],
                StatePurpose::Leases => hint(name),
            }
        }
        OpsError::NoBaseline(_) => hint(
            "without this listing, existing resources cannot be distinguished from new ones; select the backends that respond with --backend",
        ),
        OpsError::NotReplaced { run } => hint(&format!(
            "run it again once everything can be listed, or continue with the old plan: `tbengine resume {run}`"
        )),
        OpsError::PolicyEngine(_)
        | OpsError::Load(_)
        | OpsError::Parameters(_)
        | OpsError::Write { .. }
        | OpsError::Start { .. }
        | OpsError::Interrupted => Vec::new(),
    }
}

/// What went wrong, in the words of the command line.
pub(crate) fn text(error: &OpsError) -> String {
    match error {
        OpsError::Registry(error) => registry_text(error),
        other => other.to_string(),
    }
}

/// What went wrong with a registry. Where nobody is to be asked, the flag that says so is named.
fn registry_text(error: &RegistryError) -> String {
    match error {
        RegistryError::Offline { reference } => {
            format!("`{reference}` is not in the cache, and --offline is set")
        }
        RegistryError::Damaged { path } => format!(
            "{} in the cache does not match its digest, and --offline is set",
            path.display()
        ),
        RegistryError::PushOffline => "cannot push with --offline".to_owned(),
        other => other.to_string(),
    }
}

const LOG_IN: &str = "`docker login` to it, or set TBENGINE_REGISTRY_HOST, TBENGINE_REGISTRY_USER and \
                      TBENGINE_REGISTRY_PASSWORD";
const ONCE_FETCHED: &str = "a policy that was pulled by digest before is read from the cache";

/// What the operator can do about a registry.
fn registry_hints(error: &RegistryError) -> Vec<String> {
    let hints: &[&str] = match error {
        RegistryError::NoDigest { reference } => {
            return vec![format!(
                "`tbengine policy pull {reference}` prints the reference with the digest that it has now"
            )];
        }
        RegistryError::LeftOut { .. } => &["build it with `--features oci`"],
        RegistryError::Reference(_) => &["for example oci://ghcr.io/team/nightly:1.0"],
        RegistryError::PushToDigest { .. } => &["omit the digest; `policy push` prints it"],
        RegistryError::Offline { .. } => &[
            "`tbengine policy pull` with the digest fetches it into the cache",
            "tags are not looked up in the cache",
        ],
        RegistryError::Damaged { .. } => &["run without --offline to fetch it again"],
        RegistryError::Unreachable { .. } => &[
            "check the reference, the network and the proxy variables",
            ONCE_FETCHED,
        ],
        RegistryError::Tls { .. } => &[
            "set SSL_CERT_FILE to trust a private certificate authority",
            "use --plain-http for a registry without TLS",
        ],
        RegistryError::Timeout { .. } => &["increase --registry-timeout", ONCE_FETCHED],
        RegistryError::NoCredentials { .. } => &[LOG_IN],
        RegistryError::RefusedCredentials { .. } => &[
            LOG_IN,
            "check whether they have expired and may access this repository",
        ],
        RegistryError::Forbidden { .. } => &["ask its owner for access, or use other credentials"],
        RegistryError::Missing { .. } => &[
            "check the name, the tag and the digest",
            "many registries report the same for repositories that you may not see",
        ],
        RegistryError::NoRepository { .. } => {
            &["check the name; some registries need the repository to be created first"]
        }
        RegistryError::Limited { .. } => &[
            "try again later; most registries allow more requests with credentials",
            ONCE_FETCHED,
        ],
        RegistryError::Failed { .. } => &["try again later", ONCE_FETCHED],
        RegistryError::Unexpected { .. } => {
            &["check that a registry answers there: `curl -i https://HOST/v2/`"]
        }
        RegistryError::TooLarge { .. } | RegistryError::WrongDigest { .. } => {
            &["the answer was discarded; contact the registry's operator"]
        }
        RegistryError::Rewritten { .. } => {
            &["the registry changed the manifest; push to another registry"]
        }
        RegistryError::NoPolicy { .. } => &["push policies with `tbengine policy push FILE REF`"],
        RegistryError::Redirect { .. } => {
            &["nothing was sent there; contact the registry's operator"]
        }
        RegistryError::Keychain { .. } => &[
            "TBENGINE_REGISTRY_HOST, TBENGINE_REGISTRY_USER and TBENGINE_REGISTRY_PASSWORD take precedence",
        ],
        RegistryError::PushOffline | RegistryError::Stopped | RegistryError::Start { .. } => &[],
    };
    hints.iter().map(|hint| (*hint).to_owned()).collect()
}

/// A directory that cannot be used is a matter of configuration; a disk that fails is not.
fn code_of_store(error: &StoreError) -> Code {
    match error {
        StoreError::Busy(_)
        | StoreError::Running { .. }
        | StoreError::Held { .. }
        | StoreError::Expired { .. } => Code::Locked,
        StoreError::Directory { .. }
        | StoreError::NoRun { .. }
        | StoreError::Ambiguous { .. }
        | StoreError::Format { .. }
        | StoreError::NoLease { .. }
        | StoreError::LeaseId { .. }
        | StoreError::LeaseExists { .. }
        | StoreError::Later { .. } => Code::Usage,
        StoreError::Version { .. }
        | StoreError::Database { .. }
        | StoreError::Io { .. }
        | StoreError::Thread { .. }
        | StoreError::RunExists { .. }
        | StoreError::Damaged { .. }
        | StoreError::LeaseIo { .. } => Code::Failed,
    }
}

fn store_hints(error: &StoreError) -> Vec<String> {
    let without = "nothing was done; use --no-journal to run without a journal";
    let hints: &[&str] = match error {
        StoreError::Directory { path, why } => {
            let why = match why {
                DirError::Mode(_) => format!("chmod 700 {}", path.display()),
                DirError::Network(_)
                | DirError::Symlink
                | DirError::NotADirectory
                | DirError::Owner(_) => {
                    "set --state-dir to a directory of your own on a local disk".into()
                }
                DirError::Io(_) => "set --state-dir to a writable directory".into(),
            };
            return vec![why, without.into()];
        }
        StoreError::Busy(_) => &[
            "wait for it to finish, or narrow the scope",
            "`tbengine history` shows runs in progress",
        ],
        StoreError::Running { .. } => &["wait for it to finish, or end that process"],
        StoreError::NoRun { .. } | StoreError::Ambiguous { .. } => {
            &["`tbengine history` lists the runs"]
        }
        StoreError::Damaged { .. } => {
            &["it was modified outside of tbengine, or the disk is failing; make a new plan"]
        }
        StoreError::Format { .. } => {
            &["use the version of tbengine that wrote it, or another --state-dir"]
        }
        StoreError::Database { .. } | StoreError::Io { .. } => &[without],
        StoreError::NoLease { .. } => &["`tbengine lease list` lists all leases"],
        StoreError::Later { .. } => &["use the version of tbengine that created it"],
        StoreError::Expired { .. } => {
            &["its resources are about to be deleted; acquire a new lease"]
        }
        StoreError::Version { .. }
        | StoreError::Thread { .. }
        | StoreError::RunExists { .. }
        | StoreError::LeaseId { .. }
        | StoreError::LeaseExists { .. }
        | StoreError::Held { .. }
        | StoreError::LeaseIo { .. } => &[],
    };
    hints.iter().map(|hint| (*hint).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use tbengine_engine::report::{Outcome, StepResult};

    use super::*;

    fn report(results: &[StepResult], interrupted: bool) -> Report {
        let outcome = |result: &StepResult| Outcome {
            step: 0,
            id: "docker/container/1".to_owned().try_into().unwrap(),
            name: "web".into(),
            action: tbengine_engine::plan::ActionKind::Delete,
            result: *result,
            effect: Default::default(),
            detail: None,
            hint: None,
            failed_attempts: Vec::new(),
            attempts: 1,
            took_ms: 0,
        };
        Report {
            earlier: Vec::new(),
            run: "r".into(),
            outcomes: results.iter().map(outcome).collect(),
            interrupted,
            warnings: Vec::new(),
            parked_retries: 0,
            took_ms: 0,
        }
    }

    #[test]
    fn failures_outrank_what_is_incomplete() {
        use StepResult::{AlreadyGone, Blocked, Changed, Deferred, Deleted, Denied, Failed, Stuck};
        for (results, plan, code) in [
            (&[Deleted, AlreadyGone, Changed][..], Code::Done, 0),
            (&[Deleted], Code::Incomplete, 6),
            (&[Deferred], Code::Done, 6),
            (&[Deferred, Failed], Code::Incomplete, 1),
            (&[Blocked], Code::Done, 1),
            (&[Denied], Code::Done, 1),
            (&[Stuck], Code::Done, 1),
            (&[], Code::Done, 0),
        ] {
            assert_eq!(
                Code::of_run(&report(results, false), plan, None, None).number(),
                code,
                "{results:?}"
            );
        }
    }

    #[test]
    fn an_interruption_outranks_everything_if_it_cut_the_run_short() {
        let interrupted = report(&[StepResult::Failed, StepResult::Cancelled], true);
        let code = |report, signal| Code::of_run(report, Code::Done, Some(signal), None).number();
        assert_eq!(code(&interrupted, Signal::Interrupt), 130);
        assert_eq!(code(&interrupted, Signal::Terminate), 143);
        assert_eq!(code(&interrupted, Signal::Hangup), 129);
        // The signal came when all was done.
        assert_eq!(
            code(&report(&[StepResult::Deleted], false), Signal::Interrupt),
            0
        );
    }

    #[test]
    fn a_run_that_the_journal_stopped_never_looks_complete() {
        let cut = report(&[StepResult::Deleted, StepResult::Cancelled], true);
        let code = |halt| Code::of_run(&cut, Code::Done, None, Some(&halt)).number();
        assert_eq!(code(Halt::Journal("disk full".into())), 1);
        assert_eq!(code(Halt::Lock("taken over".into())), 5);
    }
}
