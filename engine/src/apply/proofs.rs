//! Deletions that were accepted and wait to be proven by one listing, instead of by a reading of each.
//!
//! ```text
//!   accepted ─► waits ──enough of one kind, and no more to come soon──► one listing, begun after all of them
//!                 │ too few                                               │ not whole, or shown to leave out
//!                 └──────────────► read each ◄───────────────────────────┘ something that is there
//! ```
//!
//! A listing is believed only if it is whole, of the account of the plan, and if a reading of two of those that it
//! does not show finds neither. Once one is not believed, each is read for the rest of the run.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tbengine_sdk::host::{OpenBackend, call};
use tbengine_sdk::{Detail, Error, ErrorKind, Identity, Kind, ListRequest};
use tokio::time::Instant;

use super::another::is_another;
use super::attempt::Next;
use super::lanes::LaneNo;
use super::state::{Phase, StepNo};
use crate::plan::{Action, Step};

/// From so many on, one listing costs less than a reading of each.
const MIN_BATCH: usize = 8;
/// How long an accepted deletion waits for others that come soon.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// Listings take at most one part in so many of the time, unless that would make others wait for long.
const LISTING_SHARE: u32 = 10;
const MAX_PAUSE: Duration = Duration::from_secs(10);
const PAGE_SIZE: usize = 1000;
/// More pages than any provider has.
const MAX_PAGES: usize = 100_000;

/// The number of a group: the deletions of one kind at one backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupNo(usize);

/// The deletions that can be proven by a listing, in groups.
#[derive(Default)]
pub(super) struct Proofs {
    groups: Vec<Group>,
    by_index: HashMap<(LaneNo, Kind), GroupNo>,
    /// The group of each step, if it has one.
    of: Vec<Option<GroupNo>>,
}

struct Group {
    lane: LaneNo,
    kind: Kind,
    /// The steps without an outcome.
    unfinished: usize,
    /// Those of them that are about to send a deletion.
    acting: usize,
    /// Those whose deletion was accepted.
    waiting: Vec<StepNo>,
    /// When the first of those began to wait.
    since: Option<Instant>,
    is_under_way: bool,
    /// When the next listing may begin while more is to come.
    not_before: Option<Instant>,
    /// Whether a listing was not believed.
    distrusted: bool,
}

/// What is due for a group.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ProofDue {
    /// One listing for all of them.
    Listing(Vec<StepNo>),
    /// A reading of each.
    Each(Vec<StepNo>),
}

impl Proofs {
    /// Adds the next step of the plan.
    pub(super) fn admit(&mut self, step: &Step, lane: LaneNo, open: Option<&OpenBackend>) {
        let kind = step.target.kind;
        let proves = open
            .and_then(|open| open.capabilities.kind(kind))
            .is_some_and(|info| info.absence_proves);
        let is_deletion = matches!(step.action, Action::Delete { .. });
        let group = (proves && is_deletion).then(|| {
            let groups = &mut self.groups;
            *self.by_index.entry((lane, kind)).or_insert_with(|| {
                groups.push(Group::new(lane, kind));
                GroupNo(groups.len() - 1)
            })
        });
        if let Some(GroupNo(index)) = group {
            self.groups[index].unfinished += 1;
        }
        self.of.push(group);
    }

    /// Whether the deletion of a step may wait for a listing that proves it.
    pub(super) fn may_wait(&self, step: StepNo) -> bool {
        self.group(step)
            .is_some_and(|group| !group.distrusted && group.unfinished >= MIN_BATCH)
    }

    /// Keeps count of the steps that are about to send a deletion.
    pub(super) fn moved(&mut self, step: StepNo, from: Phase, to: Phase) {
        let acts = |phase| {
            matches!(
                phase,
                Phase::Ready(Next::Act | Next::GoOn) | Phase::Moving(Next::Act | Next::GoOn)
            )
        };
        if let Some(group) = self.group_mut(step) {
            group.acting = group.acting + usize::from(acts(to)) - usize::from(acts(from));
            if from == Phase::AwaitsProof {
                group.waiting.retain(|waiting| *waiting != step);
                if group.waiting.is_empty() {
                    group.since = None;
                }
            }
            group.unfinished -= usize::from(to == Phase::Done && from != Phase::Done);
        }
    }

    /// The deletion of a step was accepted.
    pub(super) fn wait(&mut self, step: StepNo, now: Instant) {
        if let Some(group) = self.group_mut(step) {
            group.waiting.push(step);
            group.since.get_or_insert(now);
        }
    }

    /// The groups, each with its lane.
    pub(super) fn groups(&self) -> Vec<(GroupNo, LaneNo)> {
        let groups = self.groups.iter().enumerate();
        groups
            .filter(|(_, group)| !group.waiting.is_empty() && !group.is_under_way)
            .map(|(index, group)| (GroupNo(index), group.lane))
            .collect()
    }

