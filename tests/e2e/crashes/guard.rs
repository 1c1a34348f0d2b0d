//! `kill -9` of a guard, its reaper or both, over a real dockerd and the fake Daytona service at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tbengine_dockerd::Dockerd;
use tbengine_fake_daytona::{FakeDaytona, Settings, sandbox};
use tbengine_harness::processes::keepers;
use tbengine_harness::{Home, eventually};
use tokio::runtime::Runtime;

/// How long after the death of a guard its reaper may need.
pub(crate) const GONE_WITHIN: Duration = Duration::from_secs(13);
/// How many rounds go on side by side. What one makes is foreign to the others.
const SIDE_BY_SIDE: usize = 4;

const CREATE: &str = "\
import json, os, urllib.request
labels = {'tbengine.run-id': os.environ['TBENGINE_RUN_ID']}
request = urllib.request.Request(os.environ['DAYTONA_API_URL'] + '/sandbox', json.dumps({'labels': labels}).encode())
request.add_header('Authorization', 'Bearer ' + os.environ['DAYTONA_API_KEY'])
request.add_header('Content-Type', 'application/json')
urllib.request.urlopen(request).read()
";

/// What became of a series of kills.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// How many rounds there were.
    pub(crate) rounds: usize,
    /// How many processes were killed.
    pub(crate) kills: usize,
    /// In how many rounds something was there to clean up when it happened.
    pub(crate) made: usize,
    /// In how many rounds the next run had to do it.
    pub(crate) left_over: usize,
    /// How long it took until everything was gone, where only the guard was killed.
    pub(crate) reaped: Vec<Duration>,
    /// What was violated.
    pub(crate) violations: Vec<String>,
}

/// Whom to kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Guard,
    Reaper,
    Both,
}

struct World<'a> {
    daemon: &'a Dockerd,
    fake: FakeDaytona,
    path: &'a Path,
    cache: &'a Path,
    foreign_containers: BTreeSet<String>,
    foreign_sandboxes: BTreeSet<String>,
}

/// So many rounds, from this seed on.
pub(crate) fn kill(
    daemon: &Dockerd,
    path: &Path,
    cache: &Path,
    rounds: usize,
    seed: u64,
) -> Series {
    let runtime = Runtime::new().expect("a runtime");
    let settings = Settings {
        sandboxes: 0,
        seed,
        ..Settings::default()
    };
    let fake = runtime.block_on(FakeDaytona::start(settings));
    let fake = fake.expect("the service starts");
    let others = ["--label", "tbengine.run-id=of-someone-else"];
    let foreign_containers = [daemon.run_sleeper(&[]), daemon.run_sleeper(&others)];
    let other = || sandbox().label("tbengine.run-id", "of-someone-else");
    let foreign_sandboxes = [fake.put(sandbox()), fake.put(other())];
    let world = World {
        daemon,
        fake,
        path,
        cache,
        foreign_containers: foreign_containers.into(),
        foreign_sandboxes: foreign_sandboxes.into(),
    };
    let next = AtomicUsize::new(0);
    let series = Mutex::new(Series::default());
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE.min(rounds) {
            scope.spawn(|| {
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    if round >= rounds {
                        return;
                    }
                    let mut random = fastrand::Rng::with_seed(seed.wrapping_add(round as u64));
                    let ended = Round::new(&world, round).play(&mut random);
                    let mut series = series.lock().unwrap_or_else(PoisonError::into_inner);
                    series.rounds += 1;
                    match ended {
                        Ok(played) => series.add(&played),
                        Err(why) => series.violations.push(format!("round {round}: {why}")),
                    }
                }
            });
        }
    });
    series.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Series {
    fn add(&mut self, played: &Played) {
        self.kills += played.kills;
        self.made += usize::from(played.made);
        self.left_over += usize::from(played.left_over);
        self.reaped.extend(played.reaped);
    }
}

#[derive(Debug, Default)]
struct Played {
    kills: usize,
    made: bool,
    left_over: bool,
    reaped: Option<Duration>,
}

struct Round<'a> {
    world: &'a World<'a>,
    program: Home,
    id: String,
    /// Whether the kill comes once something was made, and not at any time.
    is_awaited: bool,
}

/// The file that says that something was made.
const MADE: &str = "made";
/// The file that lets a command go on that outlives the kill.
const KILLED: &str = "killed";

impl<'a> Round<'a> {
    fn new(world: &'a World<'a>, round: usize) -> Self {
        let program = Home::new(world.path, world.cache)
            .with_path()
            .docker(&world.daemon.host())
            .var("DAYTONA_API_URL", world.fake.url())
            .var("DAYTONA_API_KEY", world.fake.key())
            .var("TBENGINE_BACKEND", "docker,daytona");
        program.write("create.py", CREATE);
        Self {
            world,
            program,
            id: format!("round-{round}"),
            is_awaited: round.is_multiple_of(2),
        }
    }

