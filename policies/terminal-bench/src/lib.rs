//! The built-in policy `terminal-bench`; its rules are in `tbengine-policy-rules`.

use tbengine_policy::prelude::*;
use tbengine_policy_rules::preset::settings::description;
use tbengine_policy_rules::{PresetSettings, TERMINAL_BENCH};

struct TerminalBench(PresetSettings);

impl Policy for TerminalBench {
    fn describe() -> Description {
        description(&TERMINAL_BENCH)
    }

    fn configure(params: &Params) -> Result<Self, ParamError> {
        PresetSettings::read(TERMINAL_BENCH, params).map(Self)
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

tbengine_policy::export!(TerminalBench);
