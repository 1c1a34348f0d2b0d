//! What a run is: sweep expired leases, make a plan or take a saved one, have it approved, record it, apply it.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use tbengine_engine::Engine;
use tbengine_engine::apply::{Control, ErrorMode, Halt};
use tbengine_engine::clock::RunClock;
use tbengine_engine::discover::Listings;
use tbengine_engine::plan::Plan;
use tbengine_engine::plan::saved::Stale;
use tbengine_engine::policy::Judging;
use tbengine_engine::report::{Event, Report};
use tbengine_engine::scope::Scope;
use tbengine_store::{RunLog, Store, StoreError};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::Settings;
use crate::context::{Context, Purpose};
use crate::discover::{note, take};
use crate::draft::Draft;
use crate::error::{Error, StatePurpose};
use crate::facts::read_facts;
use crate::front::{Approval, Front, Notice};
use crate::lease::{LeftOver, sweep_expired_leases};
use crate::opening::Opening;
use crate::policies::{self, Chosen};
use crate::returning;
use crate::stored::{existing_store, store_for};

/// What is to be run.
#[derive(Clone, Debug, Default)]
pub struct RunRequest {
    /// What the policy gets to see; that of the saved plan, where there is one.
    pub scope: Scope,
    /// The plan, if it was made before.
    pub saved: Option<SavedPlan>,
    /// What the first final failure means for the rest.
    pub error_mode: ErrorMode,
    /// Whether to do without a record, and so also without looking at leases.
    pub no_journal: bool,
}

/// A plan that was saved.
#[derive(Clone, Debug)]
pub struct SavedPlan {
    /// Where it lies.
    pub path: PathBuf,
    /// What it says.
    pub plan: Plan,
}

/// How a run ended.
#[derive(Debug)]
pub struct RunEnd {
    /// The plan.
    pub draft: Draft,
    /// What became of each step; `None` if the plan was refused or not approved.
    pub report: Option<Report>,
    /// Why the journal stopped it, if it did.
    pub halt: Option<Halt>,
    /// Whether a record of it is kept, so that it can be resumed.
    pub is_recorded: bool,
    /// What became of leases that were found over.
    pub left_over: Vec<LeftOver>,
    /// How the further run ended, over backends that were listed when this one was under way already.
    pub later: Option<Box<RunEnd>>,
    /// Why nothing was done about those, if it could not be.
    pub later_error: Option<Error>,
}

/// Runs.
///
/// # Errors
/// Why nothing was done: [`Error::Interrupted`] if it was stopped before, [`Error::Stale`] if a saved plan must
/// not be applied any more.
pub async fn run(
    context: &Context,
    settings: &Settings,
    request: RunRequest,
    front: &mut dyn Front,
    control: &Control,
) -> Result<RunEnd, Error> {
    let clock = RunClock::starting_at(context.world.now);
    let chosen = match &request.saved {
        None => policies::choose_in_background(context, settings).await?,
        Some(saved) => {
            let header = &saved.plan.header;
            let (origin, params) = (&header.policy_origin, &header.policy.params);
            policies::choose_again_in_background(context, origin, params).await?
        }
    };
    let scope = match &request.saved {
        None => request.scope.clone(),
        Some(saved) => saved.plan.header.scope_then(),
    };
    let left_over = match request.no_journal {
        // Leases are kept where nothing can be written.
        true => Vec::new(),
        false => {
            let until = settings.deadline.value.map(|time| clock.after(time));
            let (timed, _timer) = stopping_at(until, control);
            sweep_expired_leases(context, settings, &scope.backends, front, &timed).await?
        }
    };
    let vetoes = policies::vetoes_in_background(context, settings).await?;
    let error_mode = request.error_mode;
    // A plan that was made before is not evaluated again, and vetoes are asked again.
    let judging = request.saved.is_none().then_some(&*chosen.policy);
    let purpose = Purpose::Plan {
        scope,
        error_mode,
        wants: policies::wants(judging, &vetoes),
    };
    let in_parts = request.saved.is_none() && goes_in_parts(settings, &chosen, front);
    let (engine, mut opening) = match in_parts {
        true => {
            let opening = context.engine_soon(clock, &context.world, purpose, settings);
            let (engine, opening) = unless_stopped(control, opening).await??;
            (engine, Some(opening))
        }
        false => {
            let opening = context.engine_since(clock, &context.world, purpose, settings);
            (unless_stopped(control, opening).await??, None)
        }
    };
    let engine = engine.with_vetoes(vetoes).following();
    let no_journal = request.no_journal;
    let mut listings = engine.begin_listing();
    let drafting = async {
        match in_parts {
            true => listings.first().await,
            false => listings.rest().await,
        }
        draft(
            context,
            settings,
            &engine,
            &chosen,
            request,
            &mut listings,
            front,
        )
        .await
    };
    let draft = unless_stopped(control, drafting).await??;
    front.notice(Notice::Drafted(&draft));
    let work = Work {
        context,
        settings,
        engine: &engine,
        chosen: &chosen,
        control,
    };
    let mut end = {
        let mut applying = pin!(work.approve_and_apply(draft, no_journal, front));
        // Meanwhile the others go on being listed.
        tokio::select! {
            biased;
            end = applying.as_mut() => end,
            () = listings.rest() => applying.await,
        }?
    };
    if !listings.is_finished() && end.goes_on(error_mode) {
        work.apply_rest(&mut end, &mut listings, no_journal, front)
            .await;
    }
    if let Some(opening) = opening.as_mut().filter(|opening| !opening.is_over())
        && end.all().all(|end| end.goes_on(error_mode))
    {
        work.apply_late(&mut end, opening, no_journal, front).await;
    }
    end.left_over = left_over;
    Ok(end)
}

