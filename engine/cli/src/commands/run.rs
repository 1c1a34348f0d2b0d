//! `tbengine run`: carries a plan out.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tbengine_engine::Engine;
use tbengine_engine::apply::ErrorMode;
use tbengine_engine::plan::Plan;
use tbengine_engine::plan::saved::Stale;
use tbengine_store::journal::{Journal, quarantine};

use super::apply::{Approved, carry_out, show, state, watcher};
use super::plan::{self, tell_blast_radius};
use crate::app::{App, block_on};
use crate::args::RunArgs;
use crate::exit::{Code, Error};
use crate::leases::end_those_over;
use crate::output::out::Out;
use crate::signals::Signals;
use tbengine_ops::Error as OpsError;
use tbengine_ops::config::Settings;
use tbengine_ops::facts::read_facts;
use tbengine_ops::policies::{self, Chosen};

/// Makes a plan, or takes a saved one, and applies it.
pub(crate) fn run(app: &mut App, args: &RunArgs) -> Result<Code, Error> {
    if args.dry_run {
        let planned = plan::make(app, &args.scope, &args.policy, &args.guards)?;
        return Ok(plan::show(app, &planned));
    }
    let signals = app.hear_signals()?;
    run_hearing(app, args, &signals)
}

/// The same for a command that goes on afterwards, and hears signals itself then.
pub(super) fn run_hearing(app: &mut App, args: &RunArgs, signals: &Signals) -> Result<Code, Error> {
    let settings = app.settings(&args.policy, &args.guards, &args.retry);
    let saved = args
        .plan
        .as_deref()
        .map(|path| Ok::<_, Error>((path, plan::read(path)?)))
        .transpose()?;
    let chosen = match &saved {
        None => policies::choose(&app.context, &settings)?,
        Some((_, plan)) => {
            let header = &plan.header;
            policies::choose_again(&app.context, &header.policy_origin, &header.policy.params)?
        }
    };
    block_on(async {
        let error_mode = error_mode(args.fail_fast);
        let scope = match &saved {
            None => args.scope.scope(),
            Some((_, plan)) => plan.header.scope_then(),
        };
        let left_behind = match args.no_journal {
            // Leases are kept where nothing can be written.
            true => Code::Done,
            false => end_those_over(app, &settings, &scope.backends, &signals.control).await?,
        };
        let engine = app.engine(scope, &settings, error_mode)?;
        let approving = approve(app, &engine, &chosen, &settings, saved);
        let approved = signals.unless_stopped(approving).await??;
        let code = go_on(
            app,
            &engine,
            approved,
            &chosen,
            signals,
            &settings,
            args.yes,
            args.no_journal,
        )
        .await?;
        Ok(match code {
            Code::Done => left_behind,
            code => code,
        })
    })
}

pub(super) fn error_mode(fail_fast: bool) -> ErrorMode {
    if fail_fast {
        ErrorMode::FailFast
    } else {
        ErrorMode::Aggregate
    }
}

/// Asks where someone can be asked, records the plan, carries it out.
#[expect(
    clippy::too_many_arguments,
    reason = "all that a run needs, in one place"
)]
pub(super) async fn go_on(
    app: &mut App,
    engine: &Engine,
    approved: Approved,
    chosen: &Chosen,
    signals: &Signals,
    settings: &Settings,
    yes: bool,
    no_journal: bool,
) -> Result<Code, Error> {
    let plan_code = approved.code();
    if approved.fault.is_some() || plan_code == Code::Refused {
        show(app, &approved, None, plan_code);
        return Ok(plan_code);
    }
    let plan = &approved.plan;
    if !agreed(app, signals, plan, yes).await? {
        return Ok(plan_code);
    }
    let journal = match plan.is_empty() {
        // A job that finds nothing to do every five minutes leaves nothing behind.
        true => None,
        false => journal(app, engine, settings, plan, no_journal)?,
    };
    Ok(carry_out(app, engine, &approved, chosen, journal, signals, settings).await)
}

/// Whether a plan may be carried out: asks where someone can be asked.
pub(super) async fn agreed(
    app: &App,
    signals: &Signals,
    plan: &Plan,
    yes: bool,
) -> Result<bool, Error> {
    if plan.is_empty() || yes || !app.terminal.interactive || ask(app, signals, plan).await? {
        return Ok(true);
    }
    app.console.warning("nothing was done");
    Ok(false)
}

fn journal(
    app: &App,
    engine: &Engine,
    settings: &Settings,
    plan: &Plan,
    no_journal: bool,
) -> Result<Option<Journal>, Error> {
    if no_journal {
        app.console.warning(
            "without a journal this run cannot be resumed, and other runs do not see what it works on",
        );
        return Ok(None);
    }
    let (state, host) = (state(settings)?, &app.context.world.host);
    let journal = Journal::begin(&state, host, plan, engine.clock())?;
    let parked = app.quarantine(settings);
    let targets = plan.steps.iter().map(|step| &step.target);
    let released: Vec<_> = targets.filter(|one| parked.lets_out(one)).collect();
    if !released.is_empty() {
        quarantine::forget(&state, host, released)?;
    }
    Ok(Some(journal))
}

/// Makes the plan, or checks a saved one against the world as it is now.
async fn approve(
    app: &mut App,
    engine: &Engine,
    chosen: &Chosen,
    settings: &Settings,
    saved: Option<(&Path, Plan)>,
) -> Result<Approved, Error> {
    let run = app.context.world.run.clone();
    let host = app.context.world.host.clone();
    let mut watcher = watcher(app);
    let mut see = |event: &_| watcher.see(event);
    let Some((path, plan)) = saved else {
        let inventory = Arc::new(engine.discover(&mut see).await);
        let known = read_facts(settings, &host);
        let (policy, origin) = (&chosen.policy, &chosen.origin);
        let planned = engine
            .plan(inventory, &known, policy, origin, false, &mut see)
            .await;
        plan::tell_obstacles(app, &planned);
        return Ok(Approved {
            plan: planned.plan,
            failures: planned.inventory.failures.clone(),
            fault: planned.decisions.fault,
        });
    };
    let stale = |source| OpsError::Stale {
        plan: format!("the plan in {}", path.display()),
        hint: "make a new one with `tbengine plan --save`".into(),
        source,
    };
    if plan.digest.is_none() {
        return Err(stale(Stale::Edited).into());
    }
    let valid = settings.max_plan_age.value;
    let inventory = engine.discover(&mut see).await;
    let known = read_facts(settings, &host);
    let revised = engine.revise(plan, &inventory, &known, &chosen.policy, valid, &mut see);
    let mut plan = revised.map_err(stale)?;
    // The same file may be applied again, and that is another run.
    plan.header.run = run;
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
    crate::output::plan::write(&mut shown.page(), plan, false);
    shown.finish().ok();
    let console = app.console.clone();
    let answer = tokio::task::spawn_blocking(move || console.ask("Carry this plan out?"));
    Ok(signals.unless_stopped(answer).await?.unwrap_or(false))
}
