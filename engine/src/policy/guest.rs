//! A policy of some version of the contract, or a veto: the same questions to each, asked in its own types.

use wasmtime::component::InstancePre;
use wasmtime::{AsContextMut, Engine};

use super::bindings::v2;
use super::bindings::v3::exports::tbengine::policy::{hooks, setup, vetoes};
use super::bounded::{MAX_COMPLAINTS, MAX_REASON, bounded};
use super::contract::Version;
use super::convert::{Asked, from_v2, from_v3, to_v2, to_v3};
use super::description::{Description, MAX_NAME};
use super::failure::{Failure, RetryAdvice};
use super::interest::Interest;
use super::load::Role;
use super::proposal::{Proposal, Verdict};
use super::veto::Review;

/// A linked policy of some version or a veto, before it is instantiated.
pub(super) enum GuestPre<T: 'static> {
    V2(v2::PolicyPre<T>),
    V3 {
        pre: InstancePre<T>,
        setup: setup::GuestIndices,
        hooks: hooks::GuestIndices,
    },
    Veto {
        pre: InstancePre<T>,
        setup: setup::GuestIndices,
        vetoes: vetoes::GuestIndices,
    },
}

/// The functions of an instance of some version, or of a veto.
pub(super) enum Guest {
    V2(v2::Policy),
    V3 {
        setup: setup::Guest,
        hooks: hooks::Guest,
    },
    Veto {
        setup: setup::Guest,
        vetoes: vetoes::Guest,
    },
}

/// What a guest complains about: parameters, each with what is wrong with its value.
pub(super) type Complaints = Vec<(String, String)>;

impl<T> GuestPre<T> {
    pub(super) fn new(pre: InstancePre<T>, role: Role, version: Version) -> wasmtime::Result<Self> {
        Ok(match (role, version) {
            (Role::Policy, Version::V2) => Self::V2(v2::PolicyPre::new(pre)?),
            (Role::Policy, Version::V3) => Self::V3 {
                setup: setup::GuestIndices::new(&pre)?,
                hooks: hooks::GuestIndices::new(&pre)?,
                pre,
            },
            (Role::Veto, _) => Self::Veto {
                setup: setup::GuestIndices::new(&pre)?,
                vetoes: vetoes::GuestIndices::new(&pre)?,
                pre,
            },
        })
    }

    pub(super) fn engine(&self) -> &Engine {
        match self {
            Self::V2(pre) => pre.engine(),
            Self::V3 { pre, .. } | Self::Veto { pre, .. } => pre.engine(),
        }
    }

    pub(super) fn instantiate(
        &self,
        mut store: impl AsContextMut<Data = T>,
    ) -> wasmtime::Result<Guest> {
        Ok(match self {
            Self::V2(pre) => Guest::V2(pre.instantiate(store)?),
            Self::V3 { pre, setup, hooks } => {
                let instance = pre.instantiate(&mut store)?;
                Guest::V3 {
                    setup: setup.load(&mut store, &instance)?,
                    hooks: hooks.load(&mut store, &instance)?,
                }
            }
            Self::Veto { pre, setup, vetoes } => {
                let instance = pre.instantiate(&mut store)?;
                Guest::Veto {
                    setup: setup.load(&mut store, &instance)?,
                    vetoes: vetoes.load(&mut store, &instance)?,
                }
            }
        })
    }
}

impl Guest {
    /// What it says of itself, not yet checked.
    pub(super) fn describe(
        &self,
        store: impl AsContextMut<Data: Send>,
    ) -> wasmtime::Result<Description> {
        match self {
            Self::V2(guest) => {
                let said = guest.tbengine_policy_hooks().call_describe(store)?;
                Ok(from_v2::description(said).bounded())
            }
            Self::V3 { setup, .. } | Self::Veto { setup, .. } => {
                let said = setup.call_describe(store)?;
                Ok(from_v3::description(said).bounded())
            }
        }
    }

    /// The facts that it asks for, with these parameters.
    pub(super) fn configure(
        &self,
        store: impl AsContextMut<Data: Send>,
        config: &[(&str, &str)],
    ) -> wasmtime::Result<Result<Interest, Complaints>> {
        match self {
            Self::V2(guest) => {
                let said = guest
                    .tbengine_policy_hooks()
                    .call_configure(store, config)?;
                Ok(said
                    .map(from_v2::interest)
                    .map_err(|said| complaints(from_v2::complaints(said))))
            }
            Self::V3 { setup, .. } | Self::Veto { setup, .. } => {
                let said = setup.call_configure(store, config)?;
                Ok(said
                    .map(from_v3::interest)
                    .map_err(|said| complaints(from_v3::complaints(said))))
            }
        }
    }

