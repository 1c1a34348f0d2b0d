//! What a seed makes: resources, faults, other people, and an end.

use std::time::Duration;

use tbengine_engine::apply::{ApplyOptions, ErrorMode, RetrySchedule};
use tbengine_engine::policy::Force;
use tbengine_memory::{Chaos, ExternalChange, Make, Memory, container, network, sandbox, volume};
use tbengine_sdk::{Identity, State, Timestamp};

use crate::policy::Eager;

/// When the providers were opened.
pub const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

/// The label that the scope names.
pub const OURS: (&str, &str) = ("team", "evals");

/// One world.
pub struct World {
    /// The seed.
    pub seed: u64,
    /// What is still to be drawn.
    pub random: fastrand::Rng,
    /// The providers.
    pub backends: Vec<Memory>,
    /// Everything that was put there, and at which provider.
    pub all: Vec<(usize, Identity)>,
    /// How the engine applies.
    pub options: ApplyOptions,
    /// How the run ends before its end.
    pub end: End,
    /// Whether deleted resources can still be read for a moment.
    pub haunted: bool,
}

/// How a run ends before its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// It does not.
    None,
    /// It is asked to stop after this long.
    Stop(Duration),
    /// It is asked to drop everything after this long.
    Abort(Duration),
    /// The process dies when its loop has gone round so often.
    Crash(u32),
}

/// The end of a faulty span of time.
const MAX_OUTAGE_MS: u64 = 120_000;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

impl World {
    /// The world of a seed, at its best: nothing is wrong yet.
    pub fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = Self {
            seed,
            backends: (0..random.usize(1..=3))
                .map(|number| Memory::new(&name(number), NOW))
                .collect(),
            all: Vec::new(),
            options: ApplyOptions::default(),
            end: End::None,
            haunted: false,
            random: random.fork(),
        };
        // Mostly small ones: most mistakes need only a few resources.
        let count = match random.u8(0..40) {
            0 => random.usize(1..=500),
            1..4 => random.usize(1..=100),
            _ => random.usize(1..=16),
        };
        for number in 0..count {
            let backend = random.usize(0..world.backends.len());
            world.populate(backend, number);
        }
        for backend in &world.backends {
            if random.bool() {
                backend.latency(ms(random.u64(1..60)));
            }
            if random.u8(0..3) == 0 {
                backend.deletion_takes(ms(random.u64(1..4000)));
            }
            backend.can_stop(random.u8(0..8) > 0);
            backend.can_archive(random.u8(0..8) > 0);
        }
        world.options = options(&mut random);
        world.end = match random.u8(0..20) {
            0..3 => End::Stop(ms(random.u64(0..4000))),
            3..5 => End::Abort(ms(random.u64(0..4000))),
            5..9 => End::Crash(random.u32(0..4 * u32::try_from(count).unwrap_or(1) + 4)),
            _ => End::None,
        };
        world
    }

    fn populate(&mut self, backend: usize, number: usize) {
        let random = &mut self.random;
        let ours = |make: Make| make.label(OURS.0, OURS.1);
        let memory = &self.backends[backend];
        let mut put = |make: Make| {
            let identity = memory.insert(make);
            self.all.push((backend, identity.clone()));
            identity
        };
        match random.u8(0..17) {
            16 => drop(put(ours(sandbox(&format!("cold{number}")).running()))),
            0 => drop(put(ours(sandbox(&format!("s{number}"))))),
            1 => drop(put(ours(sandbox(&format!("s{number}")).running()))),
            2 => drop(put(ours(volume(&format!("v{number}"))))),
            3 => {
                let net = put(ours(network(&format!("n{number}"))));
                put(ours(container(&format!("u{number}")).uses(&net)));
            }
            4 => {
                let net = put(ours(network(&format!("n{number}"))));
                put(ours(container(&format!("u{number}")).running().uses(&net)));
            }
            5 => {
                let data = put(ours(volume(&format!("a{number}"))));
                put(ours(container(&format!("t{number}")).takes_along(&data)));
            }
            6 => drop(put(ours(container(&format!("keep{number}"))))),
            7 => drop(put(container(&format!("theirs{number}")))),
            8 => drop(put(
                ours(container(&format!("p{number}"))).label("tbengine.protect", "true")
            )),
            9 => {
                let victim = put(ours(container(&format!("d{number}"))));
                // A decoy: its name is the id of another one.
                put(container(&victim.native));
            }
            10 => drop(put(ours(container(&format!("stop{number}")).running()))),
            11 => drop(put(ours(
                container(&format!("deaf{number}")).running().ignores_stop(),
            ))),
            12 => drop(put(ours(
                container(&format!("slow{number}"))
                    .running()
                    .ends_after(ms(random.u64(0..6000))),
            ))),
            13 => drop(put(ours(
                container(&format!("c{number}")).state(State::Dead),
            ))),
            _ => drop(put(ours(container(&format!("c{number}"))))),
        }
    }

    /// What the operator wants.
    pub fn policy(&mut self) -> Eager {
        let random = &mut self.random;
        let force =
            [Force::Always, Force::Always, Force::Never, Force::OnRetry][random.usize(0..4)];
        let grace = [0, 0, 2, 10][random.usize(0..4)];
        Eager::new(force, Duration::from_secs(grace))
    }

    /// Lets everything go wrong that this seed has in store.
    pub fn spoil(&mut self) {
        let random = &mut self.random;
        for (number, backend) in self.backends.iter().enumerate() {
            let chaos = chaos(random);
            self.haunted |= !chaos.ghosts.is_zero();
            backend.chaos(chaos, self.seed.wrapping_add(number as u64));
            let now = since_opened(backend);
            if random.u8(0..4) == 0 {
                let from = now + ms(random.u64(0..3000));
                backend.outage(from..from + ms(random.u64(0..MAX_OUTAGE_MS)));
            }
            if random.u8(0..8) == 0 {
                backend.rate_limit(random.u32(2..50), random.u32(1..20));
            }
        }
        for _ in 0..random.usize(0..6) {
            let (backend, victim) = self.all[random.usize(0..self.all.len())].clone();
            let memory = &self.backends[backend];
            let change = match random.u8(0..7) {
                0 => ExternalChange::Restart(victim),
                1 => ExternalChange::Recreate(victim),
                2 => ExternalChange::SetState(victim, State::Paused),
                // One is named like the victim's id, the other has its id.
                3 => ExternalChange::Create(Box::new(newcomer(&victim.native))),
                4 => ExternalChange::Create(Box::new(newcomer("again").native(&*victim.native))),
                _ => ExternalChange::Delete(victim),
            };
            memory.change_at(since_opened(memory) + ms(random.u64(0..4000)), change);
        }
    }

    /// Ends all that goes wrong.
    pub fn heal(&self) {
        for backend in &self.backends {
            backend.heal();
        }
    }
}

