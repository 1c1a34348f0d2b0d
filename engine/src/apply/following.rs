//! Changes that the backends report while a plan is applied.
//!
//! ```text
//!   cursor from before the listing ──► watch ──answer──► caught up: what was not touched is as it was listed
//!                                        ▲      │
//!                                        └──────┤ lost, a fault, a change that this version does not know
//!                                               └──► blind: each is read before it is acted on, as without all this
//! ```
//!
//! It saves the reading of what has ended before its deletion, and wakes what waits for an end. It proves nothing, and
//! what is not reported only ever leads to one more read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tbengine_sdk::host::{OpenBackend, call};
use tbengine_sdk::{Changes, Error, Identity, Kind, Method, WatchRequest};

use super::lanes::LaneNo;
use super::state::StepNo;
use crate::plan::{Action, Step};

/// How long a backend may wait for a first change.
const WATCH_TIMEOUT: Duration = Duration::from_secs(20);

/// The changes that the backends of a plan report.
pub(super) struct Following {
    /// Where to follow on from, by the name of the backend.
    cursors: BTreeMap<Arc<str>, String>,
    lanes: HashMap<LaneNo, Lane>,
}

/// The changes that one backend reports.
struct Lane {
    kinds: Vec<Kind>,
    cursor: String,
    sight: Sight,
    touched: HashSet<(Kind, String)>,
    /// The steps by what they act on.
    steps: HashMap<(Kind, String), StepNo>,
}

/// Whether what a backend reports is all that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// It has not reported anything yet.
    Waiting,
    /// It has reported all that happened since the listing.
    CaughtUp,
    /// Something may be missing.
    Blind,
}

impl Following {
    /// Follows the backends for which there is a cursor.
    pub(super) fn new(cursors: BTreeMap<Arc<str>, String>) -> Self {
        Self {
            cursors,
            lanes: HashMap::new(),
        }
    }

    /// Adds a step of the plan.
    pub(super) fn admit(
        &mut self,
        no: StepNo,
        step: &Step,
        lane: LaneNo,
        open: Option<&OpenBackend>,
    ) {
        let Some((open, cursor)) =
            open.and_then(|open| Some((open, self.cursors.get(&open.name)?)))
        else {
            return;
        };
        let capabilities = &open.capabilities;
        let kind = step.target.kind;
        if !capabilities.has(Method::Watch) || !capabilities.can(kind).watch {
            return;
        }
        let lane = self.lanes.entry(lane).or_insert_with(|| Lane {
            kinds: Vec::new(),
            cursor: cursor.clone(),
            sight: Sight::Waiting,
            touched: HashSet::new(),
            steps: HashMap::new(),
        });
        if !lane.kinds.contains(&kind) {
            lane.kinds.push(kind);
        }
        lane.steps.insert((kind, step.target.native.clone()), no);
    }

    /// The backends that are followed.
    pub(super) fn lanes(&self) -> Vec<LaneNo> {
        self.lanes.keys().copied().collect()
    }

    /// What to ask a backend next; nothing once it may have left something out.
    pub(super) fn request(&self, lane: LaneNo) -> Option<WatchRequest> {
        let lane = self.lanes.get(&lane)?;
        let wait = match lane.sight {
            // An answer at once: until then nothing is known of what has happened since the listing.
            Sight::Waiting => Duration::ZERO,
            Sight::CaughtUp => WATCH_TIMEOUT,
            Sight::Blind => return None,
        };
        Some(WatchRequest {
            kinds: lane.kinds.clone(),
            since: Some(lane.cursor.clone()),
            wait,
        })
    }

    /// Takes in what a backend reports. Gives the steps whose resources something happened to.
    pub(super) fn reported(&mut self, lane: LaneNo, answer: Result<Changes, Error>) -> Vec<StepNo> {
        let Some(lane) = self.lanes.get_mut(&lane) else {
            return Vec::new();
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(%error, "changes cannot be followed, so each resource is read");
                lane.sight = Sight::Blind;
                return Vec::new();
            }
        };
        let mut touched = Vec::new();
        let mut is_whole = !answer.lost;
        for change in answer.changes {
            match change.subject() {
                Some((kind, native)) => {
                    let key = (kind, native.to_owned());
                    touched.extend(lane.steps.get(&key).copied());
                    lane.touched.insert(key);
                }
                None => is_whole = false,
            }
        }
        lane.cursor = answer.cursor;
        lane.sight = match is_whole {
            true => Sight::CaughtUp,
            false => Sight::Blind,
        };
        touched
    }

    /// Whether a step may act without reading its resource first: nothing has happened to it since it was listed, and
    /// the provider itself refuses to delete it without force should it run.
    pub(super) fn spares_reading(&self, step: &Step, lane: LaneNo) -> bool {
        let is_deletion = matches!(step.action, Action::Delete { .. });
        if !is_deletion || step.state.is_running() || step.damaged || !step.listing.is_present() {
            return false;
        }
        self.is_untouched(&step.target, lane)
    }

    /// Whether nothing has happened to a resource since it was listed.
    pub(super) fn is_untouched(&self, target: &Identity, lane: LaneNo) -> bool {
        let Some(lane) = self.lanes.get(&lane) else {
            return false;
        };
        lane.sight == Sight::CaughtUp
            && lane.kinds.contains(&target.kind)
            && !lane.touched.contains(&(target.kind, target.native.clone()))
    }
}

/// Asks a backend what changed. It may wait for that as long as the request says, and as long again for its answer.
pub(super) async fn ask(
    open: OpenBackend,
    request: WatchRequest,
    timeout: Duration,
) -> Result<Changes, Error> {
    let timeout = timeout + request.wait;
    call("watch", timeout, open.backend.watch(request)).await
}
