//! Recorded inventories with what is expected of a policy.
//!
//! `tests/host.json` is an inventory; what is expected of a policy that judges it stands in
//! `tests/host.expected.json`, and with other parameters in `tests/host.ANYTHING.expected.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tbengine_engine::decide::Decision;
use tbengine_engine::discover::Inventory;
use tbengine_engine::policy::{Failure, Force, Operation, RetryAdvice, Verdict};
use tbengine_sdk::{ErrorKind, Identity, Resource, ResourceId, State, Timestamp};

use super::recorded::Said;
use super::test_scope::TestScope;
use crate::error::Error;
use crate::input::{self, MAX_DOCUMENT};

/// What is expected of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expected {
    /// The parameters, as for `--set`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// The time at which the policy is asked; without it that of the recording. No resource changes with it, so one gets
    /// older by as much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Timestamp>,
    /// What the policy gets to see.
    #[serde(skip_serializing_if = "TestScope::is_everything")]
    pub scope: TestScope,
    /// Whether running resources count as claimed by the operator, as they do where the scope has labels.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub claimed: bool,
    /// By id. What is not named is expected to get no opinion.
    pub decisions: BTreeMap<String, Said>,
    /// Failed attempts, each with the advice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retries: Vec<Retry>,
}

/// A failed attempt, and what the policy is expected to advise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Retry {
    /// The resource; what is known of it is taken from the inventory, and force and reason from the decision.
    pub id: Id,
    #[serde(with = "OperationWord")]
    operation: Operation,
    /// What went wrong.
    pub failure: ErrorKind,
    #[serde(default)]
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    #[serde(default = "first_round", skip_serializing_if = "is_first_round")]
    round: u32,
    #[serde(default)]
    elapsed_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// What the policy is expected to advise.
    pub advice: Advice,
}

fn first_round() -> u32 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_first_round(round: &u32) -> bool {
    *round == 1
}

/// The id of a resource, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(
    /// The id.
    pub ResourceId,
);

impl TryFrom<String> for Id {
    type Error = <ResourceId as std::str::FromStr>::Err;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0.to_string()
    }
}

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", remote = "Operation")]
enum OperationWord {
    Stop,
    Archive,
    Delete,
}

/// What a policy advises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// Nothing: the schedule of the engine applies.
    NoOpinion,
    /// The step is given up, for this reason.
    GiveUp(String),
    /// It is tried again.
    #[serde(rename_all = "kebab-case")]
    After {
        /// After so many milliseconds.
        delay_ms: u64,
        /// By force, where the verdict allows that on a retry.
        escalate: bool,
    },
}

impl From<RetryAdvice> for Advice {
    fn from(advice: RetryAdvice) -> Self {
        match advice {
            RetryAdvice::NoOpinion => Self::NoOpinion,
            RetryAdvice::GiveUp(reason) => Self::GiveUp(reason),
            RetryAdvice::After { delay, escalate } => Self::After {
                delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                escalate,
            },
        }
    }
}

impl Advice {
    /// The whole of it on a line.
    pub fn text(&self) -> String {
        match self {
            Self::NoOpinion => "no opinion".to_owned(),
            Self::GiveUp(reason) => format!("give up: {reason}"),
            Self::After { delay_ms, escalate } => {
                let how = if *escalate { ", escalated" } else { "" };
                format!("again after {delay_ms} ms{how}")
            }
        }
    }
}

impl Retry {
    /// What the policy is asked, which evaluated this inventory and decided so.
    pub fn question(&self, inventory: &Inventory, decisions: &[Decision]) -> Failure {
        let id = &self.id.0;
        let mut resources = inventory.resources.iter();
        let place = resources.position(|resource| resource.identity.id() == *id);
        let resource = match place {
            Some(place) => inventory.resources[place].clone(),
            None => {
                let identity = Identity {
                    backend: id.backend.clone(),
                    account: Default::default(),
                    kind: id.kind,
                    native: id.native.clone(),
                    created: None,
                };
                Resource::new(identity, id.native.clone(), State::Unknown)
            }
        };
        let mut decisions = decisions.iter();
        let decision = decisions.find(|decision| Some(decision.resource) == place);
        let (reason, force) = match decision.map(|decision| &decision.verdict) {
            Some(Verdict::Delete { reason, force, .. }) => (reason.clone(), *force),
            Some(Verdict::Stop { reason, .. } | Verdict::Archive { reason, .. }) => {
                (reason.clone(), Force::Never)
            }
            Some(Verdict::Keep { .. }) | None => (String::new(), Force::Never),
        };
        let mut error = tbengine_sdk::Error::new(self.failure, self.message.clone());
        error.code.clone_from(&self.code);
        error.retry_after = self.retry_after_ms.map(Duration::from_millis);
        Failure {
            kind: inventory.kinds.facts(&id.backend, id.kind),
            operation: self.operation,
            force,
            reason,
            round: self.round,
            elapsed: Duration::from_millis(self.elapsed_ms),
            ..Failure::new(resource, error, self.attempt)
        }
    }
}

/// An inventory, and one file of expectations.
#[derive(Debug)]
pub struct Case {
    /// The file of the inventory.
    pub inventory: PathBuf,
    /// The file of the expectations.
    pub file: PathBuf,
    /// What is expected; `None` if there is no such file yet.
    pub expected: Option<Expected>,
}

const EXPECTED: &str = ".expected.json";

/// Finds the cases of a folder, in the order of their names.
///
/// # Errors
/// If the folder or a file in it cannot be read, or holds something else.
pub fn find(folder: &Path) -> Result<Vec<Case>, Error> {
    let failed = |error| Error::config(format!("failed to read {}: {error}", folder.display()));
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map_err(failed)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".json"))
        .collect();
    names.sort_unstable();
    let (expected, inventories): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| name.ends_with(EXPECTED));
    let stems: Vec<&str> = inventories
        .iter()
        .map(|name| name.trim_end_matches(".json"))
        .collect();
    if stems.is_empty() {
        let folder = folder.display();
        return Err(
            Error::config(format!("no recorded inventory in {folder}")).hint(format!(
                "record one with `tbengine list --record {folder}/host.json`"
            )),
        );
    }
    // The longest stem wins: `a.b.expected.json` is for `a.b.json` if that is there.
    let owner = |name: &str| {
        let own = |stem: &&&str| {
            name.strip_prefix(**stem)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        stems
            .iter()
            .filter(own)
            .max_by_key(|stem| stem.len())
            .copied()
    };
    if let Some(lost) = expected.iter().find(|name| owner(name).is_none()) {
        return Err(Error::config(format!(
            "no inventory for {}: {} is missing",
            folder.join(lost).display(),
            folder.join(lost.replace(EXPECTED, ".json")).display()
        )));
    }
    let mut cases = Vec::new();
    for stem in &stems {
        let inventory = folder.join(format!("{stem}.json"));
        let mine: Vec<&String> = expected
            .iter()
            .filter(|name| owner(name) == Some(stem))
            .collect();
        if mine.is_empty() {
            cases.push(Case {
                file: folder.join(format!("{stem}{EXPECTED}")),
                inventory: inventory.clone(),
                expected: None,
            });
        }
        for name in mine {
            let file = folder.join(name);
            cases.push(Case {
                expected: Some(read(&file)?),
                inventory: inventory.clone(),
                file,
            });
        }
    }
    Ok(cases)
}

fn read(file: &Path) -> Result<Expected, Error> {
    let failed = |error: String| Error::config(format!("{}: {error}", file.display()));
    let text = input::text(file, MAX_DOCUMENT).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}
