//! What a seed makes: resources, faults, other people, and an end.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::apply::{ApplyOptions, ErrorMode, RetrySchedule};
use tbengine_engine::facts::{IdentityKey, LiveLease, Quarantine, QuarantineEntry};
use tbengine_engine::plan::{MaxDelete, Safeguard, Safeguards};
use tbengine_engine::policy::{Force, Veto};
use tbengine_engine::scope::Scope;
use tbengine_engine::terms::Terms;
use tbengine_engine::{Engine, EngineOptions, Facts};
use tbengine_memory::{
    BUILD_CACHE, Chaos, ExternalChange, Fault, Make, Memory, Operation, container, image, network,
    resource, sandbox, snapshot, volume,
};
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{
    Bind, Class, Damage, Error, ErrorKind, Fact, Identity, Kind, Owner, Rule, State, Timestamp,
    Unreadable,
};

use crate::fate::{Fate, Thing};
use crate::policy::Eager;
use crate::veto::ByName;

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
    /// Everything that was put there.
    pub things: Vec<Thing>,
    /// The groups that others do something to.
    pub touched: HashSet<usize>,
    /// How the engine applies.
    pub options: ApplyOptions,
    /// How the safeguards are set.
    pub safeguards: Safeguards,
    /// What the safeguards know besides.
    pub facts: Facts,
    /// What the operator wants to have looked at.
    pub scope: Scope,
    /// When the policy kills.
    pub force: Force,
    /// How long what runs may take to end.
    pub grace: Duration,
    /// How the veto behaves, where there is one.
    pub veto: Vetoing,
    /// Whether the changes of the backends are followed.
    pub follows: bool,
    /// Whether the plan is saved, and looked at again before it is applied.
    pub is_saved: bool,
    /// By provider: how far its clock is off.
    pub clocks: Vec<Skewed>,
    /// Whether listings leave something out without saying so.
    pub lies: bool,
    /// Whether they ever did.
    pub lied: bool,
    /// How the run ends before its end.
    pub end: End,
    /// Whether deleted resources can still be read for a moment.
    pub haunted: bool,
    groups: usize,
    parked: HashMap<IdentityKey, QuarantineEntry>,
    released: Vec<String>,
    swarm: Swarm,
}

/// How the veto of a world behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vetoing {
    /// There is none.
    None,
    /// It takes away what is named `veto…`.
    ByName,
    /// It fails.
    Fails,
}

/// How far the clock of a provider is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skewed {
    /// Not at all.
    No,
    /// By less than the minimum age.
    Little,
    /// By more than that.
    Much,
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

/// Which faults a seed has at all: a random half, so that each also meets what the others would hide.
#[derive(Clone, Copy, Debug)]
struct Swarm(u64);

impl Swarm {
    fn has(self, fault: u32) -> bool {
        self.0 >> fault & 1 == 1
    }
}

/// The numbers in a swarm above those of [`Chaos`].
mod fault {
    pub(super) const OUTAGE: u32 = 32;
    pub(super) const RATE_LIMIT: u32 = 33;
    pub(super) const SCRIPTS: u32 = 34;
    pub(super) const UNLISTED: u32 = 35;
    pub(super) const SLOW: u32 = 36;
    pub(super) const CHANGES: u32 = 40;
}

/// The end of a faulty span of time.
const MAX_OUTAGE_MS: u64 = 120_000;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

