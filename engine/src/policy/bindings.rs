//! The host's side of the contract, generated for each version of it, and one view of all of them.
//!
//! The versions differ in what a policy may propose; the facts have the same types in all. So the
//! modules of the host know one set of types, and verdicts of older versions become those of the newest.

use wasmtime::component::{HasSelf, InstancePre, Linker};
use wasmtime::{AsContextMut, Engine};

use super::contract::Version;

/// `tbengine:policy@1`, as generated.
#[allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    dead_code,
    clippy::all,
    reason = "generated"
)]
mod v1 {
    // Borrowing: a call lowers a million strings, and none of them needs a copy first.
    wasmtime::component::bindgen!({
        path: "../sdk/policy/wit/1.0",
        world: "policy",
        imports: { default: trappable },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// `tbengine:policy@2`, as generated.
#[allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    dead_code,
    clippy::all,
    reason = "generated"
)]
mod v2 {
    wasmtime::component::bindgen!({
        path: "../sdk/policy/wit/2.0",
        world: "policy",
        imports: { default: trappable },
        ownership: Borrowing { duplicate_if_necessary: true },
        with: { "tbengine:policy/types@2.0.0": super::v1::tbengine::policy::types },
    });
}

/// The log, as each version names it.
pub(super) use v1::tbengine::policy::log as log_1;
pub(super) use v2::tbengine::policy::log as log_2;

/// Grants every version its imports.
pub(super) fn add_to_linker<T>(linker: &mut Linker<T>) -> wasmtime::Result<()>
where
    T: types::Host + log_1::Host + log_2::Host + 'static,
{
    v1::Policy::add_to_linker::<_, HasSelf<T>>(linker, |state| state)?;
    log_2::add_to_linker::<_, HasSelf<T>>(linker, |state| state)
}

/// A linked policy of some version, before it is instantiated.
pub(super) enum PolicyPre<T: 'static> {
    V1(v1::PolicyPre<T>),
    V2(v2::PolicyPre<T>),
}

impl<T> PolicyPre<T> {
    pub(super) fn new(pre: InstancePre<T>, version: Version) -> wasmtime::Result<Self> {
        Ok(match version {
            Version::V1 => Self::V1(v1::PolicyPre::new(pre)?),
            Version::V2 => Self::V2(v2::PolicyPre::new(pre)?),
        })
    }

    pub(super) fn engine(&self) -> &Engine {
        match self {
            Self::V1(pre) => pre.engine(),
            Self::V2(pre) => pre.engine(),
        }
    }

    pub(super) fn instantiate(
        &self,
        store: impl AsContextMut<Data = T>,
    ) -> wasmtime::Result<Policy> {
        Ok(match self {
            Self::V1(pre) => Policy(hooks::Guest::V1(
                pre.instantiate(store)?.tbengine_policy_hooks().clone(),
            )),
            Self::V2(pre) => Policy(hooks::Guest::V2(
                pre.instantiate(store)?.tbengine_policy_hooks().clone(),
            )),
        })
    }
}

/// An instance of a policy of some version.
pub(super) struct Policy(hooks::Guest);

impl Policy {
    pub(super) fn tbengine_policy_hooks(&self) -> &hooks::Guest {
        &self.0
    }
}

/// What the modules of the host see, named as the generated modules are.
pub(super) mod tbengine {
    pub(in crate::policy) mod policy {
        /// The types of the newest version; those of the facts are the same in all.
        pub(in crate::policy) mod types {
            pub(in crate::policy) use super::super::super::v1::tbengine::policy::types::*;
            pub(in crate::policy) use super::super::super::v2::tbengine::policy::verdicts::{
                Action, DeleteOptions, Force, StopOptions, Verdict,
            };
        }
    }
}

pub(super) mod exports {
    pub(in crate::policy) mod tbengine {
        pub(in crate::policy) mod policy {
            pub(in crate::policy) use super::super::super::hooks;
        }
    }
}

/// The functions of a policy.
pub(super) mod hooks {
    use wasmtime::AsContextMut;

    pub(in crate::policy) use super::tbengine::policy::types::{
        ConfigError, Context, Description, Failure, Interest, Resource, RetryAction, Verdict,
    };
    use super::{v1, v2};

    /// The functions of an instance of some version.
    #[derive(Clone)]
    pub(in crate::policy) enum Guest {
        V1(v1::exports::tbengine::policy::hooks::Guest),
        V2(v2::exports::tbengine::policy::hooks::Guest),
    }

    impl Guest {
        pub(in crate::policy) fn call_describe<S: AsContextMut<Data: Send>>(
            &self,
            store: S,
        ) -> wasmtime::Result<Description> {
            match self {
                Self::V1(guest) => guest.call_describe(store),
                Self::V2(guest) => guest.call_describe(store),
            }
        }

        pub(in crate::policy) fn call_configure<S: AsContextMut<Data: Send>>(
            &self,
            store: S,
            config: &[(&str, &str)],
        ) -> wasmtime::Result<Result<Interest, Vec<ConfigError>>> {
            match self {
                Self::V1(guest) => guest.call_configure(store, config),
                Self::V2(guest) => guest.call_configure(store, config),
            }
        }

        pub(in crate::policy) fn call_decide<S: AsContextMut<Data: Send>>(
            &self,
            store: S,
            context: Context<'_>,
            resources: &[Resource<'_>],
        ) -> wasmtime::Result<Result<Vec<Verdict>, String>> {
            match self {
                Self::V1(guest) => {
                    let answer = guest.call_decide(store, context, resources)?;
                    Ok(answer.map(|verdicts| verdicts.into_iter().map(Verdict::from).collect()))
                }
                Self::V2(guest) => guest.call_decide(store, context, resources),
            }
        }

        pub(in crate::policy) fn call_retry<S: AsContextMut<Data: Send>>(
            &self,
            store: S,
            context: Context<'_>,
            failure: Failure<'_>,
        ) -> wasmtime::Result<Result<RetryAction, String>> {
            match self {
                Self::V1(guest) => guest.call_retry(store, context, failure),
                Self::V2(guest) => guest.call_retry(store, context, failure),
            }
        }
    }
}

pub(super) use tbengine::policy::types;

impl From<v1::tbengine::policy::types::Verdict> for types::Verdict {
    fn from(old: v1::tbengine::policy::types::Verdict) -> Self {
        use v1::tbengine::policy::types::{Action, Force};
        let action = match old.action {
            Action::Keep(reason) => types::Action::Keep(reason),
            Action::Stop(options) => types::Action::Stop(types::StopOptions {
                reason: options.reason,
                grace_ms: options.grace_ms,
                priority: options.priority,
            }),
            Action::Delete(options) => types::Action::Delete(types::DeleteOptions {
                reason: options.reason,
                force: match options.force {
                    Force::Never => types::Force::Never,
                    Force::OnRetry => types::Force::OnRetry,
                    Force::Always => types::Force::Always,
                },
                grace_ms: options.grace_ms,
                priority: options.priority,
            }),
        };
        Self { id: old.id, action }
    }
}

impl From<log_2::Level> for log_1::Level {
    fn from(newer: log_2::Level) -> Self {
        use log_2::Level as Newer;
        match newer {
            Newer::Trace => Self::Trace,
            Newer::Debug => Self::Debug,
            Newer::Info => Self::Info,
            Newer::Warn => Self::Warn,
            Newer::Error => Self::Error,
        }
    }
}