fn newcomer(name: &str) -> Make {
    container(name)
        .label(OURS.0, OURS.1)
        .created(Duration::ZERO)
}

/// The name of a backend.
pub fn name(number: usize) -> String {
    format!("backend-{number}")
}

fn since_opened(memory: &Memory) -> Duration {
    let milliseconds = memory.now().as_unix_ms() - NOW.as_unix_ms();
    ms(u64::try_from(milliseconds).unwrap_or_default())
}

/// Which faults, and how many.
fn chaos(random: &mut fastrand::Rng) -> Chaos {
    if random.u8(0..8) == 0 {
        return Chaos::default();
    }
    let mut some = |most: f64| {
        let rate = random.f64() * most;
        if random.bool() { rate } else { 0.0 }
    };
    let chaos = Chaos {
        transient: some(0.3),
        unavailable: some(0.1),
        lost_before: some(0.1),
        lost_after: some(0.1),
        delay: some(0.1),
        hang: some(0.01),
        late: some(0.01),
        rate_limited: some(0.05),
        rate_limited_blind: some(0.05),
        confirmed_without_effect: some(0.05),
        denied_to_exist: some(0.05),
        missed_in_list: some(0.1),
        ghosts: Duration::ZERO,
    };
    let ghosts = if random.u8(0..4) == 0 {
        random.u64(0..2000)
    } else {
        0
    };
    Chaos {
        ghosts: ms(ghosts),
        ..chaos
    }
}

fn options(random: &mut fastrand::Rng) -> ApplyOptions {
    let mut options = ApplyOptions {
        ask_policy: false,
        ..ApplyOptions::default()
    };
    if random.u8(0..4) == 0 {
        options.concurrency = Some(random.usize(1..=8));
    }
    if random.u8(0..8) == 0 {
        options.deadline = Some(ms(random.u64(1..60_000)));
    }
    if random.u8(0..8) == 0 {
        options.error_mode = ErrorMode::FailFast;
    }
    if random.u8(0..6) == 0 {
        options.retry = RetrySchedule::Fixed {
            delay: Duration::from_secs(2),
            factor: 2.0,
            retries: 3,
        };
    }
    options
}
