//! A policy of some version of the contract: the same questions to each, asked in its own types.

use wasmtime::component::InstancePre;
use wasmtime::{AsContextMut, Engine};

use super::bindings::{v2, v3};
use super::contract::Version;
use super::convert::{Asked, Interest, from_v2, from_v3, to_v2, to_v3};
use super::description::Description;
use super::failure::{Failure, RetryAdvice};
use super::proposal::Proposal;

/// A linked policy of some version, before it is instantiated.
pub(super) enum GuestPre<T: 'static> {
    V2(v2::PolicyPre<T>),
    V3(v3::PolicyPre<T>),
}

/// The functions of an instance of some version.
pub(super) enum Guest {
    V2(v2::Policy),
    V3(v3::Policy),
}

/// What a guest complains about: parameters, each with what is wrong with its value.
pub(super) type Complaints = Vec<(String, String)>;

impl<T> GuestPre<T> {
    pub(super) fn new(pre: InstancePre<T>, version: Version) -> wasmtime::Result<Self> {
        Ok(match version {
            Version::V2 => Self::V2(v2::PolicyPre::new(pre)?),
            Version::V3 => Self::V3(v3::PolicyPre::new(pre)?),
        })
    }

    pub(super) fn engine(&self) -> &Engine {
        match self {
            Self::V2(pre) => pre.engine(),
            Self::V3(pre) => pre.engine(),
        }
    }

    pub(super) fn instantiate(
        &self,
        store: impl AsContextMut<Data = T>,
    ) -> wasmtime::Result<Guest> {
        Ok(match self {
            Self::V2(pre) => Guest::V2(pre.instantiate(store)?),
            Self::V3(pre) => Guest::V3(pre.instantiate(store)?),
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
                Ok(from_v2::description(said))
            }
            Self::V3(guest) => {
                let said = guest.tbengine_policy_setup().call_describe(store)?;
                Ok(from_v3::description(said))
            }
        }
    }

    /// What it wants to be told, with these parameters.
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
                Ok(said.map(from_v2::interest).map_err(from_v2::complaints))
            }
            Self::V3(guest) => {
                let said = guest
                    .tbengine_policy_setup()
                    .call_configure(store, config)?;
                Ok(said.map(from_v3::interest).map_err(from_v3::complaints))
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
                Ok(said.map(|said| said.into_iter().map(from_v2::proposal).collect()))
            }),
            Self::V3(guest) => to_v3::with_question(asked, |context, resources| {
                let hooks = guest.tbengine_policy_hooks();
                let said = hooks.call_decide(store, context, resources)?;
                Ok(said.map(|said| said.into_iter().map(from_v3::proposal).collect()))
            }),
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
                Ok(said.map(from_v2::advice))
            }),
            Self::V3(guest) => to_v3::with_failure(asked, failure, |context, failure| {
                let said = guest
                    .tbengine_policy_hooks()
                    .call_retry(store, context, failure)?;
                Ok(said.map(from_v3::advice))
            }),
        }
    }
}
