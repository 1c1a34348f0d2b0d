//! The rules that no policy can switch off. They live here and nowhere else.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Class, Owner, Relation, Resource, State, Timestamp, Unit};

use super::{Action, MaxDelete, Proposed, Refusal, is_proven};
use crate::discover::Inventory;
use crate::facts::{Facts, Quarantine};
use crate::policy::Force;
use crate::scope::Scope;

/// Keeps a resource forever, whatever its value but `false`.
pub const PROTECT_LABEL: &str = "tbengine.protect";
/// Keeps a resource until a time in RFC 3339; forever if the value is none.
pub const KEEP_UNTIL_LABEL: &str = "tbengine.keep-until";

/// How the safeguards are set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Safeguards {
    /// Resources that were created, came here or ended less than this long ago are kept. Zero only where the
    /// operator wrote it.
    pub min_age: Duration,
    /// What carries the id of a run whose lease is not known here is kept until it is this old: the lease may be
    /// live on another host, or in the state of another user.
    pub unknown_lease_age: Duration,
    /// The most that may be deleted or stopped, if the operator said.
    pub max_delete: Option<MaxDelete>,
    /// Without `max_delete`: how many running resources of unproven owner may be ended.
    pub max_unproven_running: usize,
    /// What tbengine itself runs in.
    pub own: Own,
    /// How long what runs may take to end by itself, where the policy does not say.
    pub default_grace: Duration,
    /// The backends in whose accounts everything is the operator's.
    pub exclusive: Vec<Arc<str>>,
}

impl Default for Safeguards {
    fn default() -> Self {
        Self {
            min_age: Duration::from_secs(60),
            unknown_lease_age: Duration::from_secs(30 * 24 * 3600),
            max_delete: None,
            max_unproven_running: 5,
            own: Own::default(),
            default_grace: Duration::from_secs(10),
            exclusive: Vec::new(),
        }
    }
}

/// What tbengine itself runs in, as far as it knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Full ids of the container it runs in.
    pub containers: Vec<String>,
}

/// Which rule refused a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Safeguard {
    /// It carries [`PROTECT_LABEL`], or deleting it would take something along that does.
    ProtectedLabel,
    /// It carries [`KEEP_UNTIL_LABEL`] with a time to come.
    KeepUntil,
    /// It is younger than the minimum age, or no one knows how old it is.
    MinimumAge,
    /// The clock here or that of its provider is wrong by more than the minimum age.
    Clock,
    /// tbengine runs in it.
    OwnContainer,
    /// It was made under a lease that is live, or is not part of the lease that is swept.
    LiveLease,
    /// It carries the id of a run whose lease is not known here.
    UnknownLease,
    /// It does not run, and something of its unit does.
    LiveUnit,
    /// Its state is unknown.
    UnknownState,
    /// Only part of it could be read, and it runs or its owner is not proven.
    Damaged,
    /// The provider has taken its deletion, hides it and will do no more.
    Surrendered,
    /// Its class is unknown, and the operator did not name its kind.
    UnknownClass,
    /// It runs, and the policy did not allow killing it.
    RunningWithoutForce,
    /// It runs, or is at rest and may be started again, and its owner is not proven.
    UnprovenOwner,
    /// Its owner keeps it on purpose, and nobody named it.
    KeptOwner,
    /// Something that stays uses it.
    InUse,
    /// What might use it could not be listed.
    DependentsUnknown,
    /// What deleting it would delete as well could not be listed.
    CascadeUnknown,
    /// It failed in too many runs, until it is released.
    Quarantined,
    /// A veto policy of the operator took it away.
    Veto,
    /// It is not what a saved plan saw.
    Changed,
}

