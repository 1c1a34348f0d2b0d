//! The built-in policy `harbor`; its rules are in `tbengine-policy-rules`.

use tbengine_policy::prelude::*;
use tbengine_policy_rules::preset::settings::description;
use tbengine_policy_rules::{HARBOR, PresetSettings};

struct Harbor(PresetSettings);

impl Policy for Harbor {
    fn describe() -> Description {
        description(&HARBOR)
    }

    fn configure(params: &Params) -> Result<Self, ParamError> {
        PresetSettings::read(HARBOR, params).map(Self)
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

tbengine_policy::export!(Harbor);
