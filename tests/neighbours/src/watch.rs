//! What tbengine does to a machine, compared with the ledger.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tbengine_memory::{Deleter, Deletion, Operation, Request};
use tbengine_sdk::{ErrorKind, Identity};
use tokio::time::Instant;

use crate::entitled::{Command, User, entitled};
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
    /// The commands of the present runs, by user.
    commands: [Option<Command>; 2],
    /// What tbengine may have removed and has not reported, and when it sent the first request that was not refused.
    asked: HashMap<Identity, Asked>,
    /// What of that the provider said yes to. It may go on for a while, and what is read of it meanwhile changes nothing.
    accepted: HashSet<Identity>,
    /// The deletions whose answer is on its way, by their index, with what was judged when they were served.
    pending: BTreeMap<usize, Result<(), String>>,
    /// What the present runs ended, and were entitled to. They may go on to remove it, whatever becomes of its unit: it is
    /// compared before the first request.
    ended: HashSet<Identity>,
    /// What tbengine removed.
    removed: HashSet<Identity>,
    /// What of that was asked for since the present runs began, and is not reported yet.
    unreported: Vec<Identity>,
    /// When the first of the present runs began.
    began: Duration,
}

/// That tbengine asked for a deletion, and was not refused.
#[derive(Clone, Debug)]
struct Asked {
    /// When the first such request was sent, since the provider was opened.
    sent: Duration,
    /// Whether one of them was right when it was served.
    judged: Result<(), String>,
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
        if self.commands.iter().all(Option::is_none) {
            self.unreported.clear();
            self.ended.clear();
            self.began = Duration::from_millis(machine.now());
        }
        self.commands[command.user as usize] = Some(command);
    }

    /// Notes that the runs are killed.
    pub fn killed(&mut self) {
        self.commands = [None, None];
    }

    /// Notes that a run has ended that reports these. Gives what was removed and is reported by none.
    pub fn ended(
        &mut self,
        user: User,
        is_reported: impl Fn(&Identity) -> bool,
    ) -> Option<Identity> {
        self.commands[user as usize] = None;
        self.unreported.retain(|one| !is_reported(one));
        // A deletion may end after the run.
        self.asked.retain(|one, _| !is_reported(one));
        // What is left may be the other one's.
        let is_last = self.commands.iter().all(Option::is_none);
        self.unreported.first().filter(|_| is_last).cloned()
    }

    /// Looks at what took effect since the last time. Nothing else happened to the things meanwhile.
    ///
    /// # Errors
    /// Which invariant was broken, and how.
    pub fn look(&mut self, machine: &mut Machine<Simulated>) -> Result<(), String> {
        let requests = machine.provider.memory.oracle().requests();
        let deletions = machine.provider.memory.oracle().deletions();
        let opened = opened(&requests);
        let news = requests.iter().enumerate();
        let news = news.filter(|(index, one)| one.served.is_some() && !self.seen.contains(index));
        let mut news: Vec<_> = news.collect();
        news.sort_by_key(|(index, one)| (one.served, *index));
        for (index, judged) in std::mem::take(&mut self.pending) {
            match (&requests[index].target, requests[index].answer) {
                (Some(target), Some(answer)) => self.accept_if(answer, target, judged)?,
                _ => _ = self.pending.insert(index, judged),
            }
        }
        for (index, request) in news {
            self.seen.insert(index);
            let Some(target) = &request.target else {
                continue;
            };
            let at = request.served.unwrap_or_default();
            // What was gone before this request could not be used any more. What had been accepted earlier ends before
            // the requests of its moment are served.
            self.take_deletions(machine, &deletions, |one, is_accepted| {
                let gone = one.at.duration_since(opened);
                let is_before = gone < at || gone == at && is_accepted;
                one.identity != *target && is_before
            })?;
            match request.operation {
                Operation::Get if matches!(request.answer, Some(Err(_))) => {}
                Operation::Get => self.read(machine, target, at),
                // What was refused did nothing.
                Operation::Delete | Operation::Stop | Operation::Archive if matches!(request.answer, Some(Err(kind)) if REFUSED.contains(&kind)) =>
                    {}
                Operation::Stop => {
                    self.judge(machine, target, "ended")?;
                    self.ended.insert(target.clone());
                    if let Some(index) = machine.ledger.of(target) {
                        machine.stopped(index);
                    }
                }
                Operation::Delete if !self.removed.contains(target) => {
                    let mut latest = deletions[self.deletions..].iter();
                    let is_gone =
                        latest.any(|one| one.identity == *target && one.by == Deleter::Caller);
                    let judged = self.judge(machine, target, "removed");
                    let asked = self.asked.entry(target.clone()).or_insert_with(|| Asked {
                        sent: request.since_opened,
                        judged: judged.clone(),
                    });
                    if judged.is_ok() {
                        asked.judged = Ok(());
                    }
                    match request.answer {
                        _ if is_gone => self.accept(target, judged)?,
                        Some(answer) => self.accept_if(answer, target, judged)?,
                        // The answer is on its way.
                        None => _ = self.pending.insert(index, judged),
                    }
                    if is_gone {
                        self.note_gone(machine, target);
                    }
                }
                _ => {}
            }
        }
        self.take_deletions(machine, &deletions, |_, _| true)
    }

    /// Notes that the provider said yes to a deletion, if it did. What came of a lost answer is seen later.
    fn accept_if(
        &mut self,
        answer: Result<(), ErrorKind>,
        target: &Identity,
        judged: Result<(), String>,
    ) -> Result<(), String> {
        match answer {
            Ok(()) => self.accept(target, judged),
            Err(_) => Ok(()),
        }
    }

    fn accept(&mut self, target: &Identity, judged: Result<(), String>) -> Result<(), String> {
        match self.accepted.insert(target.clone()) {
            true => judged,
            false => Ok(()),
        }
    }

    /// Takes note of the deletions that took effect, in their order, as far as they are meant, of which it is known
    /// whether they had been accepted.
    fn take_deletions(
        &mut self,
        machine: &mut Machine<Simulated>,
        deletions: &[Deletion],
        is_meant: impl Fn(&Deletion, bool) -> bool,
    ) -> Result<(), String> {
        while let Some(deletion) = deletions.get(self.deletions) {
            if !is_meant(deletion, self.accepted.contains(&deletion.identity)) {
                break;
            }
            self.deletions += 1;
            let Deletion { identity, by, .. } = deletion;
            if *by != Deleter::SomeoneElse && !self.removed.contains(identity) {
                // Of requests whose answers were lost, nothing says which one it was.
                let asked = self.asked.get(identity).map(|asked| asked.judged.clone());
                if !self.accepted.contains(identity) {
                    asked.unwrap_or_else(|| self.judge(machine, identity, "removed"))?;
                }
                self.note_gone(machine, identity);
            }
        }
        Ok(())
    }

    fn note_gone(&mut self, machine: &mut Machine<Simulated>, target: &Identity) {
        self.removed.insert(target.clone());
        let asked = self.asked.get(target);
        if asked.is_some_and(|asked| asked.sent >= self.began) {
            self.unreported.push(target.clone());
        }
        if let Some(index) = machine.ledger.of(target) {
            machine.gone(index, Remover::Tbengine);
        }
    }

    fn read(&mut self, machine: &Machine<Simulated>, target: &Identity, at: Duration) {
        let Some(index) = machine.ledger.of(target) else {
            return;
        };
        let now = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        // Nothing says whose request it was. What is wrong for both is wrong.
        let commands = self.commands.iter().flatten();
        let judged = commands.map(|command| entitled(&machine.ledger, index, *command, now));
        let Some(entitled) = judged.reduce(Result::or) else {
            return;
        };
        let look = Look {
            at: now,
            revision: machine.ledger.things[index].revision,
            entitled,
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
                "N4: {} was {what}, and is in no ledger",
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
        if let Err(why) = look.entitled
            && !(self.ended.contains(target) && what == "removed")
        {
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
const REFUSED: [ErrorKind; 6] = [
    ErrorKind::NotFound,
    ErrorKind::RateLimited,
    ErrorKind::Unsupported,
    ErrorKind::Conflict,
    ErrorKind::Dependency,
    ErrorKind::InProgress,
];
