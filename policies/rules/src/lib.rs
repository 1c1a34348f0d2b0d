//! What the built-in policies have in common.
//!
//! `default` and `aggressive` judge each resource by itself; they differ in a [`Profile`] only:
//!
//! - [`profile`]: what tells one of them from another
//! - [`settings`]: the parameters, and their values
//! - [`scope`]: which resources are considered at all
//! - [`newest`]: which ones `keep-newest` spares
//! - [`judge`]: the rules
//!
//! `harbor` and `terminal-bench` judge whole units of one benchmark, and nothing else:
//!
//! - [`preset`]: all of it
//!
//! All use:
//!
//! - [`reason`]: the texts
//! - [`effort`]: how hard is tried
//! - [`retry`]: the advice after a failed attempt
//! - [`builtin!`]: makes a component of it

pub mod effort;
pub mod judge;
pub mod newest;
pub mod preset;
pub mod profile;
pub mod reason;
pub mod retry;
pub mod scope;
pub mod settings;

pub use preset::{HARBOR, Preset, PresetSettings, TERMINAL_BENCH};
pub use profile::{AGGRESSIVE, DEFAULT, Profile};
pub use settings::Settings;

/// Makes a crate the built-in policy that these settings are of, with this profile.
#[macro_export]
macro_rules! builtin {
    ($settings:ty, $profile:expr, $description:path) => {
        use tbengine_policy::prelude::*;

        struct Builtin($settings);

        impl Policy for Builtin {
            fn describe() -> Description {
                $description(&$profile)
            }

            fn configure(params: &Params) -> Result<Self, ParamError> {
                <$settings>::read($profile, params).map(Self)
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
                Ok(self.0.effort.retry(failure))
            }
        }

        tbengine_policy::export!(Builtin);
    };
}

#[cfg(test)]
mod samples;
