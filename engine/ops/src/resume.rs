//! What a resume is: finish the approved plan of a run that was cut short, or prove it stale.

use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::apply::{Control, ErrorMode};
use tbengine_engine::discover::Inventory;
use tbengine_engine::plan::saved::Stale;
use tbengine_engine::report::Event;
use tbengine_engine::scope::Scope;
use tbengine_sdk::{Identity, Timestamp};
use tbengine_store::{ClaimedRun, Damage, Record, RunState, Store, StoreError};

use crate::config::Settings;
use crate::context::{Context, Purpose};
use crate::discover::discover;
use crate::draft::Draft;
use crate::error::{Error, StatePurpose};
use crate::facts::read_facts;
use crate::front::{Front, Notice};
use crate::lease::{LeasePolicy, LeftOver, Passes, SweepEnd, end, sweep_expired_leases};
use crate::policies::{self, Chosen};
use crate::run::{RunEnd, Work, unless_stopped};
use crate::stored::{existing_store, store_for};

/// What is to be resumed.
#[derive(Clone, Debug, Default)]
pub struct ResumeRequest {
    /// The beginning of the run's id; without, the newest run that can be resumed.
    pub run: Option<String>,
    /// Whether to make a new plan with the same scope and policy in place of the old one.
    pub replan: bool,
    /// What the first final failure means for the rest.
    pub error_mode: ErrorMode,
}

/// How a resume ended.
#[derive(Debug)]
pub struct ResumeEnd {
    /// What became of leases that were found over.
    pub left_over: Vec<LeftOver>,
    /// What became of the run.
    pub resumed: Resumed,
}

/// What became of a run that was to be resumed.
#[derive(Debug)]
pub enum Resumed {
    /// There is none.
    Nothing,
    /// It is finished; there is nothing left to do.
    Finished(Arc<str>),
    /// It was the sweep of a lease, which has ended meanwhile.
    LeaseEnded(String),
    /// It was the sweep of a lease, which was made anew.
    Swept(SweepEnd),
    /// It was applied further.
    Ran(Box<RunEnd>),
}

/// Resumes.
///
/// # Errors
/// Why nothing was done: [`Error::Interrupted`] if it was stopped before, [`Error::Stale`] if the plan must not
/// be applied any more.
pub async fn resume(
    context: &Context,
    settings: &Settings,
    request: ResumeRequest,
    front: &mut dyn Front,
    control: &Control,
) -> Result<ResumeEnd, Error> {
    let host = &context.world.host;
    let existing = existing_store(settings, host)?;
    let left_over = match request.run {
        Some(_) => Vec::new(),
        None => sweep_expired_leases(context, settings, &[], front, control).await?,
    };
    let ended = |resumed| ResumeEnd { left_over, resumed };
    let Some(run) = wanted(context, settings, &request, existing.as_deref()).await? else {
        return Ok(ended(Resumed::Nothing));
    };
    let store = match existing {
        Some(store) => store,
        None => store_for(StatePurpose::Runs, settings, host)?,
    };
    let claimed = store.reopen(&run).await?;
    let header = claimed.record().plan.header.clone();
    if let Some(lease) = header.policy_origin.strip_prefix(LeasePolicy::ORIGIN) {
        let swept = sweep_again(context, settings, control, &*store, claimed, lease).await?;
        return Ok(ended(swept));
    }
    let (origin, params) = (&header.policy_origin, &header.policy.params);
    let chosen = policies::choose_again_in_background(context, origin, params).await?;
    // What its operator said for it holds to its end.
    let settings = &settings.under(header.limits.as_ref());
    let resuming = Resuming {
        context,
        settings,
        chosen,
        control,
        error_mode: request.error_mode,
    };
    if request.replan {
        let ran = resuming.replan(claimed, front).await?;
        return Ok(ended(Resumed::Ran(Box::new(ran))));
    }
    if claimed.record().open_steps().next().is_none() {
        return Ok(ended(Resumed::Finished(run.into())));
    }
    let ran = resuming.finish(claimed, &run, front).await?;
    Ok(ended(Resumed::Ran(Box::new(ran))))
}