impl Safeguard {
    /// Every safeguard, in the order of the list above.
    pub const ALL: [Self; 21] = [
        Self::ProtectedLabel,
        Self::KeepUntil,
        Self::MinimumAge,
        Self::Clock,
        Self::OwnContainer,
        Self::LiveLease,
        Self::UnknownLease,
        Self::LiveUnit,
        Self::UnknownState,
        Self::Damaged,
        Self::Surrendered,
        Self::UnknownClass,
        Self::RunningWithoutForce,
        Self::UnprovenOwner,
        Self::KeptOwner,
        Self::InUse,
        Self::DependentsUnknown,
        Self::CascadeUnknown,
        Self::Quarantined,
        Self::Veto,
        Self::Changed,
    ];
}

impl fmt::Display for Safeguard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Safeguard::ProtectedLabel => "protected-label",
            Safeguard::KeepUntil => "keep-until",
            Safeguard::MinimumAge => "minimum-age",
            Safeguard::Clock => "clock",
            Safeguard::OwnContainer => "own-container",
            Safeguard::LiveLease => "live-lease",
            Safeguard::UnknownLease => "unknown-lease",
            Safeguard::LiveUnit => "live-unit",
            Safeguard::UnknownState => "unknown-state",
            Safeguard::Damaged => "damaged",
            Safeguard::Surrendered => "surrendered",
            Safeguard::UnknownClass => "unknown-class",
            Safeguard::RunningWithoutForce => "running-without-force",
            Safeguard::UnprovenOwner => "unproven-owner",
            Safeguard::KeptOwner => "kept-owner",
            Safeguard::InUse => "in-use",
            Safeguard::DependentsUnknown => "dependents-unknown",
            Safeguard::CascadeUnknown => "cascade-unknown",
            Safeguard::Quarantined => "quarantined",
            Safeguard::Veto => "veto",
            Safeguard::Changed => "changed",
        })
    }
}

/// What the safeguards look at.
pub(crate) struct Context<'a> {
    pub(crate) safeguards: &'a Safeguards,
    pub(crate) facts: &'a Facts,
    pub(crate) inventory: &'a Inventory,
    pub(crate) now: Timestamp,
    /// What the policy got to see.
    pub(crate) scope: &'a Scope,
}

impl Context<'_> {
    /// The earlier of the times here and at the provider of a resource, for what stays until a time: whose clock is
    /// wrong is not known.
    fn earliest(&self, resource: &Resource) -> Timestamp {
        self.now.min(self.inventory.now_of(resource, self.now))
    }

    /// Whether the operator says that a resource is theirs.
    pub(super) fn claims(&self, resource: &Resource) -> bool {
        self.scope.claims(resource)
            || self
                .safeguards
                .exclusive
                .contains(&resource.identity.backend)
    }
}

/// Splits proposals into what survives and what is refused.
pub(crate) fn examine<'a>(
    context: &Context<'_>,
    proposed: Vec<Proposed<'a>>,
) -> (Vec<Proposed<'a>>, Vec<Refusal>) {
    let mut survivors = Vec::with_capacity(proposed.len());
    let mut refusals = Vec::new();
    for mut proposal in proposed {
        match look_at(context, &proposal) {
            Ok(()) => {
                proposal.alone |= must_go_alone(context, &proposal);
                survivors.push(proposal);
            }
            Err(refused) => refusals.push(refuse(proposal, refused)),
        }
    }
    let survivors = drop_held(context, survivors, &mut refusals);
    (survivors, refusals)
}

type Refused = (Safeguard, String);

fn refuse(proposal: Proposed<'_>, (safeguard, detail): Refused) -> Refusal {
    Refusal {
        target: proposal.resource.identity.clone(),
        name: proposal.resource.name.clone(),
        action: proposal.action.kind(),
        reason: proposal.reason.to_owned(),
        safeguard,
        detail,
    }
}

