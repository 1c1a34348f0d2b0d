//! One poller for all sandboxes whose deletion was accepted.
//!
//! Only a read by id proves that a sandbox is gone, but as long as it is on its way out nothing has to
//! be proven. So one listing of what is being destroyed, a *round*, shows for all of them which are still
//! there, at growing intervals, and only who has left it is read by id. What such a read does not find
//! may have been hidden instead of destroyed; the next round shows that as well, for all of them.
//!
//! Listings may lag behind. One that shows a sandbox too long delays the proof, and one that shows it
//! too little costs a read; neither ever stands for the proof. One that still shows what cannot be read
//! by its id cannot tell yet whether it was destroyed or hidden, so that is waited for.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tbengine_sdk::{Resource, State};
use tokio::time::Instant;

/// While no more than so many are on their way out, each is read by itself: a round would not be cheaper.
const MAX_SINGLE_READS: usize = 8;
/// While no more than so many are, each is looked for among the hidden ones by itself: at the end of a
/// run that is sooner than the next round, and costs few requests.
const MAX_SINGLE_CONFIRMATIONS: usize = 32;
/// How long a sighting counts: half of the time since the deletion was accepted, within these bounds.
const MIN_SIGHTING_AGE: Duration = Duration::from_millis(100);
const MAX_SIGHTING_AGE: Duration = Duration::from_secs(2);
/// Rounds begin so far apart.
const ROUND_INTERVAL: Duration = Duration::from_millis(200);
/// How long a listing is waited for that lags behind; 2.6 s were measured.
const MAX_LISTING_LAG: Duration = Duration::from_secs(5);
/// So many reads in a row may fail.
const MAX_FAILED_READS: u32 = 5;
/// How long rounds are left alone that cost more than they save, and after one that failed.
const TOO_MANY_PAUSE: Duration = Duration::from_secs(60);
const FAILED_PAUSE: Duration = Duration::from_secs(1);
/// What nobody has asked about for so long is not watched any more.
const WATCH_RETENTION: Duration = Duration::from_secs(900);

/// The sandboxes on their way out.
#[derive(Default)]
pub(crate) struct Poller(Mutex<Watched>);

#[derive(Default)]
struct Watched {
    pending: HashMap<String, Pending>,
    under_way: bool,
    last: Option<Finished>,
    paused_until: Option<Instant>,
}

struct Pending {
    /// How it is shown while it is on its way out.
    resource: Resource,
    since: Instant,
    /// When it was last known to be there.
    seen: Option<Instant>,
    /// Whether a round did not show it any more.
    left: bool,
    /// Since when it cannot be read by its id.
    missing: Option<Instant>,
    /// How many reads in a row failed.
    unread: u32,
}

impl Pending {
    /// How long a sighting of it counts.
    fn interval(&self, now: Instant) -> Duration {
        ((now - self.since) / 2).clamp(MIN_SIGHTING_AGE, MAX_SIGHTING_AGE)
    }

    fn still_there(&self) -> Known {
        Known::Removing(Box::new(self.resource.clone()))
    }
}

/// A finished round.
struct Finished {
    began: Instant,
    removing: HashSet<String>,
    hidden: HashMap<String, Resource>,
}

/// What a round saw.
#[derive(Debug, Default)]
pub(crate) struct Sighting {
    /// The ids of those that are being destroyed.
    pub(crate) removing: HashSet<String>,
    /// Those that a deletion has only hidden.
    pub(crate) hidden: HashMap<String, Resource>,
}

/// What is known of a sandbox, or how to find out.
pub(crate) enum Look<'p> {
    /// It is still on its way out.
    Removing(Box<Resource>),
    /// It cannot be read by its id, and is not hidden.
    Gone,
    /// It was hidden, and not destroyed.
    Hidden(Box<Resource>),
    /// Make a round, and look again.
    Round(Round<'p>),
    /// Read it by its id.
    Read,
    /// It cannot be read by its id: look for it alone among the hidden ones.
    Alone,
}

impl Poller {
    /// Watches a sandbox whose deletion was accepted, or that was read and is on its way out. It was
    /// seen there now, if so.
    pub(crate) fn watch(&self, resource: &Resource, seen: bool) {
        let now = Instant::now();
        let mut watched = self.lock();
        let id = resource.identity.native.clone();
        let pending = watched.pending.entry(id).or_insert_with(|| Pending {
            resource: removing(resource),
            since: now,
            seen: None,
            left: false,
            missing: None,
            unread: 0,
        });
        pending.left = false;
        pending.missing = None;
        pending.unread = 0;
        if seen {
            pending.seen = Some(now);
        }
    }

    /// Ends the watch over a sandbox.
    pub(crate) fn forget(&self, id: &str) {
        self.lock().pending.remove(id);
    }

    /// Notes that a sandbox cannot be read by its id, and answers whether it is watched.
    pub(crate) fn missed(&self, id: &str) -> bool {
        match self.lock().pending.get_mut(id) {
            Some(pending) => {
                pending.missing.get_or_insert_with(Instant::now);
                true
            }
            None => false,
        }
    }

