//! What tbengine does to a machine, compared with the ledger.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tbengine_memory::{Deleter, Operation, Request};
use tbengine_sdk::Identity;
use tokio::time::Instant;

use crate::entitled::{Command, entitled};
use crate::ledger::{Remover, Thing};
use crate::machine::Machine;
use crate::simulated::Simulated;

/// What tbengine does to a machine, compared with the ledger request by request, in the order in which requests took
/// effect.
#[derive(Debug, Default)]
pub struct Watch {
    /// How many deletions were seen.
    deletions: usize,
    /// The requests that were seen, by their index.
    seen: BTreeSet<usize>,
    looks: HashMap<Identity, Look>,
    approved: HashMap<Identity, HashSet<u32>>,
    /// The command of the present run.
    command: Option<Command>,
    /// What tbengine removed.
    removed: HashSet<Identity>,
    /// What of that was asked for since the present run began.
    unreported: Vec<Identity>,
    /// When the present run began.
    began: Duration,
}

/// What a thing was like when tbengine read it last.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// When, in milliseconds of true time.
    at: u64,
    revision: u32,
    entitled: Result<(), &'static str>,
}

impl Watch {
    /// Notes that a plan names a resource as it is now.
    pub fn approve(&mut self, machine: &Machine<Simulated>, target: &Identity) {
        if let Some(index) = machine.ledger.of(target) {
            let revision = machine.ledger.things[index].revision;
            self.approved
                .entry(target.clone())
                .or_default()
                .insert(revision);
        }
    }

    /// Notes that a run begins. What one that was killed had asked for is no longer reported.
    pub fn begin(&mut self, machine: &Machine<Simulated>, command: Command) {
        self.command = Some(command);
        self.unreported.clear();
        self.began = Duration::from_millis(machine.now());
    }

    /// What the present run removed.
    pub fn news(&mut self) -> Vec<Identity> {
        std::mem::take(&mut self.unreported)
    }

    /// Looks at what took effect since the last time. Nothing else happened to the things meanwhile.
    ///
    /// # Errors
    /// Which invariant was broken, and how.
    pub fn look(&mut self, machine: &mut Machine<Simulated>) -> Result<(), String> {
        let requests = machine.provider.memory.oracle().requests();
        let news = requests.iter().enumerate();
        let news = news.filter(|(index, one)| one.served.is_some() && !self.seen.contains(index));
        let mut news: Vec<_> = news.collect();
        news.sort_by_key(|(index, one)| (one.served, *index));
        for (index, request) in news {
            self.seen.insert(index);
            let Some(target) = &request.target else {
                continue;
            };
            let at = request.served.unwrap_or_default();
            match request.operation {
                Operation::Get if matches!(request.answer, Some(Err(_))) => {}
                Operation::Get => self.read(machine, target, at),
                // What was refused did nothing.
                Operation::Delete | Operation::Stop | Operation::Archive if matches!(request.answer, Some(Err(kind)) if REFUSED.contains(&kind)) =>
                    {}
                Operation::Stop => {
                    self.judge(machine, target, "ended")?;
                    if let Some(index) = machine.ledger.of(target) {
                        machine.stopped(index);
                    }
                }
                Operation::Delete
                    if !self.removed.contains(target) && self.is_gone(machine, target) =>
                {
                    self.judge(machine, target, "removed")?;
                    self.note_gone(machine, target, request.since_opened);
                }
                _ => {}
            }
        }
        let deletions = machine.provider.memory.oracle().deletions();
        for deletion in &deletions[self.deletions..] {
            if deletion.by != Deleter::SomeoneElse && !self.removed.contains(&deletion.identity) {
                self.judge(machine, &deletion.identity, "removed")?;
                let sent = deletion.at.duration_since(opened(&requests));
                self.note_gone(machine, &deletion.identity, sent);
            }
        }
        self.deletions = deletions.len();
        Ok(())
    }