/// Whether what is listed soon is applied while slow backends are still being opened or listed: nobody waits for one
/// plan, no limit is about all of it, and the policy can evaluate a part.
fn goes_in_parts(settings: &Settings, chosen: &Chosen, front: &dyn Front) -> bool {
    !front.asks() && settings.max_delete.value.is_none() && chosen.policy.judging() != Judging::All
}

/// Makes the plan, or checks a saved one against the world as it is now.
async fn draft(
    context: &Context,
    settings: &Settings,
    engine: &Engine,
    chosen: &Chosen,
    request: RunRequest,
    listings: &mut Listings<'_>,
    front: &mut dyn Front,
) -> Result<Draft, Error> {
    let stale = |path: &Path, source| Error::Stale {
        plan: format!("the plan in {}", path.display()),
        hint: "make a new one with `tbengine plan --save`".into(),
        source,
    };
    if let Some(SavedPlan { path, plan }) = &request.saved
        && plan.digest.is_none()
    {
        return Err(stale(path, Stale::Edited));
    }
    let mut see = |event: &Event| front.event(event);
    let inventory = Arc::new(take(engine, listings, settings, &context.world, &mut see).await);
    let facts = read_facts(settings, &context.world.host).await;
    let (policy, origin) = (&chosen.policy, &chosen.origin);
    let Some(SavedPlan { path, plan }) = request.saved else {
        let planning = engine.plan(inventory, &facts, policy, origin, false, &mut see);
        return Ok(Draft::of(planning.await, &facts));
    };
    let valid = settings.max_plan_age.value;
    let revising = engine.revise(plan, &inventory, &facts, policy, valid, &mut see);
    let mut plan = revising.await.map_err(|source| stale(&path, source))?;
    // The same file may be applied again, and that is another run.
    plan.header.run = context.world.run.clone();
    plan.header.limits = Some(engine.limits());
    let failures = plan.gaps(&inventory);
    Ok(Draft::revised(plan, failures, &facts.quarantine))
}

/// What a draft is applied with.
pub(crate) struct Work<'a> {
    pub(crate) context: &'a Context,
    pub(crate) settings: &'a Settings,
    pub(crate) engine: &'a Engine,
    pub(crate) chosen: &'a Chosen,
    pub(crate) control: &'a Control,
}

