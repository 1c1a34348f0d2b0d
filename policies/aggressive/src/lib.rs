//! The built-in policy `aggressive`; its rules are in `tbengine-policy-rules`.

use tbengine_policy_rules::settings::description;
use tbengine_policy_rules::{AGGRESSIVE, Settings};

tbengine_policy_rules::builtin!(Settings, AGGRESSIVE, description);