    /// One guard, one kill, and whatever has to go on.
    fn play(&self, random: &mut fastrand::Rng) -> Result<Played, String> {
        let mut played = Played::default();
        let script = self.script(random);
        let victim = random.choice([Victim::Guard, Victim::Reaper, Victim::Both]);
        let victim = victim.unwrap_or(Victim::Both);
        let wait = Duration::from_millis(random.u64(0..2500));
        let arguments = ["guard", "--settle-time", "1s", "--run-id", &self.id, "--"];
        let mut guard = self.start(&[&arguments[..], &["sh", "-c", &script]].concat());
        if self.is_awaited {
            let made = self.program.path(MADE);
            eventually("something is made", || made.exists());
            played.made = self.left() > 0;
        } else {
            std::thread::sleep(wait);
        }
        played.kills = self.kill(&mut guard, victim);
        let death = Instant::now();
        self.program.write(KILLED, "");
        played.made |= self.left() > 0;
        if victim == Victim::Reaper {
            let status = guard.wait().map_err(|error| error.to_string())?;
            // One that dies before it is ready keeps the command from being started.
            if !status.success() && (played.made || status.code() != Some(1)) {
                return Err(format!("without its reaper the guard ended with {status}"));
            }
        } else {
            guard.wait().map_err(|error| error.to_string())?;
        }
        while self.status() == Some("live".into()) && death.elapsed() < GONE_WITHIN {
            std::thread::sleep(Duration::from_millis(100));
        }
        match self.status().as_deref() {
            // It was killed before it had taken the lease, so the command was not started.
            None | Some("ended") => {}
            Some("expired") if victim != Victim::Reaper => {
                played.left_over = true;
                let output = self.program.run(&["run", "--yes", "--label", "no=such"]);
                if output.code != 0 {
                    return Err(format!("the next run ended with {output:?}"));
                }
            }
            other => {
                return Err(format!(
                    "{:?} after the lease is {other:?}",
                    death.elapsed()
                ));
            }
        }
        if victim == Victim::Guard && !played.left_over {
            played.reaped = Some(death.elapsed());
        }
        match self.left() {
            0 => {}
            left => return Err(format!("{victim:?}: {left} are left")),
        }
        if !matches!(self.status().as_deref(), None | Some("ended")) {
            return Err(format!("the lease is {:?} in the end", self.status()));
        }
        self.foreign_are_whole()?;
        Ok(played)
    }

    /// Makes a few things, one after the other or side by side, and then stays for a while or goes.
    fn script(&self, random: &mut fastrand::Rng) -> String {
        let mut parts: Vec<String> = Vec::new();
        for number in 0..random.usize(0..4) {
            let make = match random.u8(0..4) {
                0 => format!(
                    "docker network create {}-{number} >/dev/null",
                    self.id
                ),
                1 | 2 => "docker run -d --volume data-$TBENGINE_RUN_ID:/data --volume /anonymous busybox sleep 100000 >/dev/null".to_owned(),
                _ => "python3 create.py".to_owned(),
            };
            let after = if random.bool() { " & true" } else { "" };
            parts.push(format!("{make}{after}"));
        }
        if random.bool() {
            parts.push("(setsid sh -c \"trap '' TERM; sleep 1000\" &)".into());
        }
        if self.is_awaited {
            let id = &self.id;
            parts.push(format!(
                "docker network create {id}-last >/dev/null && echo > {MADE}; until [ -e {KILLED} ]; do sleep 0.1; done"
            ));
        }
        let last = random.choice(["true", "sleep 1", "sleep 4"]);
        parts.push(last.unwrap_or("true").into());
        parts.join("; ")
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.program.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the program starts")
    }

    fn kill(&self, guard: &mut Child, victim: Victim) -> usize {
        let mut kills = 0;
        // Who dies first must make no difference, so both orders occur: by the number of the round.
        if victim != Victim::Guard {
            kills += self.kill_reaper();
        }
        if victim != Victim::Reaper {
            kills += usize::from(matches!(guard.try_wait(), Ok(None)));
            guard.kill().ok();
        }
        // One that was being started when the first look was taken.
        if victim == Victim::Both {
            kills += self.kill_reaper();
        }
        kills
    }

    fn kill_reaper(&self) -> usize {
        let killed = |pid: &Pid| kill_process(*pid, Signal::KILL).is_ok();
        keepers(&self.id).iter().filter(|pid| killed(pid)).count()
    }

    /// What carries the id of this round, in both places.
    fn left(&self) -> usize {
        let filter = format!("label=tbengine.run-id={}", self.id);
        let lines = |words: &[&str]| self.world.daemon.docker(words).lines().count();
        let containers = lines(&["ps", "--all", "--quiet", "--filter", &filter]);
        let networks = lines(&["network", "ls", "--quiet", "--filter", &filter]);
        let live = self.world.fake.with(|cloud, _| cloud.live());
        let ours =
            |labels: &BTreeMap<String, String>| labels.get("tbengine.run-id") == Some(&self.id);
        let volumes = lines(&["volume", "ls", "--quiet", "--filter", &filter]);
        containers + networks + volumes + live.iter().filter(|one| ours(&one.labels)).count()
    }

    /// The status of the lease, if it was taken.
    fn status(&self) -> Option<String> {
        let (leases, _) = self.program.json(&["lease", "list"]);
        let leases = leases.as_array()?.iter();
        let lease = leases
            .into_iter()
            .find(|lease| lease["id"] == self.id.as_str())?;
        lease["status"].as_str().map(str::to_owned)
    }

    fn foreign_are_whole(&self) -> Result<(), String> {
        let there = self
            .world
            .daemon
            .docker(&["ps", "--no-trunc", "--format", "{{.ID}}"]);
        let there: BTreeSet<String> = there.lines().map(str::to_owned).collect();
        let live: BTreeSet<String> = self.world.fake.live().into_iter().collect();
        let World {
            foreign_containers: containers,
            foreign_sandboxes: sandboxes,
            ..
        } = self.world;
        if containers.is_subset(&there) && sandboxes.is_subset(&live) {
            return Ok(());
        }
        Err("something foreign is gone".into())
    }
}
