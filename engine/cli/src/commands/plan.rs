//! `tbengine plan`: what would be done and why. Writes to no backend.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tbengine_engine::Planned;
use tbengine_engine::plan::Plan;
use tbengine_ops::input::{self, MAX_DOCUMENT};
use tbengine_ops::lease::{PlannedSweep, foresee};

use crate::app::{App, block_on};
use crate::args::tuning::{PolicyArgs, RetryArgs, SafeguardArgs};
use crate::args::{PlanArgs, scope::ScopeArgs};
use crate::exit::{Code, Error};
use crate::output::obstacles::print_obstacles;
use crate::output::out::write_document;
use crate::output::plan::PlanView;
use crate::output::span::{Tone, toned};

/// Makes a plan and shows it.
pub(crate) fn run(app: &mut App, args: &PlanArgs) -> Result<Code, Error> {
    let made = make(app, &args.scope, &args.policy, &args.safeguards)?;
    let code = show(app, &made);
    let Made { planned, sweeps } = made;
    if let Some(path) = &args.save {
        if planned.decisions.fault.is_none() {
            save(path, &planned.plan)?;
            app.console
                .line(&[toned(Tone::Dim, format!("saved to {}", path.display()))]);
        } else {
            app.console
                .warning("the plan was not saved, because the policy failed");
        }
    }
    let code = match code {
        Code::Done if args.exit_code && finds_anything(&planned, &sweeps) => Code::Todo,
        code => code,
    };
    // The process ends here, and frees a million small texts faster than we could.
    std::mem::forget(planned);
    Ok(code)
}

/// A plan that will not be applied, and what a run would do before it.
pub(crate) struct Made {
    pub(crate) planned: Planned,
    pub(crate) sweeps: Vec<PlannedSweep>,
}

fn finds_anything(planned: &Planned, sweeps: &[PlannedSweep]) -> bool {
    let mut sweeps = sweeps.iter();
    !planned.plan.is_empty() || sweeps.any(|sweep| !sweep.steps.is_empty())
}

/// Makes a plan that will not be applied.
pub(crate) fn make(
    app: &mut App,
    scope: &ScopeArgs,
    policy: &PolicyArgs,
    safeguards: &SafeguardArgs,
) -> Result<Made, Error> {
    let settings = app.settings(policy, safeguards, &RetryArgs::default());
    let (context, mut front) = app.front(true);
    front.shows_no_events();
    let scope = scope.scope();
    block_on(async {
        let sweeps = foresee(context, &settings, &scope.backends).await;
        let planned = tbengine_ops::plan(context, &settings, scope, &mut front).await?;
        Ok::<_, Error>(Made { planned, sweeps })
    })
}

/// Shows a plan, and says what stands in its way.
pub(crate) fn show(app: &mut App, made: &Made) -> Code {
    let Made { planned, sweeps } = made;
    let failures = &planned.plan.gaps(&planned.inventory)[..];
    let fault = planned.decisions.fault.as_ref();
    let code = match Code::of_plan(&planned.plan, failures, fault) {
        // A run could not do it either.
        Code::Done if sweeps.iter().any(|sweep| sweep.obstacle.is_some()) => Code::Incomplete,
        code => code,
    };
    let view = PlanView {
        planned,
        sweeps,
        failures,
        code,
    };
    app.out.show(app.global.output, &view);
    app.out.flush();
    print_obstacles(&app.console, &planned.plan, failures, fault);
    code
}

/// Writes a plan so that a reader finds the whole of it or nothing.
fn save(path: &Path, plan: &Plan) -> Result<(), Error> {
    let failed = |source| Error::write(path, source);
    let mut json = Vec::new();
    write_document(&mut json, &plan.sealed()).map_err(failed)?;
    let mut beside: PathBuf = path.to_owned();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    beside.set_file_name(format!(".{name}.{}", std::process::id()));
    let written = std::fs::File::create_new(&beside)
        .and_then(|mut file| file.write_all(&json).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        std::fs::remove_file(&beside).ok();
    }
    written.map_err(failed)
}

/// Reads a saved plan.
pub(crate) fn read(path: &Path) -> Result<Plan, Error> {
    let wrong = |error: &dyn std::fmt::Display| {
        Error::config(format!(
            "failed to read the plan {}: {error}",
            path.display()
        ))
    };
    let text = input::read(path, MAX_DOCUMENT).map_err(|error| wrong(&error))?;
    serde_json::from_slice(&text)
        .map_err(|error| wrong(&error).hint("expected a file written by `tbengine plan --save`"))
}