impl Work<'_> {
    /// Plans and applies what was listed later, as a run of its own. What came too late is among its failures.
    async fn apply_rest(
        &self,
        end: &mut RunEnd,
        listings: &mut Listings<'_>,
        no_journal: bool,
        front: &mut dyn Front,
    ) {
        match self.try_rest(end, listings, no_journal, front).await {
            Ok(later) => end.last().later = later.map(Box::new),
            // What was done is done, and is not to be lost for this.
            Err(error) => {
                end.later_error.get_or_insert(error);
            }
        }
    }

    /// Plans and applies what is in backends that were opened later, as a run of its own.
    async fn apply_late(
        &self,
        end: &mut RunEnd,
        opening: &mut Opening,
        no_journal: bool,
        front: &mut dyn Front,
    ) {
        let opened = match unless_stopped(self.control, opening.rest()).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) | Err(error) => {
                end.later_error.get_or_insert(error);
                return;
            }
        };
        let engine = self
            .engine
            .for_the_rest(self.context.world.run.clone(), 0)
            .over(opened.open, opened.closed);
        let mut listings = engine.begin_listing();
        let work = Work {
            engine: &engine,
            ..*self
        };
        work.apply_rest(end, &mut listings, no_journal, front).await;
    }

    async fn try_rest(
        &self,
        end: &mut RunEnd,
        listings: &mut Listings<'_>,
        no_journal: bool,
        front: &mut dyn Front,
    ) -> Result<Option<RunEnd>, Error> {
        let Self {
            context,
            settings,
            chosen,
            control,
            ..
        } = self;
        unless_stopped(control, listings.rest()).await?;
        let world = context.world.refresh();
        let unproven = end.all().map(|end| end.draft.unproven_running).sum();
        let engine = self.engine.for_the_rest(world.run.clone(), unproven);
        let draft = {
            let mut see = |event: &Event| front.event(event);
            let inventory = Arc::new(take(self.engine, listings, settings, &world, &mut see).await);
            let facts = read_facts(settings, &world.host).await;
            let (policy, origin) = (&chosen.policy, &chosen.origin);
            let planning = engine.plan(inventory, &facts, policy, origin, false, &mut see);
            Draft::of(unless_stopped(control, planning).await?, &facts)
        };
        front.notice(Notice::Drafted(&draft));
        if draft.plan.is_empty() && draft.fault.is_none() {
            end.draft.failures.extend(draft.failures);
            end.draft.plan.refusals.extend(draft.plan.refusals);
            return Ok(None);
        }
        let work = Work {
            engine: &engine,
            ..*self
        };
        let later = work.approve_and_apply(draft, no_journal, front).await?;
        Ok(Some(later))
    }

    /// Has a draft approved, records it, and applies it.
    pub(crate) async fn approve_and_apply(
        &self,
        draft: Draft,
        no_journal: bool,
        front: &mut dyn Front,
    ) -> Result<RunEnd, Error> {
        if draft.is_refused() || !self.is_approved(&draft, front).await? {
            return Ok(RunEnd::without_report(draft));
        }
        self.record_and_apply(draft, no_journal, front).await
    }

    /// Whether a draft may be applied. One that does nothing needs no approval.
    pub(crate) async fn is_approved(
        &self,
        draft: &Draft,
        front: &mut dyn Front,
    ) -> Result<bool, Error> {
        if draft.plan.is_empty() {
            return Ok(true);
        }
        let approval = unless_stopped(self.control, front.approve(draft)).await?;
        Ok(approval == Approval::Apply)
    }

    /// Records a draft that was approved, and applies it.
    pub(crate) async fn record_and_apply(
        &self,
        draft: Draft,
        no_journal: bool,
        front: &mut dyn Front,
    ) -> Result<RunEnd, Error> {
        let journal = match draft.plan.is_empty() {
            // A job that finds nothing to do every five minutes leaves no record behind.
            true => {
                if !no_journal {
                    self.remember(&draft).await;
                }
                None
            }
            false => self.begin(&draft, no_journal, front).await?,
        };
        Ok(self.apply(draft, journal, front).await)
    }

    /// Remembers that images were seen which do not say when they came: without that they would be new for ever. That
    /// this cannot be written is not a failure of a run that has nothing to do.
    async fn remember(&self, draft: &Draft) {
        let host = &self.context.world.host;
        if !draft.found.has_sighted() {
            return;
        }
        match store_for(StatePurpose::Runs, self.settings, host) {
            Ok(store) => note(&*store, &draft.found, &self.context.world).await,
            Err(error) => tracing::warn!(%error, "cannot note which images were seen"),
        }
    }

    async fn begin(
        &self,
        draft: &Draft,
        no_journal: bool,
        front: &mut dyn Front,
    ) -> Result<Option<Box<dyn RunLog>>, Error> {
        if no_journal {
            front.notice(Notice::NoJournal);
            return Ok(None);
        }
        let host = &self.context.world.host;
        let store = store_for(StatePurpose::Runs, self.settings, host)?;
        let journal = store.begin(&draft.plan, self.engine.clock()).await?;
        self.note_begun(&*store, draft).await;
        Ok(Some(journal))
    }

    /// Stores what a draft whose plan was recorded learned, and removes what it releases from the quarantine. The run has
    /// begun, so an error is only logged: the resource is still released for this run, and stays quarantined afterwards.
    pub(crate) async fn note_begun(&self, store: &dyn Store, draft: &Draft) {
        note(store, &draft.found, &self.context.world).await;
        if !draft.released.is_empty()
            && let Err(error) = store.forget(&draft.released).await
        {
            tracing::warn!(%error, "cannot forget the failures of what is released");
        }
    }

    /// Applies a draft that was approved, under its journal.
    pub(crate) async fn apply(
        &self,
        draft: Draft,
        journal: Option<Box<dyn RunLog>>,
        front: &mut dyn Front,
    ) -> RunEnd {
        let ledger = journal.as_ref().map(|journal| journal.ledger());
        let plan = draft.plan.clone();
        let policy = &self.chosen.policy;
        let mut see = |event: &Event| front.event(event);
        let mut report = self
            .engine
            .apply(plan, policy, self.control, ledger.as_ref(), &mut see)
            .await;
        let halt = journal.as_ref().and_then(|journal| journal.halt());
        let is_recorded = journal.is_some();
        drop(journal);
        if is_recorded {
            self.note_returning(&draft.plan, &mut report).await;
            self.forget_old_runs().await;
        }
        RunEnd {
            report: Some(report),
            halt,
            is_recorded,
            ..RunEnd::without_report(draft)
        }
    }

    /// Says what comes back. That this cannot be noted is not a fault of the run.
    async fn note_returning(&self, plan: &Plan, report: &mut Report) {
        let world = self.context.world.refresh();
        let noted = match existing_store(self.settings, &world.host) {
            Ok(Some(store)) => returning::note(&*store, plan, report, world.now).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            tracing::warn!(%error, "cannot note what was deleted");
        }
    }

    /// Forgets runs that are long over. That this fails is not a fault of the run.
    async fn forget_old_runs(&self) {
        let kept = self.settings.keep.value;
        if kept.is_zero() {
            return;
        }
        let world = &self.context.world;
        let before = world.now.minus(kept);
        let prune = async || match existing_store(self.settings, &world.host)? {
            Some(store) => store.prune(before).await,
            None => Ok::<_, StoreError>(0),
        };
        match prune().await {
            Ok(pruned) => tracing::debug!(pruned, "deleted old runs"),
            Err(error) => tracing::warn!(%error, "cannot delete old runs"),
        }
    }
}