/// The rules about one resource by itself.
fn look_at(context: &Context<'_>, proposal: &Proposed<'_>) -> Result<(), Refused> {
    let resource = proposal.resource;
    protection(resource, context.earliest(resource))?;
    own_container(resource, &context.safeguards.own)?;
    live_lease(resource, context.facts)?;
    unknown_lease(resource, context)?;
    if resource.state == State::Unknown {
        return Err((Safeguard::UnknownState, "state unknown".into()));
    }
    damaged(resource, context)?;
    unknown_class(resource, context)?;
    quarantined(resource, &context.facts.quarantine)?;
    kept_owner(resource, context)?;
    clock(resource, context)?;
    minimum_age(
        proposal,
        context.safeguards.min_age,
        context.inventory.now_of(resource, context.now),
    )?;
    running(resource, proposal.action, context)?;
    cascades(context, proposal)?;
    let identity = &resource.identity;
    if !context
        .inventory
        .knows_dependents_of(&identity.backend, identity.kind)
    {
        return Err((
            Safeguard::DependentsUnknown,
            "resources that may use it could not be listed".into(),
        ));
    }
    unit_is_known(resource, context)
}

/// The labels by which people protect a resource.
pub(crate) fn protection(resource: &Resource, now: Timestamp) -> Result<(), Refused> {
    if let Some(value) = resource.labels.get(PROTECT_LABEL)
        && value != "false"
    {
        return Err((
            Safeguard::ProtectedLabel,
            format!("labelled {PROTECT_LABEL}"),
        ));
    }
    match resource.labels.get(KEEP_UNTIL_LABEL).map(str::parse) {
        None => Ok(()),
        Some(Ok::<Timestamp, _>(until)) if until <= now => Ok(()),
        Some(Ok(until)) => Err((
            Safeguard::KeepUntil,
            format!("labelled to be kept until {until}"),
        )),
        Some(Err(error)) => Err((
            Safeguard::KeepUntil,
            format!("invalid label {KEEP_UNTIL_LABEL}: {error}"),
        )),
    }
}

fn own_container(resource: &Resource, own: &Own) -> Result<(), Refused> {
    // Whatever the kind: only what tbengine runs in has this id.
    if own.containers.contains(&resource.identity.native) {
        return Err((Safeguard::OwnContainer, "tbengine runs in it".into()));
    }
    Ok(())
}

fn live_lease(resource: &Resource, facts: &Facts) -> Result<(), Refused> {
    if let Some(lease) = facts.live_over(resource) {
        let program = lease.terms.program.as_ref();
        let whose = program.map_or_else(String::new, |program| format!(" of `{program}`"));
        return Err((
            Safeguard::LiveLease,
            format!("created under live lease {}{whose}", lease.id),
        ));
    }
    if let Some(lease) = facts.relied_on(resource) {
        return Err((
            Safeguard::LiveLease,
            format!("live lease {} relies on it", lease.id),
        ));
    }
    if facts.is_foreign(resource) {
        return Err((
            Safeguard::LiveLease,
            "not proven to be created under this lease".into(),
        ));
    }
    Ok(())
}

/// A run whose lease is not known here may go on elsewhere. Only an operator who names the label itself says that it does
/// not.
fn unknown_lease(resource: &Resource, context: &Context<'_>) -> Result<(), Refused> {
    let label = resource.labels.get(RUN_ID_LABEL);
    let Some(run) = label.filter(|run| !run.is_empty()) else {
        return Ok(());
    };
    let labels = &context.scope.labels;
    let is_claimed = labels.iter().any(|label| label.is_about(RUN_ID_LABEL));
    if is_claimed || context.facts.knows_lease(run) || context.facts.only.is_some() {
        return Ok(());
    }
    let bound = context.safeguards.unknown_lease_age;
    let now = context.inventory.now_of(resource, context.now);
    let age = resource.born().and_then(|born| born.age(now));
    if age.is_some_and(|age| age >= bound) {
        return Ok(());
    }
    Err((
        Safeguard::UnknownLease,
        format!(
            "belongs to run {run}, whose lease is not known here; kept until it is {} old",
            humantime::format_duration(bound)
        ),
    ))
}

