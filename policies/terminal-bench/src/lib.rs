//! The built-in policy `terminal-bench`; its rules are in `tbengine-policy-rules`.

use tbengine_policy_rules::preset::settings::description;
use tbengine_policy_rules::{PresetJudge, TERMINAL_BENCH};

tbengine_policy_rules::builtin!(PresetJudge, TERMINAL_BENCH, description);
