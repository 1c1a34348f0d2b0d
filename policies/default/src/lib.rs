//! The built-in policy `default`; its rules are in `tbengine-policy-rules`.

use tbengine_policy_rules::settings::description;
use tbengine_policy_rules::{DEFAULT, Settings};

tbengine_policy_rules::builtin!(Settings, DEFAULT, description);
