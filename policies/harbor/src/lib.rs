//! The built-in policy `harbor`; its rules are in `tbengine-policy-rules`.

use tbengine_policy_rules::preset::settings::description;
use tbengine_policy_rules::{HARBOR, PresetJudge};

tbengine_policy_rules::builtin!(PresetJudge, HARBOR, description);
