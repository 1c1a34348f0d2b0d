//! What tbengine did to a real daemon, compared with the ledger.

use std::time::{Duration, Instant};

use serde_json::Value;
use tbengine_sdk::Kind;

use super::docker::Docker;
use super::faults::Fate;
use super::history::History;
use super::proxy::Seen;
use super::run::{End, Run};
use super::truth::Truth;
use crate::counts::Counts;
use crate::entitled::entitled;
use crate::ledger::{Ledger, Life, Maker, Remover, Thing};
use crate::machine::Machine;

/// The daemon shows no more than the second of the times of volumes and images.
const COARSE: Duration = Duration::from_secs(1);
/// Ages are given to tbengine in milliseconds.
const FINE: Duration = Duration::from_millis(20);

/// Results of a step that leave nothing to be done by the operator, or are said to be of no harm.
const GOOD: [&str; 5] = ["deleted", "already-gone", "stopped", "archived", "changed"];

/// Something that tbengine did.
struct Done {
    index: usize,
    what: What,
    /// When it was asked for.
    at: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Ended,
    Removed,
}

impl What {
    fn word(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Removed => "removed",
        }
    }
}

/// Compares what is there with the ledger after a run, and notes there what tbengine did. Requests before the index are
/// those of earlier runs.
///
/// # Errors
/// Which invariant was broken, by its name, and how.
pub fn judge(
    machine: &mut Machine<Docker>,
    history: &History,
    run: &Run,
    end: &End,
    from: usize,
    counts: &mut Counts,
) -> Result<(), String> {
    let truth = Truth::read(&machine.provider.api)?;
    let seen = machine.provider.proxy.seen();
    let seen = &seen[from..];
    let mut done = Vec::new();
    let mut unnamed = Vec::new();
    for (index, thing) in machine.ledger.things.iter().enumerate() {
        if thing.gone.is_some() {
            continue;
        }
        let what = if !truth.has(&thing.identity) {
            What::Removed
        } else if thing.life == Life::Runs
            && thing.stopped.is_none()
            && truth.containers.get(&thing.identity.native) == Some(&false)
        {
            What::Ended
        } else {
            match lost_name(machine, thing, &truth) {
                // The daemon takes the name away first, and keeps an image of which a container was made meanwhile.
                Some(_) if asked(machine, thing, What::Removed, seen).is_some() => {
                    unnamed.push(index);
                    What::Removed
                }
                Some(name) => {
                    let key = &thing.key;
                    return Err(format!("N4: {key} has lost its name `{name}`"));
                }
                None => {
                    unharmed(machine, thing)?;
                    continue;
                }
            }
        };
        let Some(at) = asked(machine, thing, what, seen) else {
            let (key, word) = (&thing.key, what.word());
            return Err(format!("N4: {key} was {word}, and no request asked for it"));
        };
        done.push(Done { index, what, at });
    }
    done.sort_by_key(|one| one.at);
    let mut before: Vec<usize> = Vec::new();
    for one in &done {
        let thing = &machine.ledger.things[one.index];
        let look = look(thing, run, one.at, seen);
        let judged = Judging {
            history,
            run,
            machine,
            before: &before,
        }
        .judge(one, look);
        let judged = judged.map_err(|why| with_requests(why, machine, thing, run, seen));
        if judged? == Judged::Tolerated {
            counts.note(format!("tolerated: {}", one.what.word()));
        }
        counts.note(format!("tbengine {}", one.what.word()));
        before.push(one.index);
    }
    for index in unnamed {
        counts.note("an image lost its name and stayed");
        let native = machine.ledger.things[index].identity.native.clone();
        machine.provider.tags.remove(&native);
        done.retain(|one| one.index != index);
    }
    for one in &done {
        match one.what {
            What::Ended => machine.stopped(one.index),
            What::Removed => machine.gone(one.index, Remover::Tbengine),
        }
    }
    reported(machine, &truth, &done, (run, end), seen, counts)?;
    let mut things = machine.ledger.things.iter();
    let is_calm = run.saved.is_none()
        && machine.provider.program.is_in_time()
        // What can be read only in part is said in every run.
        && !things.any(|thing| thing.is_damaged && thing.gone.is_none())
        && history.between(run.began, Instant::now()).count() == 1
        && seen.iter().all(|one| one.fate == Fate::Forwarded);
    if is_calm && !matches!(end.code, None | Some(0 | 3)) {
        let why = format!(
            "N6: nothing went wrong, and the exit code is {:?}",
            end.code
        );
        let outcomes = end.report["report"]["outcomes"].as_array();
        let mut bad = outcomes.into_iter().flatten();
        let bad = bad.find(|one| !GOOD.contains(&one["result"].as_str().unwrap_or_default()));
        let bad = bad.map(ToString::to_string).unwrap_or_default();
        return Err(format!("{why}\n  {bad}\n  {}", end.errors));
    }
    Ok(())
}