/// The run that is named, or else the newest that can be resumed.
async fn wanted(
    context: &Context,
    settings: &Settings,
    request: &ResumeRequest,
    store: Option<&dyn Store>,
) -> Result<Option<String>, Error> {
    let Some(store) = store else {
        return match &request.run {
            Some(run) => Err(StoreError::NoRun { run: run.clone() }.into()),
            None => Ok(None),
        };
    };
    if let Some(run) = &request.run {
        return Ok(Some(store.find(run).await?));
    }
    let valid = settings.max_plan_age.value;
    let now = context.world.now;
    let records = store.newest(usize::MAX).await?;
    let found = records.iter().flatten().find_map(|record| {
        let state = record.state(now, valid);
        let wanted = state.is_resumable() || (request.replan && state == RunState::Stale);
        wanted.then(|| record.run.to_string())
    });
    match found {
        Some(run) => Ok(Some(run)),
        None => left_behind(records, valid, now).map(|()| None),
    }
}

/// Fails if a run was left behind that cannot be resumed, which must not look as if there were none. What a run
/// with the same scope has finished since is not left behind; neither is a damaged record once anything has.
fn left_behind(
    records: Vec<Result<Record, Damage>>,
    valid: Duration,
    now: Timestamp,
) -> Result<(), Error> {
    let mut finished: Vec<Scope> = Vec::new();
    for record in records {
        let record = match record {
            Ok(record) => record,
            Err(_) if !finished.is_empty() => continue,
            Err(damage) => return Err(Error::Damage(Box::new(damage))),
        };
        let header = &record.plan.header;
        let is_sweep = header.policy_origin.starts_with(LeasePolicy::ORIGIN);
        match record.state(now, valid) {
            RunState::Finished if !is_sweep => finished.push(header.scope_then()),
            // The process that sweeps a lease finds it by the lease.
            RunState::Stale if !is_sweep && !finished.contains(&header.scope_then()) => {
                let age = header.created.age(now).unwrap_or_default();
                return Err(stale(
                    &record.run,
                    Stale::TooOld {
                        age: Duration::from_secs(age.as_secs()),
                        valid,
                    },
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn stale(run: &str, source: Stale) -> Error {
    Error::Stale {
        plan: format!("the plan of run {run}"),
        hint: format!(
            "`tbengine resume {run} --replan` makes a new one with the same scope and policy"
        ),
        source,
    }
}

/// A sweep that was cut short is made anew: its lease says what is to be deleted, and nothing that this run
/// left is lost by that.
async fn sweep_again(
    context: &Context,
    settings: &Settings,
    control: &Control,
    store: &dyn Store,
    claimed: Box<dyn ClaimedRun>,
    lease: &str,
) -> Result<Resumed, Error> {
    let Some(mut held) = store.adopt(lease).await? else {
        claimed.replace(context.world.now).await?;
        return Ok(Resumed::LeaseEnded(lease.to_owned()));
    };
    // Until the lease has ended, it leads here as well.
    claimed.replace(context.world.now).await?;
    let passes = Passes::default();
    let swept = end(context, settings, &mut *held, passes, control).await?;
    Ok(Resumed::Swept(swept))
}

/// Whether what a run has left to do would have been seen if it were there. What was not listed is in no new plan, so
/// the old one must stay.
fn has_listed_what_is_left(inventory: &Inventory, record: &Record) -> bool {
    let mut left = record
        .open_steps()
        .map(|place| &record.plan.steps[place].target);
    left.all(|Identity { backend, kind, .. }| {
        inventory.accounts.contains_key(backend) && inventory.has_listed(backend, *kind)
    })
}

/// What a run is resumed with.
struct Resuming<'a> {
    context: &'a Context,
    settings: &'a Settings,
    chosen: Chosen,
    control: &'a Control,
    error_mode: ErrorMode,
}

impl Resuming<'_> {
    /// Applies what is left of the plan.
    async fn finish(
        &self,
        claimed: Box<dyn ClaimedRun>,
        run: &str,
        front: &mut dyn Front,
    ) -> Result<RunEnd, Error> {
        let Self {
            context, settings, ..
        } = self;
        let world = context.world.clone().with_run(claimed.record().run.clone());
        let vetoes = policies::vetoes_in_background(context, settings).await?;
        let purpose = Purpose::Plan {
            scope: claimed.record().plan.header.scope_then(),
            error_mode: self.error_mode,
            // What is left of a plan is not evaluated again, and vetoes are asked again.
            wants: policies::wants(None, &vetoes),
        };
        let engine = context
            .engine_in(&world, purpose, settings)
            .await?
            .with_vetoes(vetoes);
        let left = claimed.record().left();
        let draft = {
            let mut see = |event: &Event| front.event(event);
            let inventory =
                unless_stopped(self.control, discover(&engine, settings, &world, &mut see)).await?;
            let inventory = Arc::new(inventory);
            let facts = read_facts(settings, &world.host).await;
            let (policy, valid) = (&self.chosen.policy, settings.max_plan_age.value);
            let revising = engine.revise(left, &inventory, &facts, policy, valid, &mut see);
            let revised = unless_stopped(self.control, revising).await?;
            let plan = revised.map_err(|source| stale(run, source))?;
            let failures = plan.gaps(&inventory);
            Draft::revised(plan, failures, &facts.quarantine)
        };
        front.notice(Notice::Drafted(&draft));
        if draft.is_refused() {
            return Ok(RunEnd::without_report(draft));
        }
        let journal = claimed.resume(&draft.plan, engine.clock()).await?;
        let work = self.work(&engine);
        Ok(work.apply(draft, Some(journal), front).await)
    }

    /// Makes a new plan with the same scope and policy in place of the old one.
    async fn replan(
        &self,
        claimed: Box<dyn ClaimedRun>,
        front: &mut dyn Front,
    ) -> Result<RunEnd, Error> {
        let Self {
            context,
            settings,
            control,
            ..
        } = self;
        let vetoes = policies::vetoes_in_background(context, settings).await?;
        let purpose = Purpose::Plan {
            scope: claimed.record().plan.header.scope.clone(),
            error_mode: self.error_mode,
            wants: policies::wants(Some(&*self.chosen.policy), &vetoes),
        };
        let engine = context
            .engine(purpose, settings)
            .await?
            .with_vetoes(vetoes)
            .following();
        let (draft, is_seen) = {
            let mut see = |event: &Event| front.event(event);
            let inventory = unless_stopped(
                control,
                discover(&engine, settings, &context.world, &mut see),
            )
            .await?;
            let is_seen = has_listed_what_is_left(&inventory, claimed.record());
            let facts = read_facts(settings, &context.world.host).await;
            let (policy, origin) = (&self.chosen.policy, &self.chosen.origin);
            let inventory = Arc::new(inventory);
            let planning = engine.plan(inventory, &facts, policy, origin, false, &mut see);
            let planned = unless_stopped(control, planning).await?;
            (Draft::of(planned, &facts), is_seen)
        };
        front.notice(Notice::Drafted(&draft));
        if !is_seen {
            let run = claimed.record().run.to_string();
            return Err(Error::NotReplaced { run });
        }
        let work = self.work(&engine);
        if draft.is_refused() || !work.is_approved(&draft, front).await? {
            return Ok(RunEnd::without_report(draft));
        }
        let clock = engine.clock();
        if draft.plan.is_empty() {
            claimed.replace(clock.now()).await?;
            return Ok(work.apply(draft, None, front).await);
        }
        let journal = claimed.replace_by(&draft.plan, clock).await?;
        let store = store_for(StatePurpose::Runs, settings, &context.world.host)?;
        work.note_begun(&*store, &draft).await;
        Ok(work.apply(draft, Some(journal), front).await)
    }

    fn work<'a>(&'a self, engine: &'a tbengine_engine::Engine) -> Work<'a> {
        Work {
            context: self.context,
            settings: self.settings,
            engine,
            chosen: &self.chosen,
            control: self.control,
        }
    }
}
