//! The kinds of resources.

use tbengine_policy::types::{Class, Resource};

/// Whether it runs and ends by itself.
pub(crate) fn lives(one: &Resource) -> bool {
    one.class == Class::Compute
}