    /// What is due for a group by now. With `hurry` a listing is, whatever waits.
    pub(super) fn due(&mut self, group: GroupNo, now: Instant, hurry: bool) -> Option<ProofDue> {
        let group = &mut self.groups[group.0];
        if group.is_under_way || group.waiting.is_empty() {
            return None;
        }
        if !hurry && group.wakes_at().is_some_and(|at| at > now) {
            return None;
        }
        group.since = None;
        if group.distrusted || !hurry && group.waiting.len() < MIN_BATCH {
            return Some(ProofDue::Each(group.waiting.clone()));
        }
        group.is_under_way = true;
        Some(ProofDue::Listing(group.waiting.clone()))
    }

    /// A listing has ended, after so long.
    pub(super) fn ended(
        &mut self,
        group: GroupNo,
        is_believed: bool,
        took: Duration,
        now: Instant,
    ) {
        let group = &mut self.groups[group.0];
        group.is_under_way = false;
        group.distrusted |= !is_believed;
        group.not_before = Some(now + (took * LISTING_SHARE).min(MAX_PAUSE));
        // What came meanwhile waits from now on.
        group.since = (!group.waiting.is_empty()).then_some(now);
    }

    /// The kind of a group.
    pub(super) fn kind(&self, group: GroupNo) -> Kind {
        self.groups[group.0].kind
    }

    /// When something is due at a backend that takes requests.
    pub(super) fn next_wake(&self, is_open: impl Fn(LaneNo) -> bool) -> Option<Instant> {
        let groups = self.groups.iter();
        groups
            .filter(|group| !group.is_under_way && is_open(group.lane))
            .filter_map(Group::wakes_at)
            .min()
    }

    fn group(&self, step: StepNo) -> Option<&Group> {
        let GroupNo(index) = self.of[step.index()]?;
        self.groups.get(index)
    }

    fn group_mut(&mut self, step: StepNo) -> Option<&mut Group> {
        let GroupNo(index) = self.of[step.index()]?;
        self.groups.get_mut(index)
    }
}

impl Group {
    fn new(lane: LaneNo, kind: Kind) -> Self {
        Self {
            lane,
            kind,
            unfinished: 0,
            acting: 0,
            waiting: Vec::new(),
            since: None,
            is_under_way: false,
            not_before: None,
            distrusted: false,
        }
    }

    /// When what waits has waited long enough; that is at once if nothing more comes soon.
    fn wakes_at(&self) -> Option<Instant> {
        let since = self.since?;
        if self.acting == 0 || self.distrusted {
            return Some(since);
        }
        let at = since + MAX_WAIT;
        Some(self.not_before.map_or(at, |not_before| at.max(not_before)))
    }
}

/// What one listing says of deletions that were accepted before it began.
#[derive(Debug)]
pub(super) struct Proof {
    /// Those that it does not show.
    pub(super) gone: Vec<StepNo>,
    /// Those that it shows.
    pub(super) there: Vec<StepNo>,
}

