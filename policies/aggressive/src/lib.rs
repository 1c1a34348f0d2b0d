//! The built-in policy `aggressive`; its rules are in `tbengine-policy-rules`.

use tbengine_policy_rules::each::settings::description;
use tbengine_policy_rules::{AGGRESSIVE, Judge};

tbengine_policy_rules::builtin!(Judge, AGGRESSIVE, description);