    fn is_gone(&self, machine: &Machine<Simulated>, target: &Identity) -> bool {
        let deletions = machine.provider.memory.oracle().deletions();
        let mut news = deletions[self.deletions..].iter();
        news.any(|one| one.identity == *target && one.by == Deleter::Caller)
    }

    fn note_gone(&mut self, machine: &mut Machine<Simulated>, target: &Identity, sent: Duration) {
        self.removed.insert(target.clone());
        if sent >= self.began {
            self.unreported.push(target.clone());
        }
        if let Some(index) = machine.ledger.of(target) {
            machine.gone(index, Remover::Tbengine);
        }
    }

    fn read(&mut self, machine: &Machine<Simulated>, target: &Identity, at: Duration) {
        let (Some(index), Some(command)) = (machine.ledger.of(target), self.command) else {
            return;
        };
        let now = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let look = Look {
            at: now,
            revision: machine.ledger.things[index].revision,
            entitled: entitled(&machine.ledger, index, command, now),
        };
        self.looks.insert(target.clone(), look);
    }

    fn judge(
        &self,
        machine: &Machine<Simulated>,
        target: &Identity,
        what: &str,
    ) -> Result<(), String> {
        let judged = self.judge_by_look(machine, target, what);
        judged.map_err(|why| with_requests(machine, target, why))
    }

    fn judge_by_look(
        &self,
        machine: &Machine<Simulated>,
        target: &Identity,
        what: &str,
    ) -> Result<(), String> {
        let Some(index) = machine.ledger.of(target) else {
            return Err(format!(
                "N4: {} was {what}, and nobody made it",
                target.id()
            ));
        };
        let Thing { key, born, .. } = &machine.ledger.things[index];
        let Some(look) = self.looks.get(target) else {
            // A volume goes by its name, and no request can say which of that name it means: one that was made after the
            // last look is removed in place of the one before.
            let mut looks = self.looks.iter();
            let is_one_before = |(one, look): (&Identity, &Look)| {
                one.kind == target.kind && one.native == target.native && look.at <= *born
            };
            if looks.any(is_one_before) {
                return Ok(());
            }
            return Err(format!("N2: {key} was {what} without a look"));
        };
        if let Err(why) = look.entitled {
            return Err(format!("N1: {key} was {what}: {why}"));
        }
        let approved = self.approved.get(target);
        if !approved.is_some_and(|revisions| revisions.contains(&look.revision)) {
            return Err(format!(
                "N2: {key} was {what}, and had changed since the plan"
            ));
        }
        Ok(())
    }
}

/// What is wrong, with the requests that were about a resource.
fn with_requests(machine: &Machine<Simulated>, target: &Identity, mut why: String) -> String {
    for request in machine.provider.memory.oracle().requests() {
        let is_about = |one: &Identity| one.kind == target.kind && one.native == target.native;
        if request.target.as_ref().is_none_or(is_about) {
            let Request {
                since_opened,
                operation,
                kind,
                served,
                answer,
                ..
            } = request;
            let created = request.target.and_then(|one| one.created);
            why += &format!(
                "\n  {since_opened:?} {operation:?} {kind:?} created {created:?} served {served:?} answer {answer:?}"
            );
        }
    }
    why
}

/// When the provider was opened.
fn opened(requests: &[Request]) -> Instant {
    let first = requests.first();
    first.map_or_else(Instant::now, |first| first.at - first.since_opened)
}

/// Answers to a change that leave no doubt: nothing was changed.
const REFUSED: [tbengine_sdk::ErrorKind; 6] = [
    tbengine_sdk::ErrorKind::NotFound,
    tbengine_sdk::ErrorKind::RateLimited,
    tbengine_sdk::ErrorKind::Unsupported,
    tbengine_sdk::ErrorKind::Conflict,
    tbengine_sdk::ErrorKind::Dependency,
    tbengine_sdk::ErrorKind::InProgress,
];
