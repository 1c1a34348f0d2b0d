//! Sweeps until nothing more turns up, and says what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tbengine_engine::apply::Control;
use tbengine_engine::report::StepResult;
use tbengine_ops::lease::Target;
use tbengine_sdk::Resource;
use tbengine_store::journal::StateDir;
use tbengine_store::lease::{Held, LeaseError, Standing, Store};

use super::processes;
use super::sweep::{Sweep, sweep};
use crate::app::App;
use crate::exit::{Code, Error};
use crate::output::human::{count, short_id};
use tbengine_ops::config::Settings;

/// How often it is looked for what is left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looks {
    /// How long to wait for creations that were under way before looking once more. Listings of some
    /// clouds lie for a second or two.
    pub(crate) again_after: Duration,
    /// Whether one look that finds nothing is enough, because nothing can come later.
    pub(crate) once: bool,
}

impl Looks {
    /// Looks that wait this long before looking once more.
    pub(crate) fn again_after(after: Duration) -> Self {
        Self {
            again_after: after,
            ..Self::default()
        }
    }
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            again_after: Duration::from_secs(3),
            once: false,
        }
    }
}

/// More looks than this are left to the next run.
const MOST_LOOKS: u32 = 6;
/// How long what still runs under the lease may take to end by itself.
const PROCESS_GRACE: Duration = Duration::from_secs(2);

/// What became of what was made under a lease.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Ended {
    /// The lease.
    pub(crate) lease: String,
    /// Whether everything was seen to be gone.
    pub(crate) ended: bool,
    /// How many were deleted.
    pub(crate) deleted: usize,
    /// How many could not be.
    pub(crate) failed: usize,
    /// How many were created meanwhile, and nothing says by whom.
    pub(crate) unproven: usize,
    /// How many steps ended in which way.
    pub(crate) results: BTreeMap<StepResult, usize>,
    /// What is in the way, in words.
    pub(crate) problems: Vec<String>,
    /// What was created meanwhile, and nothing says by whom, in words.
    pub(crate) unproven_names: Vec<String>,
    #[serde(skip)]
    incomplete: bool,
    /// Whether some of it is only seen with other settings.
    #[serde(skip)]
    is_elsewhere: bool,
}

impl Ended {
    /// The exit code that this is worth.
    pub(crate) fn code(&self) -> Code {
        match (self.ended, self.incomplete) {
            (true, _) => Code::Done,
            (false, true) => Code::Incomplete,
            (false, false) => Code::Failed,
        }
    }

    /// Tells what came of it, if there is anything to tell.
    pub(crate) fn tell(&self, app: &App) {
        for problem in &self.problems {
            app.console.error(problem, &[]);
        }
        if self.unproven > 0 {
            app.console.warning(&format!(
                "{} created meanwhile, and nothing proves by whom, so they stay: {}",
                count(self.unproven, "resource"),
                self.unproven_names.join(", ")
            ));
        }
        let counts = self.results.iter();
        let counts: Vec<String> = counts.map(|(how, many)| format!("{many} {how}")).collect();
        let what = match counts.is_empty() {
            true => "nothing was left behind".to_owned(),
            false => counts.join(", "),
        };
        let lease = &self.lease;
        if !self.ended {
            let hint = match self.is_elsewhere {
                false => "the next `tbengine run` or `tbengine resume` goes on with it".to_owned(),
                true => format!(
                    "`tbengine lease release {lease}`, with the settings of then, goes on with it"
                ),
            };
            app.console.error(
                &format!("lease {lease}: {what}; not everything is gone"),
                &[hint],
            );
        } else if !counts.is_empty() || app.global.verbose > 0 {
            app.console
                .line(&[crate::output::span::plain(format!("lease {lease}: {what}"))]);
        }
    }

    fn add(&mut self, sweep: &Sweep) {
        for outcome in sweep.report.iter().flat_map(|report| &report.outcomes) {
            *self.results.entry(outcome.result).or_default() += 1;
            if outcome.result.is_failure() {
                let detail = outcome.detail.as_deref().unwrap_or("no reason is known");
                self.problems
                    .push(format!("{} {}: {detail}", outcome.result, outcome.id));
            }
        }
    }