/// Lists a kind, and compares what it shows with deletions that were accepted.
///
/// # Errors
/// Why the listing proves nothing.
pub(super) async fn prove(
    open: &OpenBackend,
    kind: Kind,
    accepted: Vec<(StepNo, Identity)>,
    timeout: Duration,
) -> Result<Proof, Error> {
    let account = accepted.first().map(|(_, target)| target.account.clone());
    let shown = list(open, kind, account.as_deref(), timeout).await?;
    let (there, gone): (Vec<_>, Vec<_>) = accepted
        .into_iter()
        .partition(|(_, target)| shown.contains(target));
    // A daemon that was replaced meanwhile shows nothing of what the plan is about.
    let answers = call("check", timeout, open.backend.check()).await?;
    if account.is_some_and(|account| account != answers.id) {
        return Err(doubt("another account answers now"));
    }
    let first_and_last = [gone.first(), gone.get(1..).and_then(<[_]>::last)];
    for (_, target) in first_and_last.into_iter().flatten() {
        match call("get", timeout, open.backend.get(target)).await {
            Ok(Some(found)) if !is_another(&found, target) => {
                return Err(doubt("it leaves out what can still be read"));
            }
            Ok(_) => {}
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let numbers = |steps: Vec<(StepNo, Identity)>| steps.into_iter().map(|(no, _)| no).collect();
    Ok(Proof {
        gone: numbers(gone),
        there: numbers(there),
    })
}

/// What a listing shows.
#[derive(Default)]
struct Shown(HashMap<String, Vec<Identity>>);

impl Shown {
    /// Whether it may be this very one. A listing that does not say when something was created shows it.
    fn contains(&self, target: &Identity) -> bool {
        let others = self.0.get(&target.native);
        others.into_iter().flatten().any(|shown| {
            shown.created.is_none() || target.created.is_none() || shown.created == target.created
        })
    }
}

/// Lists a kind as a whole.
async fn list(
    open: &OpenBackend,
    kind: Kind,
    account: Option<&str>,
    timeout: Duration,
) -> Result<Shown, Error> {
    let mut shown = Shown::default();
    let mut cursors = HashSet::new();
    let mut request = ListRequest {
        page_size: PAGE_SIZE,
        detail: Detail::Identity,
        ..ListRequest::first(kind)
    };
    for _ in 0..MAX_PAGES {
        let page = call("list", timeout, open.backend.list(request.clone())).await?;
        if let Some(unreadable) = page.unreadable.first() {
            return Err(doubt(&format!(
                "it has something that cannot be read: {}",
                unreadable.message
            )));
        }
        for resource in page.resources {
            let identity = resource.identity;
            let is_of_plan = account.is_none_or(|account| *account == *identity.account);
            if identity.kind != kind || !is_of_plan {
                return Err(doubt("it shows another kind or account"));
            }
            let same_id = shown.0.entry(identity.native.clone()).or_default();
            same_id.push(identity);
        }
        match page.next {
            None => return Ok(shown),
            Some(next) if cursors.insert(next.clone()) => request.cursor = Some(next),
            Some(_) => break,
        }
    }
    Err(doubt("its pages do not end"))
}

fn doubt(why: &str) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("the listing is not believed: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupNo = GroupNo(0);

    /// A group of so many steps, each about to send its deletion.
    fn group_of(steps: usize) -> Proofs {
        let mut group = Group::new(LaneNo::FIRST, Kind::CONTAINER);
        group.unfinished = steps;
        let mut proofs = Proofs {
            groups: vec![group],
            by_index: HashMap::new(),
            of: vec![Some(GROUP); steps],
        };
        for step in 0..steps {
            let to = Phase::Moving(Next::Act);
            proofs.moved(StepNo::new(step), Phase::Blocked { on: 0 }, to);
        }
        proofs
    }

    fn accept(proofs: &mut Proofs, steps: std::ops::Range<usize>, now: Instant) {
        for step in steps.map(StepNo::new) {
            proofs.moved(step, Phase::Moving(Next::Act), Phase::AwaitsProof);
            proofs.wait(step, now);
        }
    }

    fn numbers(steps: std::ops::Range<usize>) -> Vec<StepNo> {
        steps.map(StepNo::new).collect()
    }

    #[test]
    fn many_are_proven_by_one_listing_once_no_more_come() {
        let now = Instant::now();
        let mut proofs = group_of(9);
        assert!(proofs.may_wait(StepNo::new(0)));
        accept(&mut proofs, 0..8, now);
        assert_eq!(proofs.due(GROUP, now, false), None, "one more comes soon");
        assert_eq!(proofs.next_wake(|_| true), Some(now + MAX_WAIT));
        assert_eq!(
            proofs.next_wake(|_| false),
            None,
            "its backend is unreachable"
        );
        accept(&mut proofs, 8..9, now);
        assert_eq!(proofs.next_wake(|_| true), Some(now));
        let due = proofs.due(GROUP, now, false);
        assert_eq!(due, Some(ProofDue::Listing(numbers(0..9))));
        assert_eq!(proofs.due(GROUP, now, false), None, "it is under way");
    }

    #[test]
    fn nothing_waits_for_long_and_few_are_read_each() {
        let now = Instant::now();
        let mut proofs = group_of(20);
        accept(&mut proofs, 0..7, now);
        let later = now + MAX_WAIT;
        assert_eq!(
            proofs.due(GROUP, later, false),
            Some(ProofDue::Each(numbers(0..7)))
        );
        // They are read, and others come.
        for step in numbers(0..7) {
            proofs.moved(step, Phase::AwaitsProof, Phase::Ready(Next::WatchRemoval));
        }
        accept(&mut proofs, 7..15, later);
        assert_eq!(
            proofs.due(GROUP, later + MAX_WAIT, false),
            Some(ProofDue::Listing(numbers(7..15)))
        );
    }

    #[test]
    fn slow_listings_are_rare_and_those_not_believed_are_the_last() {
        let now = Instant::now();
        let mut proofs = group_of(40);
        accept(&mut proofs, 0..8, now);
        assert!(proofs.due(GROUP, now + MAX_WAIT, false).is_some());
        for step in numbers(0..8) {
            proofs.moved(step, Phase::AwaitsProof, Phase::Done);
        }
        let ended = now + MAX_WAIT;
        proofs.ended(GROUP, true, MAX_WAIT, ended);
        assert_eq!(proofs.next_wake(|_| true), None, "nothing waits");
        accept(&mut proofs, 8..16, ended);
        assert_eq!(
            proofs.next_wake(|_| true),
            Some(ended + MAX_WAIT * LISTING_SHARE),
            "it took a second"
        );
        assert!(
            proofs.due(GROUP, ended, true).is_some(),
            "a run that ends hurries"
        );
        proofs.ended(GROUP, false, MAX_WAIT, ended);
        assert!(!proofs.may_wait(StepNo::new(20)));
        assert_eq!(
            proofs.due(GROUP, ended, false),
            Some(ProofDue::Each(numbers(8..16)))
        );
    }

    #[test]
    fn what_is_left_of_a_group_is_too_few() {
        let mut proofs = group_of(8);
        assert!(proofs.may_wait(StepNo::new(1)));
        proofs.moved(StepNo::new(0), Phase::Moving(Next::Act), Phase::Done);
        assert!(!proofs.may_wait(StepNo::new(1)));
    }
}
