//! What the built-in policies have in common.
//!
//! `default` and `aggressive` judge each resource by itself:
//!
//! - [`each`]: all of it
//!
//! `harbor` and `terminal-bench` judge whole units of one benchmark, and nothing else:
//!
//! - [`preset`]: all of it
//!
//! Both use:
//!
//! - `kind`: the kinds of resources
//! - [`ended`]: what is done with sandboxes that have ended
//! - `reason`: the texts
//! - [`effort`]: how hard is tried, and the advice after a failed attempt
//! - [`builtin!`]: makes a component of it

pub mod each;
pub mod effort;
pub mod ended;
mod kind;
pub mod preset;
mod reason;

pub use each::{AGGRESSIVE, DEFAULT, Judge, Profile};
pub use preset::{HARBOR, Preset, PresetJudge, TERMINAL_BENCH};

/// Makes a crate the built-in policy that evaluates like this, with this profile.
#[macro_export]
macro_rules! builtin {
    ($judge:ty, $profile:expr, $description:path) => {
        use tbengine_policy::prelude::*;

        struct Builtin($judge);

        impl Policy for Builtin {
            fn describe() -> Description {
                $description(&$profile)
            }

            fn configure(params: &Params) -> Result<Self, ParamError> {
                <$judge>::read($profile, params).map(Self)
            }

            fn interest(&self) -> Interest {
                self.0.interest()
            }

            fn decide(
                &self,
                context: &Context,
                resources: &[Resource],
            ) -> Result<Vec<Verdict>, String> {
                Ok(self.0.decide(context, resources))
            }

            fn retry(&self, _context: &Context, failure: &Failure) -> Result<RetryAction, String> {
                Ok(self.0.retry(failure))
            }
        }

        tbengine_policy::export!(Builtin);
    };
}

#[cfg(test)]
mod samples;