    /// Takes over what the last look says about what is left.
    fn settle(&mut self, last: &Sweep) {
        let named = |one: &Resource| {
            let kind = one.identity.kind;
            format!("{kind} {} ({})", one.name, short_id(&one.identity.native))
        };
        self.is_elsewhere = !last.elsewhere.is_empty();
        self.unproven = last.unproven.len();
        self.unproven_names = last.unproven.iter().take(10).map(named).collect();
        self.deleted = self
            .results
            .get(&StepResult::Deleted)
            .copied()
            .unwrap_or_default();
        let failures = self
            .results
            .iter()
            .filter(|(result, _)| result.is_failure());
        self.failed = failures.map(|(_, many)| many).sum();
        self.incomplete = !last.failures.is_empty()
            || self.is_elsewhere
            || last
                .report
                .as_ref()
                .is_some_and(tbengine_engine::report::Report::has_deferred);
        for refusal in &last.refusals {
            self.problems.push(format!(
                "{} stays: {} ({})",
                refusal.target.id(),
                refusal.detail,
                refusal.guard
            ));
        }
        self.problems.extend(last.obstacle.clone());
        for backend in &last.elsewhere {
            self.problems.push(format!(
                "backend `{backend}` leads to another account than when the lease was taken, and what was made there is not seen from here"
            ));
        }
        for failure in &last.failures {
            self.problems.push(format!(
                "backend `{}` could not be listed: {}",
                failure.backend, failure.error
            ));
        }
    }
}

/// Ends what still runs under a lease and deletes what was made under it, until nothing more turns up.
pub(crate) async fn end(
    app: &App,
    settings: &Settings,
    held: &mut Held,
    looks: Looks,
    control: &Control,
) -> Result<Ended, Error> {
    let id = held.lease().id.clone();
    let (running, left) = processes::end(&id, PROCESS_GRACE);
    tracing::info!(running, left, "ended what still ran");
    let mut ended = Ended {
        lease: id,
        ..Ended::default()
    };
    if left > 0 {
        ended
            .problems
            .push(format!("{} cannot be ended", count(left, "process")));
    }
    let mut last;
    let mut look = 0;
    loop {
        last = sweep(app, settings, held, Target::Everything, control).await?;
        ended.add(&last);
        look += 1;
        let is_settled = last.is_clean() && !last.found() && (look > 1 || looks.once);
        // Looking again does not bring another account into sight.
        let is_vain = !last.elsewhere.is_empty() && last.report.is_none();
        if is_settled || is_vain || look == MOST_LOOKS || control.stop.is_cancelled() {
            break;
        }
        tokio::time::sleep(looks.again_after).await;
    }
    ended.settle(&last);
    if last.is_clean() && !control.stop.is_cancelled() && left == 0 {
        held.end(app.context.world.again().now)?;
        ended.ended = true;
    }
    Ok(ended)
}

/// Ends every lease that is over and about one of these backends; all, if none is named. Tells what came
/// of it, and returns how that went.
pub(crate) async fn end_those_over(
    app: &App,
    settings: &Settings,
    backends: &[String],
    control: &Control,
) -> Result<Code, Error> {
    let Some(path) = &settings.state_dir.value else {
        return Ok(Code::Done);
    };
    let Some(state) = StateDir::open(path)? else {
        return Ok(Code::Done);
    };
    let store = Store::open(&state);
    let mut code = Code::Done;
    // What cannot be read refuses every plan, which says so.
    for (lease, standing) in store.all(&app.context.world.host)?.into_iter().flatten() {
        let concerns = |name| backends.is_empty() || backends.contains(name);
        if standing != Standing::Over || !lease.terms.backends.iter().any(concerns) {
            continue;
        }
        match store.adopt(&lease.id, &app.context.world.host) {
            Ok(Some(mut held)) => {
                let what = lease.terms.program.as_deref().unwrap_or("its holder");
                app.console.warning(&format!(
                    "lease {} is over, and {what} did not clean up: going on with that",
                    lease.id
                ));
                let ended = end(app, settings, &mut held, Looks::default(), control).await?;
                ended.tell(app);
                // What this run cannot see is not for it to answer for.
                if ended.code() != Code::Done && !ended.is_elsewhere {
                    code = ended.code();
                }
            }
            // Someone else was faster.
            Ok(None) | Err(LeaseError::Held { .. }) => {}
            Err(error @ LeaseError::Later { .. }) => {
                let hint = "the tbengine that wrote it ends it".to_owned();
                app.console.error(&error.to_string(), &[hint]);
                code = Code::Incomplete;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(code)
}
