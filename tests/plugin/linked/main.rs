//! The host's side of the C interface with plugins that are linked into this program. Runs under Miri, which
//! can load no library.
//!
//! - `breaking`: plugins that break the rules
//! - `keeping`: the plugin that the sdk makes, which keeps them
//! - `ending`: the host's runtime ends before its requests do
//! - `rude`: the plugins that break the rules
//! - `support`: opening them

#![expect(
    unsafe_code,
    reason = "plugins are linked in, and one is written by hand"
)]

mod breaking;
mod ending;
mod keeping;
#[path = "../plugin/listening.rs"]
mod listening;
mod rude;
mod support;

// What the sdk's plugin brings.
use tbengine_plugin_tests as _;