/// What could be read in part only may be deleted where nothing depends on the rest: it has ended, and whose it is
/// is proven or claimed.
fn damaged(resource: &Resource, context: &Context<'_>) -> Result<(), Refused> {
    if resource.surrendered {
        return Err((
            Safeguard::Surrendered,
            "the provider has taken its deletion and hides it; there is nothing more to do here"
                .into(),
        ));
    }
    let Some(damage) = &resource.damaged else {
        return Ok(());
    };
    let is_ours = is_proven(resource, context.facts) || context.scope.claims(resource);
    if is_ours && !resource.state.is_running() {
        return Ok(());
    }
    Err((
        Safeguard::Damaged,
        format!("only part of it could be read: {}", damage.message),
    ))
}

/// A class of a later version may mean anything, so only the operator's own word opens it.
fn unknown_class(resource: &Resource, context: &Context<'_>) -> Result<(), Refused> {
    let identity = &resource.identity;
    let is_unknown = context.inventory.class_of(identity) == Class::Other;
    if is_unknown && !context.scope.kinds.contains(&identity.kind) {
        let kind = identity.kind;
        return Err((
            Safeguard::UnknownClass,
            format!(
                "this tbengine does not know what a {kind} is to others; name it with --kind {kind}"
            ),
        ));
    }
    Ok(())
}

fn quarantined(resource: &Resource, quarantine: &Quarantine) -> Result<(), Refused> {
    match quarantine.entry(&resource.identity) {
        None => Ok(()),
        Some(entry) => Err((Safeguard::Quarantined, format!("quarantined: {entry}"))),
    }
}

/// What somebody keeps on purpose stays, unless it is named. That an account is the operator's does not name it.
fn kept_owner(resource: &Resource, context: &Context<'_>) -> Result<(), Refused> {
    let Owner::Kept(name) = &resource.owner else {
        return Ok(());
    };
    if context.scope.claims(resource) || context.facts.prove(resource) {
        return Ok(());
    }
    let by = context.inventory.recognition.as_ref();
    let owner = by.and_then(|by| by.owners.get(name));
    let about = owner.and_then(|owner| owner.about.as_deref());
    let about = about.map_or_else(String::new, |about| format!(" ({about})"));
    let hint = owner.and_then(|owner| owner.hint.as_deref());
    let hint = hint.map_or_else(String::new, |hint| format!("{hint}, or "));
    Err((
        Safeguard::KeptOwner,
        format!("{name} keeps it on purpose{about}: {hint}name it with --label to claim it"),
    ))
}

/// What to do about a clock that is wrong.
pub(super) const FIX_THE_CLOCK: &str = "set the clocks of this machine and of the provider by a time service; `tbengine doctor` compares them";

/// Where clocks are apart by more than the minimum age, one of them is wrong, and nobody knows since when: whether an
/// age was counted by a right clock or a wrong one makes more of a difference than the minimum age. Only where the
/// operator wrote that no age matters does it not.
fn clock(resource: &Resource, context: &Context<'_>) -> Result<(), Refused> {
    let least = context.safeguards.min_age;
    let backend = &resource.identity.backend;
    let skew = context.inventory.clocks.skew(backend);
    match skew.filter(|skew| !least.is_zero() && skew.least() > least) {
        None => Ok(()),
        Some(skew) => Err((
            Safeguard::Clock,
            format!(
                "the clock of backend `{backend}` is {skew}, more than the minimum age of {}",
                humantime::format_duration(least)
            ),
        )),
    }
}