/// A name that an image was given and does not have any more.
fn lost_name(machine: &Machine<Docker>, thing: &Thing, truth: &Truth) -> Option<String> {
    let native = &thing.identity.native;
    let given = machine.provider.tags.get(native)?;
    given.difference(truth.images.get(native)?).next().cloned()
}

/// Whether what is there is as it was.
fn unharmed(machine: &Machine<Docker>, thing: &Thing) -> Result<(), String> {
    let (native, key) = (&thing.identity.native, &thing.key);
    let docker = &machine.provider;
    if thing.identity.kind == Kind::VOLUME {
        let content = std::fs::read_to_string(docker.content(native)).unwrap_or_default();
        if docker.contents.get(native) != Some(&content) {
            return Err(format!(
                "N4: {key} holds `{content}`, which its owner did not write"
            ));
        }
    }
    Ok(())
}

/// When tbengine asked last for what happened.
fn asked(machine: &Machine<Docker>, thing: &Thing, what: What, seen: &[Seen]) -> Option<Instant> {
    let names = machine.provider.tags.get(&thing.identity.native);
    let is_its = |seen: &&Seen| {
        let Some((kind, id, action)) = seen.target() else {
            return false;
        };
        let asks = match what {
            What::Removed => seen.method == "DELETE",
            What::Ended => action == "kill" || action == "stop",
        };
        let names = names.is_some_and(|names| names.contains(&id));
        asks && kind == thing.identity.kind && (id == thing.identity.native || names)
    };
    let asked = seen.iter().rev().find(is_its)?;
    Some(asked.at)
}

/// When tbengine read a thing last before a moment.
fn look(thing: &Thing, run: &Run, at: Instant, seen: &[Seen]) -> Instant {
    let is_look = |one: &&Seen| {
        one.method == "GET"
            && one.at <= at
            && one.target().is_some_and(|(kind, id, _)| {
                kind == thing.identity.kind && id == thing.identity.native
            })
    };
    let last = seen.iter().rev().find(is_look);
    last.map_or(run.began, |one| one.at)
}

#[derive(PartialEq, Eq)]
enum Judged {
    Entitled,
    Tolerated,
}

struct Judging<'a> {
    history: &'a History,
    run: &'a Run,
    machine: &'a Machine<Docker>,
    /// What tbengine ended or removed before.
    before: &'a [usize],
}

impl Judging<'_> {
    /// Whether something that tbengine did was right at some moment between its last look and its request.
    fn judge(&self, done: &Done, look: Instant) -> Result<Judged, String> {
        let clock = &self.machine.provider.clock;
        let Thing { key, identity, .. } = &self.machine.ledger.things[done.index];
        let word = done.what.word();
        let docker = &self.machine.provider;
        let margin = match identity.kind {
            Kind::VOLUME | Kind::IMAGE => COARSE,
            // How far a clock is off is known as exactly as a request is fast.
            _ if !docker.program.is_in_time() => FINE + docker.proxy.faults().latency,
            _ => FINE,
        };
        let is_swept = matches!(
            self.machine.ledger.things[done.index].maker,
            Maker::Job(lease) if !self.machine.ledger.is_live(lease)
        );
        let id = identity.id().to_string();
        let saved = self.run.saved.as_ref();
        let names = saved.and_then(|saved| saved.names.as_ref());
        if !is_swept && names.is_some_and(|names| !names.contains(&id)) {
            return Err(format!(
                "N2: {key} was {word}, and the plan does not name it"
            ));
        }
        let planned = saved.map_or((self.run.began, done.at), |saved| saved.during);
        let approved: Vec<u32> = self
            .history
            .between(planned.0, planned.1)
            .filter_map(|ledger| ledger.things.get(done.index))
            .map(|thing| thing.revision)
            .collect();
        let ledgers: Vec<Ledger> = self
            .history
            .between(look, done.at)
            .filter(|ledger| ledger.things.len() > done.index)
            .map(|ledger| self.now_without(ledger))
            .collect();
        let mut why = None;
        for extra in [Duration::ZERO, margin] {
            // What is too young at the last look was so when the plan was made.
            let now = clock.at(look) + clock.in_story(extra);
            for (number, ledger) in ledgers.iter().rev().enumerate() {
                let entitled = entitled(ledger, done.index, self.run.command, now);
                match entitled {
                    Err(reason) => why = why.or(Some(format!("N1: {key} was {word}: {reason}"))),
                    Ok(()) if !approved.contains(&ledger.things[done.index].revision) => {
                        why = Some(format!(
                            "N2: {key} was {word}, and had changed since the plan"
                        ));
                    }
                    Ok(()) if extra == Duration::ZERO && number == 0 => {
                        return Ok(Judged::Entitled);
                    }
                    Ok(()) => return Ok(Judged::Tolerated),
                }
            }
        }
        Err(why.unwrap_or_else(|| format!("N2: {key} was {word} before it was made")))
    }

    /// A ledger without what tbengine ended or removed before.
    fn now_without(&self, ledger: &Ledger) -> Ledger {
        let mut ledger = ledger.clone();
        for index in self.before {
            if let Some(thing) = ledger.things.get_mut(*index) {
                thing.gone.get_or_insert(Remover::Tbengine);
            }
        }
        ledger
    }
}

