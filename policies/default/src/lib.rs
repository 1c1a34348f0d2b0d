//! The built-in policy `default`; its rules are in `tbengine-policy-rules`.

use tbengine_policy_rules::each::settings::description;
use tbengine_policy_rules::{DEFAULT, Judge};

tbengine_policy_rules::builtin!(Judge, DEFAULT, description);
