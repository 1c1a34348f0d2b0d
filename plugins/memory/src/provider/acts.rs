//! What somebody else does to the provider: another tool, a person, a program that restarts.

use tbengine_sdk::{Identity, Kind, State};

use super::{Entry, Provider, Reaction};
use crate::make::Make;
use crate::oracle::Deleter;

/// What somebody else does to the provider.
#[derive(Clone, Debug)]
pub enum Act {
    /// Starts a resource again.
    Restart(Identity),
    /// Deletes a resource, whatever uses it.
    Delete(Identity),
    /// Deletes a resource and makes another one with the same native id and name.
    Recreate(Identity),
    /// Brings a resource into a state.
    SetState(Identity, State),
    /// Makes a resource.
    Create(Box<Make>),
}

impl Provider {
    /// Lets somebody else act now.
    pub(crate) fn act(&mut self, act: Act) {
        let now = self.calendar();
        match act {
            // What is being removed cannot become anything else any more.
            Act::Restart(target) | Act::SetState(target, _)
                if self
                    .find(target.kind, &target.native)
                    .is_some_and(|resource| resource.state == State::Removing) => {}
            Act::Restart(target) => self.change(target.kind, &target.native, |resource| {
                resource.state = State::Running;
                resource.started = Some(now);
                resource.finished = None;
                resource.exit_code = None;
            }),
            Act::SetState(target, state) => {
                self.change(target.kind, &target.native, |resource| {
                    resource.state = state;
                });
            }
            Act::Delete(target) => {
                if let Some(found) = self.find(target.kind, &target.native) {
                    let (identity, state) = (found.identity.clone(), found.state);
                    self.remove(&identity, state, Deleter::SomeoneElse);
                }
            }
            Act::Recreate(target) => {
                if let Some(found) = self.find(target.kind, &target.native) {
                    let mut again = found.clone();
                    let (identity, state) = (again.identity.clone(), again.state);
                    self.remove(&identity, state, Deleter::SomeoneElse);
                    again.identity.created = Some(now);
                    if again.state == State::Removing {
                        again.state = match identity.kind {
                            Kind::Container => State::Exited,
                            Kind::Sandbox => State::Stopped,
                            _ => State::Present,
                        };
                    }
                    again.started = again.started.map(|_| now);
                    again.finished = again.finished.map(|_| now);
                    self.insert(Entry {
                        resource: again,
                        reaction: Reaction::default(),
                    });
                }
            }
            Act::Create(make) => {
                let entry = make.build(&self.account, now);
                self.insert(entry);
            }
        }
    }
}
