//! Settings for the tests.

use tbengine_policy::params::ParamError;

use super::profile::Profile;
use super::settings::{Settings, description};
use crate::samples::params;

/// Settings with defaults filled in and values written as the host does.
pub(crate) fn settings(profile: Profile, given: &[(&str, &str)]) -> Result<Settings, ParamError> {
    Settings::read(profile, &params(description(&profile), given))
}
