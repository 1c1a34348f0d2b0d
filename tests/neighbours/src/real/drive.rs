//! Plays stories in compressed time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::docker::Docker;
use super::faults::Fate;
use super::history::History;
use super::judge::judge;
use super::run::{Run, Saved, flags};
use super::truth::Truth;
use crate::act::{Act, Nature, Operator, PolicyName};
use crate::counts::Counts;
use crate::entitled::{Command, User, bounds};
use crate::ledger::Life;
use crate::machine::Machine;
use crate::story::{Event, Story};

/// How a story is played.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long an hour of the story takes.
    pub hour: Duration,
    /// How long to wait at most until things are as old as in the story.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hour: Duration::from_secs(1),
            patience: Duration::from_secs(5),
        }
    }
}

/// How long runs take in simulated time: what happens earlier after the beginning of one happens during it.
const DURING: u64 = 4000;
/// How much faster a real run is than that.
const FASTER: u64 = 8;
const HOUR: u64 = 3_600_000;
/// How long after the last line the operator comes twice more, in milliseconds of the story.
const LATER: u64 = 40 * HOUR;

/// A story that is being played.
pub(super) struct Play {
    machine: Machine<Docker>,
    history: History,
    /// When things were made and ended in the story.
    times: Vec<Times>,
    running: Option<Running>,
    /// A plan that was saved and is to be applied.
    due: Option<Due>,
    runs: u32,
    /// How many requests were judged.
    judged: usize,
    /// The time of the last event in the story.
    last: u64,
    counts: Counts,
    options: Options,
    interrupted: Arc<AtomicBool>,
}

#[derive(Clone, Copy)]
struct Times {
    born: u64,
    /// When its maker had it, in the time of the daemon: compose takes seconds, and the ledger has their beginning.
    made: u64,
    ended: Option<u64>,
}

struct Running {
    run: Run,
    /// When it began in the story.
    at: u64,
}

struct Due {
    command: Command,
    at: u64,
    file: String,
    saved: Saved,
}

/// What an operator says. No minimum age is shorter than an hour, unless it is none: a minute of a story is shorter than
/// a request.
fn command(policy: PolicyName, min_age: u64) -> Command {
    let min_age = match min_age {
        0 => 0,
        seconds => (seconds * 1000).max(HOUR),
    };
    Command {
        policy,
        min_age,
        user: User::First,
        sweeps: true,
    }
}

/// What the operator says at the end.
fn at_last() -> Command {
    command(PolicyName::Aggressive, 60)
}

/// The next run from these events on, and when it is.
fn next_run(events: &[Event], end: u64) -> (Command, u64) {
    let mut runs = events.iter().filter_map(|event| match &event.act {
        Act::Operator(Operator::Run {
            policy, min_age, ..
        }) => Some((command(*policy, *min_age), event.at)),
        _ => None,
    });
    runs.next().unwrap_or((at_last(), end))
}

impl Play {
    pub(super) fn new(docker: Docker, options: Options, interrupted: Arc<AtomicBool>) -> Self {
        let machine = Machine::new(docker);
        Self {
            history: History::of(&machine.ledger),
            machine,
            times: Vec::new(),
            running: None,
            due: None,
            runs: 0,
            judged: 0,
            last: 0,
            counts: Counts::default(),
            options,
            interrupted,
        }
    }

