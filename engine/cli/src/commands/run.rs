//! `tbengine run`: carries a plan out.

use std::io;
use std::path::Path;

use tbengine_engine::Engine;
use tbengine_engine::apply::ErrorMode;
use tbengine_engine::discover::ListFailure;
use tbengine_engine::plan::Plan;
use tbengine_engine::policy::Fault;
use tbengine_engine::report::Report;

use super::plan::{self, tell_blast_radius};
use crate::app::{App, block_on};
use crate::args::RunArgs;
use crate::args::global::Format;
use crate::config::Settings;
use crate::exit::{Code, Error};
use crate::output::csv;
use crate::output::json::RunView;
use crate::output::out::Out;
use crate::output::watcher::Watcher;
use crate::policies::{self, Chosen};
use crate::signals::Signals;

/// A plan on its way to being applied.
struct Approved {
    plan: Plan,
    failures: Vec<ListFailure>,
    fault: Option<Fault>,
}

/// Makes a plan, or takes a saved one, and applies it.
pub(crate) fn run(app: &mut App, args: &RunArgs) -> Result<Code, Error> {
    if args.dry_run {
        let planned = plan::make(app, &args.scope, &args.policy, &args.guards)?;
        return Ok(plan::show(app, &planned));
    }
    let signals = Signals::listen()?;
    let settings = app.settings(&args.policy, &args.guards, &args.retry);
    let saved = args
        .plan
        .as_deref()
        .map(|path| Ok::<_, Error>((path, plan::read(path)?)))
        .transpose()?;
    let chosen = match &saved {
        None => policies::choose(&app.world, &app.config, &settings)?,
        Some((_, plan)) => {
            let header = &plan.header;
            policies::choose_again(
                &app.world,
                &app.config,
                &header.policy_origin,
                &header.policy.params,
            )?
        }
    };
    block_on(async {
        let error_mode = if args.fail_fast {
            ErrorMode::FailFast
        } else {
            ErrorMode::Aggregate
        };
        let mut scope = args.scope.scope();
        if let Some((_, plan)) = &saved {
            scope = plan.header.scope.clone();
            // Which backends the scope meant then is not to depend on what is configured now.
            if !plan.header.accounts.is_empty() {
                scope.backends = plan
                    .header
                    .accounts
                    .keys()
                    .map(ToString::to_string)
                    .collect();
            }
        }
        let engine = app.engine(scope, &settings, error_mode)?;
        let approving = approve(app, &engine, &chosen, &settings, saved);
        let approved = signals.unless_stopped(approving).await??;
        let plan_code = Code::of_plan(&approved.plan, &approved.failures, approved.fault.as_ref());
        if approved.fault.is_some() || plan_code == Code::Refused {
            finish(app, &approved, None, plan_code);
            return Ok(plan_code);
        }
        if !approved.plan.is_empty()
            && !args.yes
            && app.world.interactive
            && !ask(app, &signals, &approved.plan).await?
        {
            app.console.warning("nothing was done");
            return Ok(plan_code);
        }
        let mut watcher = watcher(app);
        let report = engine
            .apply(
                approved.plan.clone(),
                &chosen.policy,
                &signals.control,
                &mut |event| watcher.see(event),
            )
            .await;
        let code = Code::of_run(&report, plan_code, signals.first());
        finish(app, &approved, Some(&report), code);
        Ok(code)
    })
}

/// Makes the plan, or checks a saved one against the world as it is now.
async fn approve(
    app: &mut App,
    engine: &Engine,
    chosen: &Chosen,
    settings: &Settings,
    saved: Option<(&Path, Plan)>,
) -> Result<Approved, Error> {
    let mut watcher = watcher(app);
    let mut see = |event: &_| watcher.see(event);
    let Some((path, plan)) = saved else {
        let planned = engine
            .plan(&chosen.policy, &chosen.origin, false, &mut see)
            .await;
        plan::tell_obstacles(app, &planned);
        return Ok(Approved {
            plan: planned.plan,
            failures: planned.inventory.failures.clone(),
            fault: planned.decisions.fault,
        });
    };
    let valid = settings.max_plan_age.value;
    let revised = engine.revise(plan, &chosen.policy, valid, &mut see).await;
    let (inventory, plan) = revised.map_err(|source| Error::Stale {
        path: path.to_owned(),
        source,
    })?;
    app.tell_failures(&inventory.failures);
    tell_blast_radius(app, &plan);
    Ok(Approved {
        plan,
        failures: inventory.failures,
        fault: None,
    })
}

/// Shows the plan where the question is asked, and asks.
async fn ask(app: &App, signals: &Signals, plan: &Plan) -> Result<bool, Error> {
    let mut shown = Out::new(Box::new(io::stderr()), app.color, app.out.width());
    crate::output::plan::write(&mut shown, plan, false);
    shown.finish().ok();
    let console = app.console.clone();
    let answer = tokio::task::spawn_blocking(move || console.ask("Carry this plan out?"));
    Ok(signals.unless_stopped(answer).await?.unwrap_or(false))
}

fn watcher(app: &mut App) -> Watcher<'_> {
    let stream = app.global.output == Format::Jsonl;
    Watcher::new(
        &mut app.out,
        app.console.clone(),
        stream,
        app.global.verbose > 0,
    )
}

fn finish(app: &mut App, approved: &Approved, report: Option<&Report>, code: Code) {
    let plan = &approved.plan;
    let unlisted = !approved.failures.is_empty();
    let out = &mut app.out;
    match (app.global.output, report) {
        // The events were the result.
        (Format::Jsonl, _) => {}
        (Format::Json, report) => out.json(&RunView {
            plan,
            failures: &approved.failures,
            report,
            fault: approved.fault.as_ref(),
            exit_code: code.number(),
        }),
        (Format::Csv, Some(report)) => {
            csv::write(
                out,
                crate::output::report::COLUMNS,
                crate::output::report::rows(report, plan),
            );
        }
        (Format::Csv, None) => csv::write(
            out,
            crate::output::plan::COLUMNS,
            crate::output::plan::rows(plan),
        ),
        (Format::Table, Some(report)) => {
            crate::output::report::write(out, report, plan.refusals.len(), unlisted);
        }
        (Format::Table, None) => crate::output::plan::write(out, plan, unlisted),
    }
    out.flush();
    if let Some(report) = report {
        crate::output::report::advise(&app.console, report);
    }
}
