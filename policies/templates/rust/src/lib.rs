//! The policy max-age: deletes what ended, and stops what runs, once it is older than allowed.

use tbengine_policy::prelude::*;

struct MaxAge {
    older_than: u64,
    keep_label: String,
}

impl Policy for MaxAge {
    fn describe() -> Description {
        let summary = "Deletes what ended, and stops what runs, once it is older than allowed.";
        let kept = "What carries this label is kept, whatever its value.";
        describe("max-age", "1.0.0", summary, Judging::Each)
            .param("older-than", ParamType::Duration, Some("24h"), "How old is too old.")
            .param("keep-label", ParamType::Text, Some("keep"), kept)
    }

    fn configure(params: &Params) -> Result<Self, ParamError> {
        let policy = Self {
            older_than: params.required("older-than")?,
            keep_label: params.required("keep-label")?,
        };
        match policy.older_than {
            0 => Err(ParamError::new("older-than", "must be more than nothing")),
            _ => Ok(policy),
        }
    }

    fn decide(&self, context: &Context, resources: &[Resource]) -> Result<Vec<Verdict>, String> {
        Ok(resources.iter().filter_map(|one| self.judge(context.now, one)).collect())
    }

    fn retry(&self, _context: &Context, failure: &Failure) -> Result<RetryAction, String> {
        Ok(match (failure.failure, failure.attempt) {
            (FailureKind::Transient, ..4) => {
                let delay_ms = u64::from(failure.attempt) * 1_000;
                RetryAction::After(Wait { delay_ms, escalate: false })
            }
            (FailureKind::Transient, _) => RetryAction::GiveUp("tried often enough".to_owned()),
            _ => RetryAction::NoOpinion,
        })
    }
}

impl MaxAge {
    fn judge(&self, now: u64, one: &Resource) -> Option<Verdict> {
        if one.label(&self.keep_label).is_some() {
            return Some(one.keep("labelled to be kept"));
        }
        let age = now.checked_sub(one.born()?)?;
        if age <= self.older_than {
            return None;
        }
        let verdict = match one.state {
            State::Created | State::Exited | State::Stopped | State::Failed | State::Dead => {
                one.delete("older than allowed")
            }
            State::Running | State::Paused => {
                one.stop("older than allowed").grace(Duration::from_secs(5))
            }
            _ => return None,
        };
        // The oldest go first.
        Some(verdict.priority(i32::try_from(age / 3_600_000).unwrap_or(i32::MAX)))
    }
}

tbengine_policy::export!(MaxAge);
