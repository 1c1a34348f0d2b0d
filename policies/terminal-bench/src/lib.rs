//! The built-in policy `terminal-bench`; its rules are in `tbengine-policy-rules`.

use tbengine_policy_rules::preset::settings::description;
use tbengine_policy_rules::{PresetSettings, TERMINAL_BENCH};

tbengine_policy_rules::builtin!(PresetSettings, TERMINAL_BENCH, description);