fn minimum_age(proposal: &Proposed<'_>, least: Duration, now: Timestamp) -> Result<(), Refused> {
    let resource = proposal.resource;
    if least.is_zero() {
        return Ok(());
    }
    let wanted = humantime::format_duration(least);
    let Some(created) = resource.born() else {
        return Err((
            Safeguard::MinimumAge,
            format!("creation time unknown, treated as younger than {wanted}"),
        ));
    };
    // A process that waited for its end comes to read its logs; not where a plan was to end it.
    let has_ended = !resource.state.is_running() && !proposal.ran;
    let ended = resource.finished.filter(|_| has_ended);
    let times = [("created", Some(created)), ("ended", ended)];
    let times = times.into_iter().filter_map(|(what, at)| Some((what, at?)));
    for (what, at) in times {
        match at.age(now) {
            Some(age) if age >= least => {}
            Some(age) => {
                return Err((
                    Safeguard::MinimumAge,
                    format!("{what} {}s ago, less than {wanted}", age.as_secs()),
                ));
            }
            None => {
                return Err((
                    Safeguard::MinimumAge,
                    format!("{what} in the future (clock skew?), treated as younger than {wanted}"),
                ));
            }
        }
    }
    Ok(())
}

/// What runs is ended only where the policy allows that, and where the owner is proven. What is at rest in a cloud is
/// not dead: it may be a machine that is started again tomorrow.
fn running(resource: &Resource, action: Action, context: &Context<'_>) -> Result<(), Refused> {
    if !resource.state.is_running() && !resource.state.is_at_rest() {
        return Ok(());
    }
    // With force on retry it is asked to end first, which the policy allows, and killed later, which it allows too.
    let runs = resource.state.is_running();
    if runs && matches!(action, Action::Delete { force, .. } if force == Force::Never) {
        return Err((
            Safeguard::RunningWithoutForce,
            format!(
                "{}, and the policy does not allow killing it",
                resource.state
            ),
        ));
    }
    if is_proven(resource, context.facts) || context.claims(resource) {
        return Ok(());
    }
    Err((
        Safeguard::UnprovenOwner,
        format!(
            "{}, owner {}; claim it with --label",
            resource.state, resource.owner
        ),
    ))
}

/// What does not run, of a unit of which something may that could not be listed, stays as it would if that had been.
/// What a lease proves to be made under it goes with the lease.
fn unit_is_known(resource: &Resource, context: &Context<'_>) -> Result<(), Refused> {
    let inventory = context.inventory;
    let identity = &resource.identity;
    let is_shared = matches!(inventory.class_of(identity), Class::Image | Class::Cache);
    if resource.unit.is_none()
        || resource.state.is_running()
        || is_shared
        || context.facts.only.is_some()
        || inventory.has_listed_what_computes(&identity.backend)
    {
        return Ok(());
    }
    Err((
        Safeguard::LiveUnit,
        "what may run of its unit could not be listed".into(),
    ))
}

/// Whether what its deletion would take along stays: it keeps data, and nothing proves whose.
fn must_go_alone(context: &Context<'_>, proposal: &Proposed<'_>) -> bool {
    let resource = proposal.resource;
    let mut along = context.inventory.cascade_of(proposal.index);
    matches!(proposal.action, Action::Delete { .. })
        && !is_proven(resource, context.facts)
        && !context.claims(resource)
        && along.any(|one| context.inventory.class_of(&one.identity) == Class::Storage)
}

/// Deleting a container takes its anonymous volumes along, so each is looked at like a target. One that was
/// not listed where listing worked is gone.
fn cascades(context: &Context<'_>, proposal: &Proposed<'_>) -> Result<(), Refused> {
    let index = proposal.index;
    let resource = &context.inventory.resources[index];
    let inventory = context.inventory;
    let backend = &resource.identity.backend;
    let is_known = |used: &Relation| {
        // One item that cannot be read does not hide those that were listed.
        inventory.has_listed(backend, used.kind) || {
            let mut along = inventory.cascade_of(index).map(|one| &one.identity);
            along.any(|one| (one.kind, &one.native) == (used.kind, &used.native))
        }
    };
    if let Some(unknown) = resource.taken_along().find(|used| !is_known(used)) {
        let detail = format!(
            "deleting it also deletes {} `{}`, which could not be listed",
            unknown.kind, unknown.native
        );
        return Err((Safeguard::CascadeUnknown, detail));
    }
    if must_go_alone(context, proposal) {
        let identity = &resource.identity;
        let info = inventory.kinds.info(&identity.backend, identity.kind);
        if !info.is_some_and(|info| info.can.delete_alone) {
            let detail = "deleting it also deletes data of unknown owner; claim it with --label";
            return Err((Safeguard::UnprovenOwner, detail.into()));
        }
        return Ok(());
    }
    for member in inventory.cascade_of(index) {
        protection(member, context.earliest(member)).map_err(|(safeguard, detail)| {
            let kind = member.identity.kind;
            let name = &member.name;
            (
                safeguard,
                format!("deleting it also deletes {kind} `{name}`: {detail}"),
            )
        })?;
    }
    Ok(())
}

