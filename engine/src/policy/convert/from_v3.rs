//! Answers in the types of the contract 3.0.

use std::time::Duration;

use crate::policy::bindings::v3::exports::tbengine::policy::{hooks as guest, setup};
use crate::policy::bindings::v3::tbengine::policy::{types, verdicts};
use crate::policy::description::{Description, Judging, Param};
use crate::policy::failure::RetryAdvice;
use crate::policy::interest::{Interest, Selection};
use crate::policy::proposal::{Force, Proposal, Verdict};
use crate::policy::value::ParamType;
use crate::policy::wants::Wants;

/// What a guest said of itself.
pub(in crate::policy) fn description(said: setup::Description) -> Description {
    Description {
        name: said.name,
        version: said.version,
        summary: said.summary,
        params: said.params.into_iter().map(param).collect(),
        judging: match said.judging {
            types::Judging::Each => Judging::Each,
            types::Judging::Units => Judging::Units,
            types::Judging::Backend => Judging::Backend,
            types::Judging::All => Judging::All,
        },
    }
}

fn param(said: types::Param) -> Param {
    Param {
        name: said.name,
        kind: match said.type_ {
            types::ParamType::Text => ParamType::Text,
            types::ParamType::Integer => ParamType::Integer,
            types::ParamType::Number => ParamType::Number,
            types::ParamType::Boolean => ParamType::Boolean,
            types::ParamType::Duration => ParamType::Duration,
            types::ParamType::Size => ParamType::Size,
            types::ParamType::Words => ParamType::Words,
            types::ParamType::Times => ParamType::Times,
        },
        doc: said.doc,
        default: said.default,
        required: said.required,
    }
}

/// What a guest reads.
pub(in crate::policy) fn interest(said: setup::Interest) -> Interest {
    Interest {
        labels: selection(said.labels),
        attrs: selection(said.attrs),
        wants: Wants {
            sizes: said.wants.contains(types::Costly::SIZES),
            disks: said.wants.contains(types::Costly::DISKS),
            samples: said.wants.contains(types::Costly::SAMPLES),
            history: said.wants.contains(types::Costly::HISTORY),
            prices: said.wants.contains(types::Costly::PRICES),
        },
    }
}

fn selection(said: types::Selection) -> Selection {
    match said {
        types::Selection::Everything => Selection::Everything,
        types::Selection::Nothing => Selection::Nothing,
        types::Selection::Only(keys) => Selection::only(keys),
    }
}

/// What a guest complains about.
pub(in crate::policy) fn complaints(said: Vec<setup::ConfigError>) -> Vec<(String, String)> {
    let said = said.into_iter();
    said.map(|one| (one.param, one.message)).collect()
}

/// What a guest said about one resource. No backend evicts, so that is a deletion like any other.
pub(in crate::policy) fn proposal(said: guest::Verdict) -> Proposal {
    let grace = |ms: Option<u64>| ms.map(Duration::from_millis);
    let (verdict, priority) = match said.action {
        verdicts::ActionResult::Keep(reason) => (Verdict::Keep { reason }, 0),
        verdicts::ActionResult::Stop(options) => (
            Verdict::Stop {
                reason: options.reason,
                grace: grace(options.grace_ms),
            },
            options.priority,
        ),
        verdicts::ActionResult::Archive(options) => (
            Verdict::Archive {
                reason: options.reason,
                grace: grace(options.grace_ms),
            },
            options.priority,
        ),
        verdicts::ActionResult::Delete(options) => (
            Verdict::Delete {
                reason: options.reason,
                force: match options.force {
                    types::Force::Never => Force::Never,
                    types::Force::OnRetry => Force::OnRetry,
                    types::Force::Always => Force::Always,
                },
                grace: grace(options.grace_ms),
            },
            options.priority,
        ),
    };
    Proposal {
        id: said.id,
        verdict,
        priority,
    }
}

/// What a guest wants done about a failure.
pub(in crate::policy) fn advice(said: guest::RetryAction) -> RetryAdvice {
    match said {
        guest::RetryAction::NoOpinion => RetryAdvice::NoOpinion,
        guest::RetryAction::GiveUp(reason) => RetryAdvice::GiveUp(reason),
        guest::RetryAction::After(wait) => RetryAdvice::After {
            delay: Duration::from_millis(wait.delay_ms),
            escalate: wait.escalate,
        },
    }
}