    /// Plays all lines, and looks at what is left.
    pub(super) fn play(&mut self, story: &Story) -> Result<(), String> {
        let end = story.events.last().map_or(0, |last| last.at) + LATER;
        for (number, event) in story.events.iter().enumerate() {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err("interrupted".into());
            }
            self.apply_until(event.at)?;
            self.pause(event.at, next_run(&story.events[number..], end))?;
            self.counts.note(event.act.name());
            self.event(event)?;
        }
        self.apply_until(u64::MAX)?;
        self.finish()?;
        self.at_the_end(end)
    }

    /// What occurred.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = self.counts.clone();
        counts.add(&self.machine.provider.counts.borrow());
        for seen in self.machine.provider.proxy.seen() {
            match seen.fate {
                Fate::Forwarded => {}
                Fate::Refused(status) => counts.note(format!("fault: answered {status}")),
                Fate::LostBefore => counts.note("fault: request lost"),
                Fate::LostAfter => counts.note("fault: reply lost"),
                Fate::Hangs => counts.note("fault: hangs"),
            }
        }
        counts
    }

    fn event(&mut self, event: &Event) -> Result<(), String> {
        match &event.act {
            Act::Operator(Operator::Killed) => {
                self.due = None;
                let Some(running) = &mut self.running else {
                    return Ok(());
                };
                running.run.kill();
                let (run, at) = (&running.run, running.at);
                let (command, during) = (run.command, (run.began, Instant::now()));
                self.finish()?;
                // Sometimes it is resumed, and sometimes the next run begins anew.
                if command.user == User::First && event.at.is_multiple_of(2) {
                    self.resume(command, at, during)?;
                }
                Ok(())
            }
            Act::Operator(Operator::Run {
                policy,
                min_age,
                saved,
            }) => {
                self.apply_until(u64::MAX)?;
                self.finish()?;
                let command = command(*policy, *min_age);
                match saved {
                    Some(waits) => self.plan(command, event.at + waits),
                    None => self.run(command, event.at, None),
                }
            }
            Act::Operator(Operator::Another { policy, min_age }) => {
                self.apply_until(u64::MAX)?;
                self.finish()?;
                let command = Command {
                    user: User::Another,
                    ..command(*policy, *min_age)
                };
                self.run(command, event.at, None)
            }
            act => {
                let began = Instant::now();
                self.machine.play(act);
                self.history.note(began, &self.machine.ledger);
                self.note_times(event.at);
                match self.machine.provider.difference.take() {
                    Some(difference) => Err(format!("model: {difference}")),
                    None => Ok(()),
                }
            }
        }
    }

    fn note_times(&mut self, at: u64) {
        let now = self.machine.now();
        for (index, thing) in self.machine.ledger.things.iter().enumerate() {
            if self.times.len() <= index {
                self.times.push(Times {
                    born: at,
                    made: now,
                    ended: None,
                });
            }
            let times = &mut self.times[index];
            match thing.life {
                Life::Ended(_) => times.ended = times.ended.or(Some(at)),
                _ => times.ended = None,
            }
        }
    }

    /// Lets the time until the next event go by, as far as something depends on it.
    fn pause(&mut self, at: u64, next: (Command, u64)) -> Result<(), String> {
        if let Some(running) = &self.running {
            let after = at.saturating_sub(running.at);
            if after < DURING {
                let until = running.run.began + Duration::from_millis(after / FASTER);
                std::thread::sleep(until.saturating_duration_since(Instant::now()));
                return Ok(());
            }
            self.finish()?;
        }
        // A plan that was saved is applied before any other run.
        let due = self.due.as_ref().map(|due| (due.command, due.at));
        self.wait_for(due.unwrap_or(next), at);
        Ok(())
    }

    /// Waits until a moment of the story: until all is so old that it will be older than a bound at the next run if it
    /// is so in the story. What is made later stays as young as it is there.
    fn wait_for(&mut self, (command, run): (Command, u64), until: u64) {
        let gap = until.saturating_sub(self.last);
        self.last = until;
        let at = run;
        let bounds = bounds(command.policy);
        let now = self.machine.now();
        let mut lacks = 0;
        for (thing, times) in self.machine.ledger.things.iter().zip(&self.times) {
            if thing.gone.is_some() {
                continue;
            }
            let mut wait = |since_in_story: u64, since: u64| {
                let (should, is) = (at.saturating_sub(since_in_story), now.saturating_sub(since));
                for bound in [command.min_age, bounds.ended, bounds.running, bounds.image] {
                    if bound <= should && is < bound {
                        lacks = lacks.max(bound - is);
                    }
                }
            };
            wait(times.born, times.made);
            if let (Some(ended), Life::Ended(at)) = (times.ended, thing.life) {
                wait(ended, at);
            }
        }
        let lacks = lacks.min(gap);
        if lacks > 0 {
            let real = self.machine.provider.clock.really(lacks) + Duration::from_millis(20);
            if real > self.options.patience {
                self.counts.note("waited less than the story");
            }
            let real = real.min(self.options.patience);
            self.counts
                .add_to("milliseconds waited for ages", real.as_millis());
            std::thread::sleep(real);
        }
    }

    /// Applies the plan that was saved, if it is time.
    fn apply_until(&mut self, at: u64) -> Result<(), String> {
        match self.due.take_if(|due| due.at <= at) {
            Some(due) => {
                self.finish()?;
                self.wait_for((due.command, due.at), due.at);
                self.run(due.command, due.at, Some((due.file, due.saved)))
            }
            None => Ok(()),
        }
    }

    fn start(
        &mut self,
        words: &[&str],
        command: Command,
        saved: Option<Saved>,
    ) -> Result<Run, String> {
        self.runs += 1;
        let docker = &self.machine.provider;
        let mut arguments: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let mut flags = flags(command, &docker.clock);
        if words[0] == "plan" {
            // What is about applying it.
            flags.truncate(8);
        }
        if words.contains(&"--plan") {
            // The policy is that of the plan.
            flags.drain(4..8);
            flags.drain(..2);
        }
        if words[0] == "resume" {
            // Its flags are those of the run.
            flags.clear();
        }
        arguments.extend(flags);
        let program = match command.user {
            User::First => &docker.program,
            User::Another => &docker.another,
        };
        let proxy = &docker.proxy;
        Run::start(program, proxy, &arguments, command, saved, self.runs)
    }

    fn run(
        &mut self,
        command: Command,
        at: u64,
        saved: Option<(String, Saved)>,
    ) -> Result<(), String> {
        let run = match saved {
            Some((file, saved)) => {
                let words = ["run", "--yes", "--output", "json", "--plan", &file];
                self.start(&words, command, Some(saved))?
            }
            None => self.start(&["run", "--yes", "--output", "json"], command, None)?,
        };
        self.running = Some(Running { run, at });
        Ok(())
    }

    /// Resumes a run that was killed, which was approved at some moment.
    fn resume(
        &mut self,
        command: Command,
        at: u64,
        during: (Instant, Instant),
    ) -> Result<(), String> {
        let words = ["resume", "--yes", "--output", "json"];
        let saved = Saved {
            during,
            names: None,
        };
        let run = self.start(&words, command, Some(saved))?;
        self.counts.note("resumed");
        self.running = Some(Running { run, at });
        Ok(())
    }

    fn plan(&mut self, command: Command, at: u64) -> Result<(), String> {
        let file = format!("plan-{}.json", self.runs + 1);
        let words = ["plan", "--output", "json", "--save", &file];
        let mut run = self.start(&words, command, None)?;
        let end = run.wait()?;
        let during = (run.began, Instant::now());
        let path = self.machine.provider.program.home().join(&file);
        // Nothing has happened; a plan that names nothing would not be right with what has.
        let nothing = Saved {
            during,
            names: Some(Default::default()),
        };
        run.saved = Some(nothing);
        self.judge(&run, &end)?;
        let Ok(text) = std::fs::read_to_string(path) else {
            self.counts
                .note(format!("no plan, exit code {:?}", end.code));
            return Ok(());
        };
        let plan: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let steps = plan["steps"].as_array().into_iter().flatten();
        let names = steps.map(|step| {
            let word = |key: &str| step["target"][key].as_str().unwrap_or_default();
            format!("{}/{}/{}", word("backend"), word("kind"), word("native"))
        });
        let saved = Saved {
            during,
            names: Some(names.collect()),
        };
        self.due = Some(Due {
            command,
            at,
            file,
            saved,
        });
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        let end = running.run.wait()?;
        self.machine.provider.proxy.settle();
        self.judge(&running.run, &end)
    }

    fn judge(&mut self, run: &Run, end: &super::run::End) -> Result<(), String> {
        let began = Instant::now();
        let Self {
            machine,
            history,
            counts,
            judged,
            ..
        } = self;
        let took = run.began.elapsed();
        counts.add_to("milliseconds of runs", took.as_millis());
        let seen = machine.provider.proxy.seen().len();
        judge(machine, history, run, end, *judged, counts)?;
        *judged = seen;
        history.note(began, &machine.ledger);
        Ok(())
    }

    /// Ends all faults, and checks that two runs remove everything whose maker is gone and whose owner is proven, and
    /// nothing else.
    fn at_the_end(&mut self, end: u64) -> Result<(), String> {
        self.machine.play(&Act::Nature(Nature::Heals));
        let command = at_last();
        self.wait_for((command, end), end);
        let now = self.machine.now();
        let running = bounds(command.policy).running;
        let provable: Vec<usize> = self
            .machine
            .ledger
            .provable()
            .into_iter()
            .filter(|index| now - self.times[*index].made >= running)
            .collect();
        let mut last = String::new();
        for _ in 0..2 {
            let words = ["run", "--yes", "--output", "json"];
            let mut run = self.start(&words, command, None)?;
            let end = run.wait()?;
            self.machine.provider.proxy.settle();
            self.judge(&run, &end)?;
            last = format!("exit code {:?}: {}", end.code, end.errors);
        }
        let ledger = &self.machine.ledger;
        for index in provable {
            let thing = &ledger.things[index];
            if thing.gone.is_none() && !ledger.is_used(index) {
                return Err(format!(
                    "N6: {} is left, although its maker is gone\n{last}",
                    thing.key
                ));
            }
        }
        let truth = Truth::read(&self.machine.provider.api)?;
        for thing in &ledger.things {
            if thing.gone.is_none() && !truth.has(&thing.identity) {
                return Err(format!(
                    "N4: {} is gone, and no request removed it",
                    thing.key
                ));
            }
        }
        Ok(())
    }
}