/// Refuses what something uses that stays, and what is left of a unit of which something runs on, until nothing
/// more has to be refused.
fn drop_held<'a>(
    context: &Context<'_>,
    mut survivors: Vec<Proposed<'a>>,
    refusals: &mut Vec<Refusal>,
) -> Vec<Proposed<'a>> {
    let inventory = context.inventory;
    let units = LiveUnits::of(context, &survivors);
    loop {
        let mut going = vec![false; inventory.resources.len()];
        for proposal in &survivors {
            going[proposal.index] = matches!(proposal.action, Action::Delete { .. });
        }
        let before = refusals.len();
        survivors = survivors
            .into_iter()
            .filter_map(|proposal| {
                let indices = inventory.dependent_indices(proposal.index);
                let dependent = indices.iter().find(|index| !going[**index]);
                let refused = match dependent {
                    Some(dependent) => {
                        let dependent = inventory.resources[*dependent].identity.id();
                        (
                            Safeguard::InUse,
                            format!("used by {dependent}, which is kept"),
                        )
                    }
                    None => {
                        let Some(member) = units.living(context, &proposal, &going) else {
                            return Some(proposal);
                        };
                        let Resource { name, state, .. } = &inventory.resources[member];
                        (
                            Safeguard::LiveUnit,
                            format!("`{name}` of its unit is {state} and is kept"),
                        )
                    }
                };
                refusals.push(refuse(proposal, refused));
                None
            })
            .collect();
        if refusals.len() == before {
            return survivors;
        }
    }
}

/// By account and unit: the indices of the members that run, or may.
#[derive(Default)]
struct LiveUnits<'a>(HashMap<(&'a str, &'a Unit), Vec<usize>>);

impl<'a> LiveUnits<'a> {
    /// Those of the units of which something is to go. What a lease proves to be made under it goes with the lease,
    /// whatever others have in a unit of the same name.
    fn of(context: &Context<'a>, proposed: &[Proposed<'_>]) -> Self {
        let has_unit = |one: &Proposed<'_>| one.resource.unit.is_some();
        if context.facts.only.is_some() || !proposed.iter().any(has_unit) {
            return Self::default();
        }
        let mut units: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, one) in context.inventory.resources.iter().enumerate() {
            let is_compute = context.inventory.class_of(&one.identity) == Class::Compute;
            let may_run = one.state.is_running() || one.state == State::Unknown;
            if let Some(unit) = one.unit.as_ref().filter(|_| is_compute && may_run) {
                let account = &*one.identity.account;
                units.entry((account, unit)).or_default().push(index);
            }
        }
        Self(units)
    }

    /// A member of the unit of what is to go that runs on without it. An image does not live with the containers
    /// of its unit, since those that are in use are held.
    fn living(
        &self,
        context: &Context<'_>,
        proposal: &Proposed<'_>,
        going: &[bool],
    ) -> Option<usize> {
        let resource = proposal.resource;
        let class = context.inventory.class_of(&resource.identity);
        if resource.state.is_running() || matches!(class, Class::Image | Class::Cache) {
            return None;
        }
        let unit = resource.unit.as_ref()?;
        let living = self.0.get(&(&*resource.identity.account, unit))?;
        living.iter().copied().find(|index| !going[*index])
    }
}
