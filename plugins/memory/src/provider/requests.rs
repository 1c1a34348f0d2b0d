//! What callers ask of the provider: a page of a listing, an end, an archive, a deletion.

use std::ops::Bound;
use std::time::Duration;

use tbengine_sdk::{Error, ErrorKind, Identity, Kind, ListRequest, Page, Result, State};

use super::{Event, Provider, Reaction};
use crate::oracle::Deleter;

impl Provider {
    /// One page of a listing, in order of native id.
    pub(crate) fn list(&self, request: &ListRequest) -> Result<Page> {
        let kind = request.kind;
        if !self.kinds.contains(&kind) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("there is nothing of kind {kind}"),
            ));
        }
        let start = match &request.cursor {
            None => Bound::Unbounded,
            Some(cursor) => Bound::Excluded(after(kind, cursor)?),
        };
        let mut rest = self.shelves[&kind].range::<str, _>((start, Bound::Unbounded));
        let resources: Vec<_> = rest
            .by_ref()
            .take(request.page_size.max(1))
            .map(|(_, entry)| entry.resource.clone())
            .collect();
        let next = match (rest.next(), resources.last()) {
            (Some(_), Some(last)) => Some(cursor(kind, &last.identity.native)),
            _ => None,
        };
        Ok(Page { resources, next })
    }

    /// Asks a resource to end.
    pub(crate) fn stop(&mut self, target: &Identity, force: bool) -> Result<()> {
        if !self.can_stop || !matches!(target.kind, Kind::Container | Kind::Sandbox) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("a {} cannot be stopped", target.kind),
            ));
        }
        let entry = self.shelves[&target.kind]
            .get(&*target.native)
            .ok_or_else(|| missing(target))?;
        if self.pretends {
            return Ok(());
        }
        let (reaction, identity) = (entry.reaction, entry.resource.identity.clone());
        match (entry.resource.state, reaction) {
            (State::Pending | State::Unknown, _) => {
                return Err(refusal(
                    ErrorKind::Conflict,
                    "its state does not allow that",
                ));
            }
            (State::Removing, _) => return Err(in_progress()),
            (state, _) if !state.is_running() => {}
            // Between two runs there is nothing that could delay the end.
            (State::Restarting, _) => self.end(&identity, 137),
            _ if force => self.end(&identity, 137),
            (_, Reaction::Ends(Duration::ZERO)) => self.end(&identity, 0),
            (_, Reaction::Ends(reaction)) => self.plan(reaction, Event::Ends(identity, 0)),
            (_, Reaction::Ignores) => {}
        }
        Ok(())
    }

    /// Moves a resource that has ended to cold storage.
    pub(crate) fn archive(&mut self, target: &Identity) -> Result<()> {
        if !self.can_archive || target.kind != Kind::Sandbox {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("a {} cannot be archived", target.kind),
            ));
        }
        let resource = self
            .find(target.kind, &target.native)
            .ok_or_else(|| missing(target))?;
        let identity = resource.identity.clone();
        match resource.state {
            State::Archived => {}
            State::Removing => return Err(in_progress()),
            State::Stopped if self.pretends => {}
            State::Stopped if self.archiving_takes.is_zero() => self.store(&identity),
            State::Stopped => self.plan(self.archiving_takes, Event::Archived(identity)),
            state => {
                let kind = match state.is_running() {
                    true => ErrorKind::Conflict,
                    false => ErrorKind::Unsupported,
                };
                return Err(refusal(kind, &format!("the {} is {state}", target.kind)));
            }
        }
        Ok(())
    }

    /// Deletes a resource.
    pub(crate) fn delete(&mut self, target: &Identity, force: bool) -> Result<()> {
        let resource = self
            .find(target.kind, &target.native)
            .ok_or_else(|| missing(target))?;
        let (identity, state) = (resource.identity.clone(), resource.state);
        if state == State::Removing {
            return Err(in_progress());
        }
        if state.is_running() && !force {
            return Err(refusal(
                ErrorKind::Conflict,
                &format!("the {} is {state}", target.kind),
            ));
        }
        let holders = self.holders_of(target.kind, &target.native);
        if holders > 0 {
            let message = format!("the {} is in use by {holders} other(s)", target.kind);
            return Err(refusal(ErrorKind::Dependency, &message));
        }
        if self.pretends {
            return Ok(());
        }
        if self.deletion_takes.is_zero() {
            self.remove(&identity, state, Deleter::Caller);
        } else {
            self.change(target.kind, &target.native, |resource| {
                resource.state = State::Removing;
            });
            self.plan(self.deletion_takes, Event::Gone(identity, state));
        }
        Ok(())
    }
}

fn missing(target: &Identity) -> Error {
    let message = format!("no such {}", target.kind);
    Error::new(ErrorKind::NotFound, message).with_code("memory:404")
}

pub(crate) fn in_progress() -> Error {
    refusal(ErrorKind::InProgress, "removal is already in progress")
}

fn refusal(kind: ErrorKind, message: &str) -> Error {
    Error::new(kind, message).with_code("memory:409")
}

/// A cursor is the last native id of a page under a check sum, so that nobody makes one up.
fn cursor(kind: Kind, native: &str) -> String {
    format!("{:016x}.{native}", check_sum(kind, native))
}

fn after(kind: Kind, cursor: &str) -> Result<&str> {
    cursor
        .split_once('.')
        .filter(|(sum, native)| **sum == format!("{:016x}", check_sum(kind, native)))
        .map(|(_, native)| native)
        .ok_or_else(|| Error::new(ErrorKind::Invalid, "the cursor was never given"))
}

fn check_sum(kind: Kind, native: &str) -> u64 {
    native.bytes().fold(kind as u64 + 1, |sum, byte| {
        (sum ^ u64::from(byte))
            .wrapping_mul(0x0100_0000_01b3)
            .rotate_left(29)
    })
}