/// Whether the report says what happened, and nothing else.
fn reported(
    machine: &Machine<Docker>,
    truth: &Truth,
    done: &[Done],
    (run, end): (&Run, &End),
    seen: &[Seen],
    counts: &mut Counts,
) -> Result<(), String> {
    // A run that was killed reports nothing.
    let Some(code) = end.code else {
        return Ok(());
    };
    counts.note(format!("exit code {code}"));
    if !matches!(code, 0 | 1 | 3 | 4 | 6) {
        return Err(format!("N5: exit code {code}: {}", end.errors));
    }
    let refusals = end.report["plan"]["refusals"].as_array();
    for refusal in refusals.into_iter().flatten() {
        let safeguard = refusal["safeguard"].as_str().unwrap_or_default();
        counts.note(format!("safeguard {safeguard}"));
    }
    let none = Vec::new();
    let outcomes = end.report["report"]["outcomes"].as_array().unwrap_or(&none);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for outcome in outcomes {
        let (id, result) = (text(&outcome["id"]), text(&outcome["result"]));
        counts.note(format!("outcome {result}"));
        if !GOOD.contains(&&*result) {
            let kind = id.split('/').nth(1).unwrap_or_default();
            let detail = text(&outcome["detail"]);
            counts.note(format!("outcome {result} of {kind}: {detail:.60}"));
        }
        let mut things = machine.ledger.things.iter();
        let its = things.rfind(|thing| thing.identity.id().to_string() == id);
        let is_there = its.is_some_and(|thing| truth.has(&thing.identity));
        // A volume of that name may have been made since.
        let is_another = its.is_some_and(|thing| {
            thing.identity.kind == Kind::VOLUME
                && machine
                    .ledger
                    .things
                    .iter()
                    .any(|one| one.identity == thing.identity && one.gone.is_some())
        });
        if matches!(&*result, "deleted" | "already-gone") && is_there && !is_another {
            let why = format!("N5: {id} is reported as {result}, and is there\n  {outcome}");
            return Err(match its {
                Some(its) => with_requests(why, machine, its, run, seen),
                None => why,
            });
        }
        if code == 0 && !GOOD.contains(&&*result) {
            return Err(format!("N5: exit code 0, and {id} is {result}"));
        }
    }
    let failures = end.report["failures"].as_array().map_or(0, Vec::len);
    if code == 0 && failures > 0 {
        return Err("N5: exit code 0, and not all could be listed".into());
    }
    let sweeps = end.report["sweeps"].as_array().map_or(0, Vec::len);
    for one in done.iter().filter(|one| one.what == What::Removed) {
        let thing = &machine.ledger.things[one.index];
        let id = thing.identity.id().to_string();
        let is_named = outcomes.iter().any(|outcome| outcome["id"] == *id);
        let is_swept = matches!(thing.maker, Maker::Job(_)) && sweeps > 0;
        if !is_named && !is_swept {
            return Err(format!("N5: {} was removed and is not reported", thing.key));
        }
    }
    Ok(())
}

/// What is wrong, with the requests that were about a thing.
fn with_requests(
    mut why: String,
    machine: &Machine<Docker>,
    thing: &Thing,
    run: &Run,
    seen: &[Seen],
) -> String {
    let clock = &machine.provider.clock;
    why += &format!(
        "\n  born {} ended {:?}; {:?} began {}",
        thing.born,
        thing.life,
        run.command,
        clock.at(run.began)
    );
    for one in seen {
        let is_about = one
            .target()
            .is_some_and(|(_, id, _)| id == thing.identity.native);
        if is_about || one.method != "GET" {
            let Seen {
                at,
                method,
                path,
                fate,
                status,
            } = one;
            why += &format!("\n  {} {method} {path} {fate:?} {status:?}", clock.at(*at));
        }
    }
    why
}