    /// Hears that a sandbox could not be read because of a passing fault, and answers how to show it
    /// until the next read. Only what fails several times in a row is worth an error.
    pub(crate) fn unread(&self, id: &str) -> Option<Resource> {
        let mut watched = self.lock();
        let pending = watched.pending.get_mut(id)?;
        pending.unread += 1;
        (pending.unread <= MAX_FAILED_READS).then(|| pending.resource.clone())
    }

    /// Hears that the listing still shows a sandbox that cannot be read by its id, and answers how to
    /// show it until the listing has caught up, if that is still to be waited for.
    pub(crate) fn outdated(&self, id: &str) -> Option<Resource> {
        let watched = self.lock();
        let pending = watched.pending.get(id)?;
        let is_waited_for = pending.missing?.elapsed() <= MAX_LISTING_LAG;
        is_waited_for.then(|| pending.resource.clone())
    }

    /// Says what is known of a sandbox, or how to find out.
    pub(crate) fn look(&self, id: &str) -> Look<'_> {
        let look = self.lock().look(id, Instant::now());
        match look {
            Known::Removing(resource) => Look::Removing(resource),
            Known::Gone => Look::Gone,
            Known::Hidden(resource) => Look::Hidden(resource),
            Known::Read => Look::Read,
            Known::Alone => Look::Alone,
            Known::Round { pages } => Look::Round(Round {
                poller: self,
                began: Instant::now(),
                pages,
                pause: FAILED_PAUSE,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Known {
    Removing(Box<Resource>),
    Gone,
    Hidden(Box<Resource>),
    Round { pages: usize },
    Read,
    Alone,
}

impl Watched {
    fn look(&mut self, id: &str, now: Instant) -> Known {
        let count = self.pending.len();
        let is_paused = self.paused_until.is_some_and(|until| until > now);
        let Some(pending) = self.pending.get(id) else {
            return Known::Read;
        };
        let last = self.last.as_ref().map(|round| round.began);
        let is_soon = last.is_some_and(|began| now - began < ROUND_INTERVAL);
        let (left, interval) = (pending.left, pending.interval(now));
        let unseen = pending.seen.map(|seen| now - seen);
        if let Some(missing) = pending.missing {
            let is_conclusive = |round: &&Finished| {
                round.began > missing
                    && (!round.removing.contains(id) || now - missing > MAX_LISTING_LAG)
            };
            if let Some(round) = self.last.as_ref().filter(is_conclusive) {
                let hidden = round.hidden.get(id).cloned();
                self.pending.remove(id);
                return hidden.map_or(Known::Gone, |hidden| Known::Hidden(Box::new(hidden)));
            }
            if count <= MAX_SINGLE_CONFIRMATIONS || is_paused {
                return Known::Alone;
            }
            if self.under_way || is_soon {
                return pending.still_there();
            }
            return self.round(count);
        }
        match unseen {
            Some(unseen) if unseen < interval => pending.still_there(),
            _ if left || count <= MAX_SINGLE_READS || is_paused => Known::Read,
            // The round in progress will show it.
            Some(unseen) if self.under_way && unseen < 4 * interval => pending.still_there(),
            Some(unseen) if is_soon && unseen < 2 * ROUND_INTERVAL => pending.still_there(),
            Some(_) if !self.under_way => self.round(count),
            _ => Known::Read,
        }
    }

    fn round(&mut self, count: usize) -> Known {
        self.under_way = true;
        Known::Round {
            pages: (count / 8).max(2),
        }
    }
}

/// A round under way. There is one at a time.
pub(crate) struct Round<'p> {
    poller: &'p Poller,
    began: Instant,
    /// How many pages it may take to be worth it.
    pub(crate) pages: usize,
    pause: Duration,
}

impl Round<'_> {
    /// Takes in what it saw; `None` if that takes too many pages.
    pub(crate) fn finish(mut self, sighting: Option<Sighting>) {
        let Some(sighting) = sighting else {
            self.pause = TOO_MANY_PAUSE;
            return;
        };
        self.pause = Duration::ZERO;
        let mut watched = self.poller.lock();
        let began = self.began;
        watched.pending.retain(|id, pending| {
            if sighting.removing.contains(id) {
                pending.seen = pending.seen.max(Some(began));
                pending.left = false;
            } else if pending.since < began {
                pending.left = true;
            }
            began - pending.since < WATCH_RETENTION
        });
        watched.last = Some(Finished {
            began,
            removing: sighting.removing,
            hidden: sighting.hidden,
        });
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        let mut watched = self.poller.lock();
        watched.under_way = false;
        if !self.pause.is_zero() {
            watched.paused_until = Some(Instant::now() + self.pause);
        }
    }
}

/// A resource as it is shown on its way out.
fn removing(resource: &Resource) -> Resource {
    let mut resource = resource.clone();
    resource.state = State::Removing;
    resource.attrs = resource
        .attrs
        .iter()
        .map(|(key, value)| match key {
            "state" => (key, "destroying"),
            "desired-state" => (key, "destroyed"),
            _ => (key, value),
        })
        .collect();
    resource
}
