//! `tbengine resume`: goes on with a run that did not come to its end.

use std::sync::Arc;

use tbengine_ops::lease::LeasePolicy;
use tbengine_store::journal::{Journal, Locked, Record, RunState, StateDir};
use tbengine_store::lease::Store;

use super::apply::{Approved, carry_out, watcher};
use super::plan::tell_blast_radius;
use super::run::{agreed, error_mode, go_on};
use crate::app::{App, block_on};
use crate::args::ResumeArgs;
use crate::args::tuning::PolicyArgs;
use crate::exit::{Code, Error};
use crate::leases::{Looks, end, end_those_over};
use crate::signals::Signals;
use tbengine_ops::Error as OpsError;
use tbengine_ops::config::Settings;
use tbengine_ops::facts::existing_state;
use tbengine_ops::facts::read_facts;
use tbengine_ops::policies::{self, Chosen};

/// Goes on with a run.
pub(crate) fn run(app: &mut App, args: &ResumeArgs) -> Result<Code, Error> {
    let signals = app.hear_signals()?;
    let settings = app.settings(&PolicyArgs::default(), &args.guards, &args.retry);
    let state = existing_state(&settings)?;
    let left_behind = match args.run {
        Some(_) => Code::Done,
        None => block_on(end_those_over(app, &settings, &[], &signals.control))?,
    };
    let Some(run) = wanted(app, args, &settings, state.as_ref())? else {
        if left_behind == Code::Done {
            app.console.warning("there is no run to resume");
        }
        return Ok(left_behind);
    };
    let state = match state {
        Some(state) => state,
        None => super::apply::state(&settings)?,
    };
    let locked = Locked::lock(&state, &app.context.world.host, &run)?;
    let valid = settings.max_plan_age.value;
    let header = locked.record.plan.header.clone();
    if let Some(lease) = header.policy_origin.strip_prefix(LeasePolicy::ORIGIN) {
        return sweep_again(app, &settings, &signals, &state, locked, lease);
    }
    let chosen =
        policies::choose_again(&app.context, &header.policy_origin, &header.policy.params)?;
    if args.replan {
        return replan(app, args, &settings, &signals, &chosen, locked);
    }
    if locked.record.open_steps().next().is_none() {
        app.console.warning(&format!(
            "run {run} is finished; there is nothing left to do"
        ));
        return Ok(Code::Done);
    }
    app.context.world.run = locked.record.run.clone();
    block_on(async {
        let scope = header.scope_then();
        let engine = app.engine(scope, &settings, error_mode(args.fail_fast))?;
        let left = locked.record.left();
        let revised = {
            let host = app.context.world.host.clone();
            let mut watcher = watcher(app);
            let mut see = |event: &_| watcher.see(event);
            let inventory = signals.unless_stopped(engine.discover(&mut see)).await?;
            let known = read_facts(&settings, &host);
            let revised = engine.revise(left, &inventory, &known, &chosen.policy, valid, &mut see);
            revised.map(|plan| (inventory, plan))
        };
        let (inventory, plan) = revised.map_err(|source| OpsError::Stale {
            plan: format!("the plan of run {run}"),
            hint: format!(
                "`tbengine resume {run} --replan` makes a new one with the same scope and policy"
            ),
            source,
        })?;
        app.tell_failures(&inventory.failures);
        tell_blast_radius(app, &plan);
        let approved = Approved {
            plan,
            failures: inventory.failures,
            fault: None,
        };
        if approved.code() == Code::Refused {
            super::apply::show(app, &approved, None, Code::Refused);
            return Ok(Code::Refused);
        }
        let journal = Journal::resume(
            locked,
            &app.context.world.host,
            &approved.plan,
            engine.clock(),
        )?;
        let journal = Some(journal);
        Ok(carry_out(
            app, &engine, &approved, &chosen, journal, &signals, &settings,
        )
        .await)
    })
}

/// The run that is named, or else the newest that can be resumed.
fn wanted(
    app: &App,
    args: &ResumeArgs,
    settings: &Settings,
    state: Option<&StateDir>,
) -> Result<Option<String>, Error> {
    let Some(state) = state else {
        return match &args.run {
            Some(run) => {
                Err(tbengine_store::journal::JournalError::NoRun { run: run.clone() }.into())
            }
            None => Ok(None),
        };
    };
    if let Some(run) = &args.run {
        return Ok(Some(Record::find(state, run)?));
    }
    let valid = settings.max_plan_age.value;
    let records = Record::read_newest(state, &app.context.world.host, usize::MAX)?;
    Ok(records.into_iter().find_map(|(run, record)| {
        let state = record.ok()?.state(app.context.world.now, valid);
        let wanted = state.is_resumable() || (args.replan && state == RunState::Stale);
        wanted.then_some(run)
    }))
}

/// A sweep that did not come to its end is made anew: its lease says what is to be deleted, and nothing
/// that this run left is lost by that.
fn sweep_again(
    app: &App,
    settings: &Settings,
    signals: &Signals,
    state: &StateDir,
    locked: Locked,
    lease: &str,
) -> Result<Code, Error> {
    locked.replace(&app.context.world.host, None, app.context.world.now)?;
    let Some(mut held) = Store::open(state).adopt(lease, &app.context.world.host)? else {
        app.console
            .warning(&format!("lease {lease} has ended meanwhile"));
        return Ok(Code::Done);
    };
    let looks = Looks::default();
    let ended = block_on(end(app, settings, &mut held, looks, &signals.control))?;
    ended.tell(app);
    Ok(ended.code())
}

/// Makes a new plan with the same scope and policy in place of the old one.
fn replan(
    app: &mut App,
    args: &ResumeArgs,
    settings: &Settings,
    signals: &Signals,
    chosen: &Chosen,
    locked: Locked,
) -> Result<Code, Error> {
    let scope = locked.record.plan.header.scope.clone();
    block_on(async {
        let engine = app.engine(scope, settings, error_mode(args.fail_fast))?;
        let planned = {
            let host = app.context.world.host.clone();
            let mut watcher = watcher(app);
            let mut see = |event: &_| watcher.see(event);
            let inventory = Arc::new(signals.unless_stopped(engine.discover(&mut see)).await?);
            let known = read_facts(settings, &host);
            let (policy, origin) = (&chosen.policy, &chosen.origin);
            let planning = engine.plan(inventory, &known, policy, origin, false, &mut see);
            signals.unless_stopped(planning).await?
        };
        super::plan::tell_obstacles(app, &planned);
        let approved = Approved {
            plan: planned.plan,
            failures: planned.inventory.failures.clone(),
            fault: planned.decisions.fault,
        };
        let usable = !matches!(approved.code(), Code::Refused | Code::Usage);
        if usable {
            if !agreed(app, signals, &approved.plan, args.yes).await? {
                return Ok(approved.code());
            }
            let by = (!approved.plan.is_empty()).then(|| app.context.world.run.clone());
            let now = engine.clock().now();
            locked.replace(&app.context.world.host, by, now)?;
        }
        go_on(
            app, &engine, approved, chosen, signals, settings, true, false,
        )
        .await
    })
}
