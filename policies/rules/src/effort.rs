//! How hard is tried: the parameters that every built-in policy has.

use std::time::Duration;

use tbengine_policy::params::{ParamError, Params};
use tbengine_policy::types::{
    Action, DeleteOptions, Description, Force, ParamType, Resource, Verdict,
};

/// The values in force.
#[derive(Clone, Debug)]
pub struct Effort {
    /// How long what runs may take to end by itself.
    pub stop_timeout: Option<Duration>,
    /// Whether what runs is killed at once.
    pub force: bool,
    /// How many attempts there are in all.
    pub attempts: Option<u32>,
    /// The wait before the second attempt.
    pub retry_delay: Option<Duration>,
    /// What each further wait is multiplied by.
    pub retry_factor: f64,
    /// After which failed attempt the next one may kill; `None` means never.
    pub escalate_after: Option<u32>,
}

/// Adds the parameters to a policy's own, with the defaults that differ; `None` leaves a value to the
/// engine.
pub(crate) fn described(
    own: Description,
    stop_timeout: Option<&str>,
    attempts: Option<&str>,
    retry_delay: Option<&str>,
) -> Description {
    use ParamType::{Boolean, Duration, Integer, Number};
    own.param("stop-timeout", Duration, stop_timeout,
            "How long what runs may take to end by itself before it is killed. Unless set, the engine's own.")
        .param("force", Boolean, Some("false"),
            "Kills running resources that are to be deleted at once, without `stop-timeout`.")
        .param("attempts", Integer, attempts,
            "How many attempts there are in all, the first included. Unless set, the engine's own schedule.")
        .param("retry-delay", Duration, retry_delay,
            "The wait after the first failed attempt; after the n-th it is retry-delay * retry-factor^(n-1). So \
             attempts=4, retry-delay=2s and retry-factor=2 wait 2, 4 and 8 seconds. Unless set, the engine's own.")
        .param("retry-factor", Number, Some("2"), "See retry-delay; at least 1.")
}

impl Effort {
    /// Reads the values.
    ///
    /// # Errors
    /// Names the parameter that makes no sense.
    pub(crate) fn read(params: &Params, escalate_after: Option<u32>) -> Result<Self, ParamError> {
        let attempts: Option<u32> = params.get("attempts")?;
        if attempts == Some(0) {
            return Err(ParamError::new("attempts", "must be at least 1"));
        }
        let retry_factor: f64 = params.required("retry-factor")?;
        if retry_factor < 1.0 {
            return Err(ParamError::new("retry-factor", "must be at least 1"));
        }
        Ok(Self {
            stop_timeout: params.get("stop-timeout")?,
            force: params.required("force")?,
            attempts,
            retry_delay: params.get("retry-delay")?,
            retry_factor,
            escalate_after,
        })
    }

    /// Deletes a resource. What runs now may be killed; what does not, only as `when_dead` says.
    pub(crate) fn delete(&self, one: &Resource, reason: String, when_dead: Force) -> Verdict {
        let (force, grace) = if !one.is_running() {
            (when_dead, self.stop_timeout)
        } else if self.force {
            (Force::Always, Some(Duration::ZERO))
        } else {
            (Force::Always, self.stop_timeout)
        };
        Verdict {
            id: one.id.clone(),
            action: Action::Delete(DeleteOptions {
                reason,
                force,
                grace_ms: grace.map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX)),
                priority: 0,
            }),
        }
    }
}