    /// What it proposes.
    pub(super) fn decide(
        &self,
        store: impl AsContextMut<Data: Send>,
        asked: &Asked<'_>,
    ) -> wasmtime::Result<Result<Vec<Proposal>, String>> {
        match self {
            Self::V2(guest) => to_v2::with_question(asked, |context, resources| {
                let hooks = guest.tbengine_policy_hooks();
                let said = hooks.call_decide(store, context, resources)?;
                Ok(proposals(said, from_v2::proposal))
            }),
            Self::V3 { hooks, .. } => to_v3::with_question(asked, |context, resources| {
                let said = hooks.call_decide(store, context, resources)?;
                Ok(proposals(said, from_v3::proposal))
            }),
            Self::Veto { .. } => Err(wasmtime::Error::msg("a veto proposes nothing")),
        }
    }

    /// What it advises after a failed attempt; nothing was asked of it but that.
    pub(super) fn retry(
        &self,
        store: impl AsContextMut<Data: Send>,
        asked: &Asked<'_>,
        failure: &Failure,
    ) -> wasmtime::Result<Result<RetryAdvice, String>> {
        match self {
            Self::V2(guest) => to_v2::with_failure(asked, failure, |context, failure| {
                let said = guest
                    .tbengine_policy_hooks()
                    .call_retry(store, context, failure)?;
                Ok(self::advice(said, from_v2::advice))
            }),
            Self::V3 { hooks, .. } => to_v3::with_failure(asked, failure, |context, failure| {
                let said = hooks.call_retry(store, context, failure)?;
                Ok(self::advice(said, from_v3::advice))
            }),
            Self::Veto { .. } => Err(wasmtime::Error::msg("a veto advises nothing")),
        }
    }

    /// What it takes away of these proposals: ids with reasons.
    pub(super) fn review(
        &self,
        store: impl AsContextMut<Data: Send>,
        asked: &Asked<'_>,
        review: &Review<'_>,
    ) -> wasmtime::Result<Result<Vec<(String, String)>, String>> {
        let Self::Veto { vetoes, .. } = self else {
            return Err(wasmtime::Error::msg("a policy reviews nothing"));
        };
        to_v3::with_question(asked, |context, resources| {
            let proposals = to_v3::proposals(review);
            let said = vetoes.call_review(store, context, resources, &proposals)?;
            let vetoed = said.map(|said| {
                let said = said.into_iter();
                said.map(|veto| (veto.id, bounded(veto.reason, MAX_REASON)))
                    .collect()
            });
            Ok(vetoed)
        })
    }
}

/// What a guest proposes, with its texts cut. What it refuses for becomes a fault, which cuts it.
fn proposals<V>(
    said: Result<Vec<V>, String>,
    read: fn(V) -> Proposal,
) -> Result<Vec<Proposal>, String> {
    let proposal = |verdict| {
        let mut proposal = read(verdict);
        let (Verdict::Keep { reason }
        | Verdict::Stop { reason, .. }
        | Verdict::Archive { reason, .. }
        | Verdict::Delete { reason, .. }) = &mut proposal.verdict;
        if reason.len() > MAX_REASON {
            *reason = bounded(std::mem::take(reason), MAX_REASON);
        }
        proposal
    };
    match said {
        Ok(verdicts) => Ok(verdicts.into_iter().map(proposal).collect()),
        Err(refusal) => Err(refusal),
    }
}

/// What a guest advises, with its texts cut.
fn advice<A>(said: Result<A, String>, read: fn(A) -> RetryAdvice) -> Result<RetryAdvice, String> {
    match said.map(read) {
        Ok(RetryAdvice::GiveUp(reason)) => Ok(RetryAdvice::GiveUp(bounded(reason, MAX_REASON))),
        Ok(advice) => Ok(advice),
        Err(refusal) => Err(refusal),
    }
}

/// What a guest complains about, as far as anybody reads it.
fn complaints(said: Complaints) -> Complaints {
    let more = said.len().saturating_sub(MAX_COMPLAINTS);
    let read = said.into_iter().take(MAX_COMPLAINTS);
    let mut read: Complaints = read
        .map(|(param, message)| (bounded(param, MAX_NAME), bounded(message, MAX_REASON)))
        .collect();
    if more > 0 {
        read.push((
            "more".to_owned(),
            format!("{more} complaints are not shown"),
        ));
    }
    read
}