impl World {
    /// The world of a seed, at its best: nothing is wrong yet.
    pub fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let swarm = Swarm(random.u64(..));
        let force =
            [Force::Always, Force::Always, Force::Never, Force::OnRetry][random.usize(0..4)];
        let mut world = Self {
            seed,
            backends: (0..random.usize(1..=3))
                .map(|number| Memory::new(&name(number), NOW))
                .collect(),
            things: Vec::new(),
            touched: HashSet::new(),
            options: ApplyOptions::default(),
            safeguards: Safeguards::default(),
            facts: Facts::default(),
            scope: Scope::default(),
            force,
            grace: Duration::from_secs([0, 0, 2, 10][random.usize(0..4)]),
            veto: Vetoing::None,
            follows: random.u8(0..4) == 0,
            is_saved: random.u8(0..3) == 0,
            clocks: Vec::new(),
            lies: false,
            lied: false,
            end: End::None,
            haunted: false,
            groups: 0,
            parked: HashMap::new(),
            released: Vec::new(),
            swarm,
            random: random.fork(),
        };
        if random.u8(0..4) > 0 {
            let label = format!("{}={}", OURS.0, OURS.1);
            world.scope.labels = vec![label.parse().expect("a label")];
        }
        if random.u8(0..8) == 0 {
            world.safeguards.min_age = Duration::ZERO;
        }
        world.veto = match random.u8(0..24) {
            0..4 => Vetoing::ByName,
            4 => Vetoing::Fails,
            _ => Vetoing::None,
        };
        // Mostly small ones: most mistakes need only a few resources.
        let count = match random.u8(0..40) {
            0 => random.usize(1..=400),
            1..4 => random.usize(1..=100),
            _ => random.usize(1..=16),
        };
        for number in 0..world.backends.len() {
            world.prepare(number, &mut random);
        }
        for number in 0..count {
            let backend = random.usize(0..world.backends.len());
            world.populate(backend, number);
        }
        world.know();
        world.limit(&mut random);
        world.options = options(&mut random);
        world.end = match random.u8(0..20) {
            0..3 => End::Stop(ms(random.u64(0..4000))),
            3..5 => End::Abort(ms(random.u64(0..4000))),
            5..9 => End::Crash(random.u32(0..4 * u32::try_from(count).unwrap_or(1) + 4)),
            _ => End::None,
        };
        world
    }

    /// What a provider is like.
    fn prepare(&mut self, number: usize, random: &mut fastrand::Rng) {
        let backend = &self.backends[number];
        if random.bool() {
            backend.latency(ms(random.u64(1..60)));
        }
        if random.u8(0..3) == 0 {
            backend.deletion_takes(ms(random.u64(1..4000)));
        }
        backend.can_stop(random.u8(0..8) > 0);
        backend.can_archive(random.u8(0..8) > 0);
        if random.u8(0..4) == 0 {
            backend.absence_proves(&[Kind::CONTAINER, Kind::VOLUME, Kind::NETWORK]);
        }
        if random.bool() {
            backend.class(BUILD_CACHE, Class::Other);
        }
        // A tag that comes after the plan changes an image.
        let names = Bind {
            fact: Fact::Names,
            rule: Rule::NothingNew,
        };
        backend.binds(Kind::IMAGE, names);
        let ahead = random.i64(3_600_000..7_200_000) * if random.bool() { 1 } else { -1 };
        let clock = match random.u8(0..16) {
            0 => Skewed::Much,
            1 => Skewed::Little,
            _ => Skewed::No,
        };
        backend.skew_ms(match clock {
            Skewed::No => 0,
            Skewed::Little => random.i64(-5000..5000),
            Skewed::Much => ahead,
        });
        self.clocks.push(clock);
        if random.u8(0..16) == 0 {
            let kinds = [Kind::CONTAINER, Kind::NETWORK, Kind::IMAGE];
            let kind = kinds[random.usize(0..kinds.len())];
            let unreadable = Unreadable {
                shown: "3f…".into(),
                message: "its layer does not exist".into(),
            };
            backend.shows_unreadable(kind, unreadable);
        }
    }

    /// Whether the operator says that what is in scope is theirs.
    pub fn claims(&self) -> bool {
        self.scope.claims_running()
    }

    fn put(&mut self, backend: usize, make: Make, fate: Fate) -> Identity {
        let identity = self.backends[backend].insert(make);
        let resource = self.backends[backend].oracle().resource(&identity);
        let resource = resource.expect("it was just put there");
        let is_proven = matches!(&resource.owner, Owner::Benchmark(_))
            || matches!(&resource.owner, Owner::Run(run) if run == "over");
        // Where a clock is wrong no age is, so that everything stays that no other safeguard keeps for a reason
        // that comes first.
        let is_late = matches!(
            fate,
            Fate::Refused(
                Safeguard::MinimumAge
                    | Safeguard::RunningWithoutForce
                    | Safeguard::UnprovenOwner
                    | Safeguard::InUse
                    | Safeguard::LiveUnit
                    | Safeguard::Veto
            )
        );
        let fate = match self.has_clock(backend) && (is_late || fate.is_planned()) {
            true => Fate::Refused(Safeguard::Clock),
            false => fate,
        };
        self.things.push(Thing {
            backend,
            name: resource.name,
            group: self.groups,
            fate,
            old_at: None,
            is_sacred: false,
            goes_with_others: fate.follows_from_others(),
            runs: resource.state.is_running(),
            is_proven,
            spared_by: None,
            identity: identity.clone(),
        });
        identity
    }

    /// Whether the clock of a provider keeps all that it has.
    fn has_clock(&self, backend: usize) -> bool {
        self.clocks[backend] == Skewed::Much && !self.safeguards.min_age.is_zero()
    }

    fn last(&mut self) -> &mut Thing {
        self.things.last_mut().expect("something was put there")
    }

    /// Notes that the last thing would be refused if it were a little otherwise.
    fn spared(&mut self, safeguard: Safeguard) {
        self.last().spared_by = Some(safeguard);
    }

    /// Notes that nothing by the name of the last thing is ever deleted.
    fn sacred(&mut self) {
        self.last().is_sacred = true;
    }

    /// What has to become of what runs and is to be deleted.
    fn running(&self, is_proven: bool) -> Fate {
        if self.force == Force::Never {
            Fate::Refused(Safeguard::RunningWithoutForce)
        } else {
            self.ended(is_proven, Fate::Deleted)
        }
    }

    /// What has to become of what runs and is to be ended without being deleted.
    fn ended(&self, is_proven: bool, fate: Fate) -> Fate {
        match self.claims() || is_proven {
            true => fate,
            false => Fate::Refused(Safeguard::UnprovenOwner),
        }
    }

    /// What has to become of what only one thing uses.
    fn used_by(user: Fate) -> Fate {
        match user {
            Fate::Deleted => Fate::Deleted,
            Fate::Refused(Safeguard::Clock) => Fate::Refused(Safeguard::Clock),
            _ => Fate::Refused(Safeguard::InUse),
        }
    }

    fn populate(&mut self, backend: usize, number: usize) {
        self.groups += 1;
        match self.random.u8(0..46) {
            0 => self.sandbox(backend, number),
            1..4 => self.used(backend, number),
            4..6 => self.cascade(backend, number),
            6..9 => self.unwanted(backend, number),
            9..11 => self.decoy(backend, number),
            11..15 => self.ends_somehow(backend, number),
            15..18 => self.labelled(backend, number),
            18..20 => self.young(backend, number),
            20 => self.quarantined(backend, number),
            21 => self.own(backend, number),
            22..25 => self.leased(backend, number),
            25..27 => self.odd(backend, number),
            27 => self.hidden(backend, number),
            28 => self.recorded(backend, number),
            29..31 => self.owned(backend, number),
            31..34 => self.unit(backend, number),
            34..36 => self.images(backend, number),
            36 => self.snapshots(backend, number),
            37..39 => self.vetoed(backend, number),
            39 => drop(self.put(backend, ours(volume(&format!("v{number}"))), Fate::Deleted)),
            40 => drop(self.put(
                backend,
                ours(container(&format!("c{number}")).state(State::Dead)),
                Fate::Deleted,
            )),
            _ => drop(self.put(
                backend,
                ours(container(&format!("c{number}"))),
                Fate::Deleted,
            )),
        }
    }

    fn sandbox(&mut self, backend: usize, number: usize) {
        let make = ours(sandbox(&format!("s{number}")));
        if self.random.bool() {
            // Stopped, it may be a machine in use.
            let fate = self.ended(false, Fate::Deleted);
            self.put(backend, make, fate);
            if fate == Fate::Deleted {
                self.spared(Safeguard::RunningWithoutForce);
            }
        } else {
            let fate = self.running(false);
            self.put(backend, make.running(), fate);
        }
    }

    /// Something, and what uses it.
    fn used(&mut self, backend: usize, number: usize) {
        let used = match self.random.u8(0..3) {
            0 => network(&format!("n{number}")),
            1 => volume(&format!("v{number}")),
            _ => image(&format!("i{number}")),
        };
        let user = container(&format!("u{number}"));
        let only_stopped = container(&format!("stop{number}")).running();
        let (user, fate) = match self.random.u8(0..4) {
            0 => (user, Fate::Deleted),
            1 => {
                let fate = self.running(false);
                (user.running(), fate)
            }
            // It is ended, and uses it all the same.
            2 => (only_stopped, self.ended(false, Fate::Stopped)),
            _ => (container(&format!("keep{number}")), Fate::Kept),
        };
        let used = self.put(backend, ours(used), Self::used_by(fate));
        if fate == Fate::Deleted {
            self.spared(Safeguard::InUse);
        }
        self.put(backend, ours(user.uses(&used)), fate);
    }

    /// A container that takes a volume along.
    fn cascade(&mut self, backend: usize, number: usize) {
        let data = ours(volume(&format!("a{number}")));
        let user = ours(container(&format!("t{number}")));
        let tomorrow = NOW.plus(DAY).to_string();
        let yesterday = NOW.minus(DAY).to_string();
        let (data, keeps) = match self.random.u8(0..4) {
            0 => (
                data.label("tbengine.protect", ""),
                Some(Safeguard::ProtectedLabel),
            ),
            1 => (
                data.label("tbengine.keep-until", tomorrow),
                Some(Safeguard::KeepUntil),
            ),
            2 => (data.label("tbengine.keep-until", yesterday), None),
            _ => (data, None),
        };
        let Some(safeguard) = keeps else {
            let data = self.put(backend, data, Fate::Deleted);
            self.put(backend, user.takes_along(&data), Fate::Deleted);
            self.spared(Safeguard::CascadeUnknown);
            return;
        };
        let data = self.put(backend, data, Fate::Refused(safeguard));
        self.sacred();
        // Where nothing proves whose the data is, the container goes alone.
        let fate = match self.claims() {
            _ if self.has_clock(backend) => Fate::Refused(Safeguard::Clock),
            true => Fate::Refused(safeguard),
            false => Fate::Deleted,
        };
        self.put(backend, user.takes_along(&data), fate);
        self.last().goes_with_others = true;
    }

    fn unwanted(&mut self, backend: usize, number: usize) {
        if self.random.bool() {
            self.put(
                backend,
                ours(container(&format!("keep{number}"))),
                Fate::Kept,
            );
            self.sacred();
        } else {
            let fate = self.unlabelled();
            self.put(backend, container(&format!("theirs{number}")), fate);
        }
    }

    /// What has to become of what carries no label of ours and has ended.
    fn unlabelled(&self) -> Fate {
        match self.claims() {
            true => Fate::Kept,
            false => Fate::Deleted,
        }
    }

    /// Something whose name is the id of another one.
    fn decoy(&mut self, backend: usize, number: usize) {
        let victim = ours(container(&format!("d{number}")));
        let victim = self.put(backend, victim, Fate::Deleted);
        let fate = self.unlabelled();
        self.put(backend, container(&victim.native), fate);
    }

    fn ends_somehow(&mut self, backend: usize, number: usize) {
        let slow = ms(self.random.u64(0..6000));
        let benchmark = Owner::Benchmark("harbor".into());
        let is_proven = self.random.bool();
        let (make, fate) = match self.random.u8(0..5) {
            0 => (
                container(&format!("stop{number}")).running(),
                self.ended(is_proven, Fate::Stopped),
            ),
            1 => (
                sandbox(&format!("cold{number}")).running(),
                self.ended(is_proven, Fate::Archived),
            ),
            2 => (
                container(&format!("deaf{number}")).running().ignores_stop(),
                self.running(is_proven),
            ),
            3 => (
                container(&format!("slow{number}"))
                    .running()
                    .ends_after(slow),
                self.running(is_proven),
            ),
            _ => (
                container(&format!("r{number}")).running(),
                self.running(is_proven),
            ),
        };
        let make = match is_proven {
            true => make.owner(benchmark),
            false => make,
        };
        self.put(backend, ours(make), fate);
        if is_proven {
            self.spared(Safeguard::UnprovenOwner);
        }
    }

    /// What people label to be kept, or not.
    fn labelled(&mut self, backend: usize, number: usize) {
        let make = ours(container(&format!("p{number}")));
        let (later, before) = (NOW.plus(DAY).to_string(), NOW.minus(DAY).to_string());
        let (key, value, safeguard, keeps) = match self.random.u8(0..6) {
            0 => (
                "tbengine.protect",
                "true".into(),
                Safeguard::ProtectedLabel,
                true,
            ),
            1 => (
                "tbengine.protect",
                String::new(),
                Safeguard::ProtectedLabel,
                true,
            ),
            2 => (
                "tbengine.protect",
                "false".into(),
                Safeguard::ProtectedLabel,
                false,
            ),
            3 => ("tbengine.keep-until", later, Safeguard::KeepUntil, true),
            4 => (
                "tbengine.keep-until",
                "soon".into(),
                Safeguard::KeepUntil,
                true,
            ),
            _ => ("tbengine.keep-until", before, Safeguard::KeepUntil, false),
        };
        self.guarded(backend, make.label(key, value), safeguard, keeps, true);
    }

    /// Something that a safeguard keeps, or would keep if it were a little otherwise.
    fn guarded(
        &mut self,
        backend: usize,
        make: Make,
        safeguard: Safeguard,
        keeps: bool,
        is_sacred: bool,
    ) {
        if keeps {
            self.put(backend, make, Fate::Refused(safeguard));
            self.last().is_sacred = is_sacred;
        } else {
            self.put(backend, make, Fate::Deleted);
            self.spared(safeguard);
        }
    }

    fn young(&mut self, backend: usize, number: usize) {
        let make = ours(container(&format!("young{number}")));
        let least = self.safeguards.min_age;
        let (make, old_at) = match self.random.u8(0..4) {
            0 => (make.created(ms(30_000)), Some(NOW.plus(ms(30_000)))),
            1 => (make.finished(ms(10_000)), Some(NOW.plus(ms(50_000)))),
            2 => (make.created_unknown(), None),
            _ => {
                self.put(backend, make.created(ms(120_000)), Fate::Deleted);
                self.spared(Safeguard::MinimumAge);
                return;
            }
        };
        let fate = match least.is_zero() {
            true => Fate::Deleted,
            false => Fate::Refused(Safeguard::MinimumAge),
        };
        self.put(backend, make, fate);
        let thing = self.last();
        if thing.fate == Fate::Refused(Safeguard::MinimumAge) {
            thing.old_at = old_at;
        }
    }

    fn quarantined(&mut self, backend: usize, number: usize) {
        let make = ours(container(&format!("q{number}")));
        let keeps = self.random.bool();
        self.guarded(backend, make, Safeguard::Quarantined, keeps, false);
        let identity = self.last().identity.clone();
        let entry = QuarantineEntry {
            runs: 3,
            last_run: "before".into(),
            reason: "it failed".into(),
        };
        self.parked.insert(IdentityKey::of(&identity), entry);
        if !keeps {
            self.released.push(identity.id().to_string());
        }
    }

    fn own(&mut self, backend: usize, number: usize) {
        let make = ours(container(&format!("own{number}")));
        let keeps = self.random.bool();
        self.guarded(backend, make, Safeguard::OwnContainer, keeps, true);
        let native = self.last().identity.native.clone();
        let own = match keeps {
            true => native,
            // Another id that begins in the same way.
            false => native[..12].to_owned(),
        };
        self.safeguards.own.containers.push(own);
    }

    fn leased(&mut self, backend: usize, number: usize) {
        let make = |run: &str| {
            ours(container(&format!("l{number}")))
                .label(RUN_ID_LABEL, run.to_owned())
                .owner(Owner::Run(run.into()))
        };
        let old = DAY * 31;
        match self.random.u8(0..6) {
            0 | 1 => self.guarded(backend, make("live"), Safeguard::LiveLease, true, true),
            2 => self.guarded(backend, make("over"), Safeguard::LiveLease, false, false),
            3 => {
                let fate = self.running(true);
                self.put(backend, make("over").running(), fate);
            }
            4 => self.guarded(
                backend,
                make("unknown"),
                Safeguard::UnknownLease,
                true,
                true,
            ),
            _ => {
                let make = make("unknown").created(old);
                self.guarded(backend, make, Safeguard::UnknownLease, false, false);
            }
        }
    }

    /// What could be read in part only, or in no known state.
    fn odd(&mut self, backend: usize, number: usize) {
        let make = ours(container(&format!("odd{number}")));
        let which = self.random.u8(0..4);
        match which {
            0 => {
                let make = make.state(State::Unknown);
                self.guarded(backend, make, Safeguard::UnknownState, true, false);
                return;
            }
            1 => {
                self.guarded(backend, make, Safeguard::UnknownState, false, false);
                return;
            }
            2 => self.guarded(backend, make.running(), Safeguard::Damaged, true, false),
            _ => {
                let keeps = !self.claims();
                self.guarded(backend, make, Safeguard::Damaged, keeps, false);
            }
        }
        let identity = self.last().identity.clone();
        let found = self.backends[backend].oracle().resource(&identity);
        let mut found = found.expect("it was just put there");
        found.damaged = Some(Damage {
            message: "its layer does not exist".into(),
            code: None,
        });
        self.backends[backend].insert_resource(found);
    }

    /// What the provider hides in place of deleting it.
    fn hidden(&mut self, backend: usize, number: usize) {
        let benchmark = Owner::Benchmark("harbor".into());
        let make = ours(sandbox(&format!("h{number}"))).owner(benchmark);
        if self.random.bool() {
            self.put(backend, make, Fate::Hidden);
            self.spared(Safeguard::Surrendered);
            let identity = self.last().identity.clone();
            self.backends[backend].surrenders(&identity);
            return;
        }
        self.guarded(backend, make, Safeguard::Surrendered, true, false);
        let identity = self.last().identity.clone();
        let found = self.backends[backend].oracle().resource(&identity);
        let mut found = found.expect("it was just put there");
        found.surrendered = true;
        self.backends[backend].insert_resource(found);
    }

    /// A record of a kind that may mean anything.
    fn recorded(&mut self, backend: usize, number: usize) {
        let make = ours(resource(BUILD_CACHE, &format!("b{number}")));
        let info = self.backends[backend].oracle().kind(BUILD_CACHE);
        let is_unknown = info.is_some_and(|info| info.class == Class::Other);
        self.guarded(backend, make, Safeguard::UnknownClass, is_unknown, false);
    }

    fn owned(&mut self, backend: usize, number: usize) {
        let make = ours(container(&format!("o{number}")));
        let (owner, keeps) = match self.random.bool() {
            true => ("kind", !self.claims()),
            false => ("testcontainers", false),
        };
        let owner = match owner {
            "kind" => Owner::Kept(owner.into()),
            _ => Owner::Other(owner.into()),
        };
        self.guarded(
            backend,
            make.owner(owner),
            Safeguard::KeptOwner,
            keeps,
            false,
        );
    }

    /// A unit with a member that runs and one that does not.
    fn unit(&mut self, backend: usize, number: usize) {
        let unit = format!("unit{number}");
        let keeps = self.random.bool();
        let (runs, fate) = match keeps {
            true => (container(&format!("keep{number}")), Fate::Kept),
            false => (container(&format!("m{number}")), self.running(false)),
        };
        self.put(backend, ours(runs.running().unit(&*unit)), fate);
        let other = match fate {
            Fate::Deleted => Fate::Deleted,
            _ => Fate::Refused(Safeguard::LiveUnit),
        };
        let members = [
            container(&format!("e{number}")),
            volume(&format!("f{number}")),
        ];
        for member in members {
            self.put(backend, ours(member.unit(&*unit)), other);
            if other == Fate::Deleted {
                self.spared(Safeguard::LiveUnit);
            }
        }
        // Many units share an image, so it does not live with one of them.
        let built = ours(image(&format!("g{number}"))).unit(&*unit);
        self.put(backend, built, Fate::Deleted);
    }

    /// An image, and one that was built on it.
    fn images(&mut self, backend: usize, number: usize) {
        let (child, fate) = match self.random.bool() {
            true => (image(&format!("child{number}")), Fate::Deleted),
            false => (image(&format!("keep{number}")), Fate::Kept),
        };
        let base = ours(image(&format!("base{number}")));
        let base = self.put(backend, base, Self::used_by(fate));
        if fate == Fate::Deleted {
            self.spared(Safeguard::InUse);
        }
        self.put(backend, ours(child.uses(&base)), fate);
    }

    fn snapshots(&mut self, backend: usize, number: usize) {
        let base = ours(snapshot(&format!("snap{number}")));
        if self.random.bool() {
            self.put(backend, base, Fate::Deleted);
            return;
        }
        let fate = self.running(false);
        let base = self.put(backend, base, Self::used_by(fate));
        let user = ours(sandbox(&format!("s{number}")).running().uses(&base));
        self.put(backend, user, fate);
    }

    /// What a veto takes away, and what that uses.
    fn vetoed(&mut self, backend: usize, number: usize) {
        let fate = match self.veto {
            Vetoing::ByName => Fate::Refused(Safeguard::Veto),
            Vetoing::None | Vetoing::Fails => Fate::Deleted,
        };
        let data = ours(volume(&format!("v{number}")));
        let data = self.put(backend, data, Self::used_by(fate));
        let user = ours(container(&format!("veto{number}")).uses(&data));
        self.put(backend, user, fate);
    }

    /// What is known besides what is listed.
    fn know(&mut self) {
        self.facts.live = vec![LiveLease {
            id: "live".into(),
            terms: Terms::default(),
            images: HashSet::new(),
        }];
        self.facts.over = BTreeSet::from(["over".to_owned()]);
        let parked = std::mem::take(&mut self.parked);
        self.facts.quarantine = Quarantine::new(parked).releasing(&self.released);
        if self.random.u8(0..30) == 0 {
            let what = "lease x: it is damaged";
            self.facts.unreadable.push(what.into());
        }
    }

    /// How far a plan may go.
    fn limit(&mut self, random: &mut fastrand::Rng) {
        match random.u8(0..10) {
            // The default, which nobody sets.
            0..3 => {}
            3 => {
                let steps = self.things.len() as u64;
                let most = random.u64(0..steps + 2);
                self.safeguards.max_delete = Some(MaxDelete::Count(most as usize));
            }
            4 => {
                let most = random.u8(0..=100);
                self.safeguards.max_delete = Some(MaxDelete::Percent(most));
            }
            _ => self.safeguards.max_unproven_running = usize::MAX,
        }
    }

    /// The operator looks at what was refused as a whole, and wants it all the same.
    pub fn lift_limits(&mut self) {
        self.safeguards.max_delete = None;
        self.safeguards.max_unproven_running = usize::MAX;
        self.facts.unreadable.clear();
        if self.veto == Vetoing::Fails {
            self.veto = Vetoing::None;
        }
    }

    /// What the operator wants.
    pub fn policy(&self) -> Eager {
        Eager::new(self.force, self.grace)
    }

    /// An engine over the providers.
    pub fn engine(&self, apply: ApplyOptions, run: &str) -> Engine {
        let options = EngineOptions {
            run: run.into(),
            now: self.backends[0].now(),
            scope: self.scope.clone(),
            sizes: false,
            account_of_nothing: true,
            safeguards: self.safeguards.clone(),
            apply,
        };
        let vetoes: Vec<Arc<dyn Veto>> = match self.veto {
            Vetoing::None => Vec::new(),
            Vetoing::ByName => vec![Arc::new(ByName::new(false))],
            Vetoing::Fails => vec![Arc::new(ByName::new(true))],
        };
        let engine = Engine::new(open(&self.backends), options).with_vetoes(vetoes);
        match self.follows {
            true => engine.following(),
            false => engine,
        }
    }

    /// Lets everything go wrong that this seed has in store.
    pub fn spoil(&mut self) {
        let swarm = self.swarm;
        for number in 0..self.backends.len() {
            let backend = self.backends[number].clone();
            let random = &mut self.random;
            let chaos = chaos(random, swarm);
            self.haunted |= !chaos.ghosts.is_zero();
            self.lies |= chaos.missed_in_list > 0.0;
            self.lied |= self.lies;
            backend.chaos(chaos, self.seed.wrapping_add(number as u64));
            let now = since_opened(&backend);
            if swarm.has(fault::OUTAGE) && random.bool() {
                let from = now + ms(random.u64(0..3000));
                // Once in a while longer than anybody waits for it.
                let most = match random.u8(0..10) {
                    0 => MAX_OUTAGE_MS * 10,
                    _ => MAX_OUTAGE_MS,
                };
                backend.outage(from..from + ms(random.u64(0..most)));
            }
            if swarm.has(fault::RATE_LIMIT) && random.u8(0..4) == 0 {
                backend.rate_limit(random.u32(2..50), random.u32(1..20));
            }
            if swarm.has(fault::SLOW) && random.u8(0..8) == 0 {
                // Longer than an accepted deletion may take.
                backend.deletion_takes(ms(random.u64(50_000..200_000)));
            }
            if swarm.has(fault::UNLISTED) && random.u8(0..4) == 0 {
                let kinds = [
                    Kind::CONTAINER,
                    Kind::SANDBOX,
                    Kind::VOLUME,
                    Kind::NETWORK,
                    Kind::IMAGE,
                ];
                let kind = kinds[random.usize(0..kinds.len())];
                let broken = Error::new(ErrorKind::Internal, "broken listing");
                let listing = backend.script(Operation::List).of_kind(kind);
                listing.then(Fault::Answer(broken));
            }
            if swarm.has(fault::SCRIPTS) {
                for _ in 0..random.usize(0..3) {
                    self.script(number);
                }
            }
        }
        for _ in 0..self.random.usize(0..6) {
            if let Some((backend, change)) = self.change() {
                let memory = &self.backends[backend];
                let at = since_opened(memory) + ms(self.random.u64(0..4000));
                memory.change_at(at, change);
            }
        }
    }

    /// Something that goes wrong with a few calls.
    fn script(&mut self, backend: usize) {
        let change = self.change().filter(|(place, _)| *place == backend);
        let random = &mut self.random;
        let operations = [
            Operation::Delete,
            Operation::Delete,
            Operation::Stop,
            Operation::Get,
        ];
        let operation = operations[random.usize(0..operations.len())];
        let answer = |kind| Fault::Answer(Error::new(kind, "the script says so"));
        let kinds = [
            ErrorKind::Conflict,
            ErrorKind::Dependency,
            ErrorKind::Denied,
            ErrorKind::Invalid,
            ErrorKind::Forbidden,
            ErrorKind::Unsupported,
            ErrorKind::Stuck,
            ErrorKind::Internal,
        ];
        // A read that says that nothing is there has the last word, so none of them does.
        let fault = match (random.u8(0..9), operation) {
            (0, _) => Fault::Panic,
            (1, _) => Fault::RequestLost,
            (2, _) => Fault::ReplyLost,
            (3, _) => Fault::Hang(ms(random.u64(0..300_000))),
            (4, _) => match change {
                Some((_, change)) => Fault::Meanwhile(change),
                None => Fault::transient(),
            },
            (5, Operation::Delete) => Fault::LateEffect(ms(random.u64(0..90_000))),
            (6, Operation::Delete) => Fault::InProgressThenGone(ms(random.u64(0..90_000))),
            (7, Operation::Delete | Operation::Stop) => Fault::ConfirmedWithoutEffect,
            _ => answer(kinds[random.usize(0..kinds.len())]),
        };
        let first = random.u32(1..6);
        let last = match random.u8(0..8) {
            0 => u32::MAX,
            _ => first + random.u32(0..4),
        };
        let memory = &self.backends[backend];
        memory.script(operation).calls(first..=last).then(fault);
    }

    /// What someone else does.
    fn change(&mut self) -> Option<(usize, ExternalChange)> {
        let place = self.random.usize(0..self.things.len());
        let Thing {
            backend,
            identity: victim,
            group,
            ..
        } = self.things[place].clone();
        let random = &mut self.random;
        let which = random.u32(0..10);
        if !self.swarm.has(fault::CHANGES + which) {
            return None;
        }
        let change = match which {
            0 => ExternalChange::Restart(victim),
            // Where changes are followed no id is ever used twice.
            1 if !self.follows => ExternalChange::Recreate(victim),
            2 => ExternalChange::SetState(victim, State::Paused),
            3 => ExternalChange::SetState(victim, State::Unknown),
            // One is named like the victim's id, the other has its id.
            4 => ExternalChange::Create(Box::new(newcomer(&victim.native))),
            5 if !self.follows => {
                ExternalChange::Create(Box::new(newcomer("again").native(&*victim.native)))
            }
            6 if victim.kind == Kind::IMAGE => {
                ExternalChange::Name(victim, "registry/other:1".into())
            }
            7 => ExternalChange::Label(victim, "tbengine.protect".into(), String::new()),
            8 if victim.kind == Kind::CONTAINER => ExternalChange::End(victim, 0),
            _ => ExternalChange::Delete(victim),
        };
        self.touched.insert(group);
        Some((backend, change))
    }

    /// Ends all that goes wrong.
    pub fn heal(&mut self) {
        for backend in &self.backends {
            backend.heal();
            backend.deletion_takes(Duration::ZERO);
        }
        self.lies = false;
    }
}

fn ours(make: Make) -> Make {
    make.label(OURS.0, OURS.1)
}

fn newcomer(name: &str) -> Make {
    ours(container(name)).created(Duration::ZERO)
}

/// The name of a backend.
pub fn name(number: usize) -> String {
    format!("backend-{number}")
}

/// The providers, open.
pub fn open(backends: &[Memory]) -> Vec<OpenBackend> {
    let open = backends.iter().enumerate();
    open.map(|(number, backend)| {
        OpenBackend::new(name(number), "memory", Arc::new(backend.clone()))
    })
    .collect()
}

fn since_opened(memory: &Memory) -> Duration {
    let milliseconds = memory.now().as_unix_ms() - NOW.as_unix_ms();
    ms(u64::try_from(milliseconds).unwrap_or_default())
}

/// Which faults, and how many.
fn chaos(random: &mut fastrand::Rng, swarm: Swarm) -> Chaos {
    if random.u8(0..8) == 0 {
        return Chaos::default();
    }
    let mut number = 0;
    let mut some = |most: f64| {
        let rate = random.f64() * most;
        number += 1;
        if swarm.has(number) { rate } else { 0.0 }
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
    let ghosts = if swarm.has(0) && random.bool() {
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
