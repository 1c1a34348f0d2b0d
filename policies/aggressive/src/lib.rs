//! The built-in policy `aggressive`; its rules are in `tbengine-policy-rules`.

use tbengine_policy::prelude::*;
use tbengine_policy_rules::settings::description;
use tbengine_policy_rules::{AGGRESSIVE, Settings};

struct Aggressive(Settings);

impl Policy for Aggressive {
    fn describe() -> Description {
        description(&AGGRESSIVE)
    }

    fn configure(params: &Params) -> Result<Self, ParamError> {
        Settings::read(AGGRESSIVE, params).map(Self)
    }

    fn interest(&self) -> Interest {
        self.0.interest()
    }

    fn decide(&self, context: &Context, resources: &[Resource]) -> Result<Vec<Verdict>, String> {
        Ok(self.0.decide(context, resources))
    }

    fn retry(&self, _context: &Context, failure: &Failure) -> Result<RetryAction, String> {
        Ok(self.0.effort.retry(failure))
    }
}

tbengine_policy::export!(Aggressive);