impl RunEnd {
    pub(crate) fn without_report(draft: Draft) -> Self {
        Self {
            draft,
            report: None,
            halt: None,
            is_recorded: false,
            left_over: Vec::new(),
            later: None,
            later_error: None,
        }
    }

    /// This run, and those over what was opened or listed later.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |end| end.later.as_deref())
    }

    /// The last of them.
    fn last(&mut self) -> &mut Self {
        match self.later {
            Some(ref mut later) => later.last(),
            None => self,
        }
    }

    /// Whether something more may begin after it.
    fn goes_on(&self, error_mode: ErrorMode) -> bool {
        let Some(report) = &self.report else {
            return false;
        };
        let is_finished = error_mode == ErrorMode::FailFast && report.has_failures();
        self.halt.is_none() && !report.interrupted && !is_finished
    }
}

/// A control that also stops at a time, as long as its timer is kept.
fn stopping_at(until: Option<Instant>, control: &Control) -> (Control, Option<JoinSet<()>>) {
    let Some(until) = until else {
        return (control.clone(), None);
    };
    let stop = control.stop.child_token();
    let timed = Control {
        stop: stop.clone(),
        abort: control.abort.clone(),
    };
    let mut timer = JoinSet::new();
    timer.spawn(async move {
        tokio::time::sleep_until(until).await;
        stop.cancel();
    });
    (timed, Some(timer))
}

/// Does something that has no way to stop of its own, and drops it when the operation is stopped.
pub(crate) async fn unless_stopped<T>(
    control: &Control,
    work: impl Future<Output = T>,
) -> Result<T, Error> {
    tokio::select! {
        biased;
        () = control.stop.cancelled() => Err(Error::Interrupted),
        done = work => Ok(done),
    }
}
