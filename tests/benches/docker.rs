//! How fast tbengine cleans a real dockerd, beside `docker rm -f` and `docker container prune` on the same containers.
//!
//! Every figure is a ratio of two times taken one after the other on one private daemon.
//! `cargo bench -p tbengine-tests --bench docker [-- --rounds 3] [--only start|guard|running|busy|exited|grace]`

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use support::{Program, figure, median, row};
use tbengine_dockerd::Dockerd;

fn main() {
    let rounds = support::argument("--rounds", 3);
    let program = Program::build();
    let start = || match Dockerd::start() {
        Ok(daemon) => daemon,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(1);
        }
    };
    println!(
        "{:<58} {:>10} {:>10} {:>7} {:>9}",
        "", "tbengine", "docker", "ratio", "target"
    );
    let only = std::env::args().skip_while(|word| word != "--only").nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if wanted("start") {
        start_up(&start(), &program, rounds * 7);
    }
    if wanted("guard") {
        overhead(&start(), &program, rounds * 7);
    }
    let daemon = start();
    let running = |daemon: &Dockerd| populate(daemon, 60, &["sleep", "100000"], true);
    if wanted("running") {
        let name = "60 running containers, killed";
        compare(name, &daemon, &program, rounds, running, 0, 1.0);
    }
    if wanted("busy") {
        let name = "60 running, killed beside 16 busy processes";
        let _busy: Vec<Busy> = (0..16).map(|_| Busy::start()).collect();
        compare(name, &daemon, &program, rounds, running, 0, 1.0);
    }
    if wanted("exited") {
        exited(&daemon, &program, rounds);
    }
    if wanted("grace") {
        grace(&daemon, &program, rounds);
    }
}

/// The start of `tbengine list` beside that of `docker ps -a`. Whatever is there has to be identified, for
/// which the daemon's id is asked for; that request alone takes it some 10 ms.
fn start_up(daemon: &Dockerd, program: &Program, rounds: usize) {
    list_and_ps(
        "start: list / docker ps -a, one image",
        daemon,
        program,
        rounds,
    );
    let images = daemon.docker(&["images", "-q", "--no-trunc"]);
    for image in images.lines() {
        daemon.docker(&["rmi", "-f", image]);
    }
    list_and_ps(
        "start: list / docker ps -a, empty daemon",
        daemon,
        program,
        rounds,
    );
}

/// What a guard takes before its command runs, and after it has ended. Nothing runs there but the image.
fn overhead(daemon: &Dockerd, program: &Program, rounds: usize) {
    const TARGET_MS: f64 = 150.0;
    let host = daemon.host();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let began = SystemTime::now();
        let mut command = program.command(&["guard", "--", "date", "+%s%N"]);
        let output = command.env("DOCKER_HOST", &host).output();
        let output = output.expect("the program starts");
        let ended = SystemTime::now();
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8_lossy(&output.stdout).trim().parse();
        let ran = SystemTime::UNIX_EPOCH + Duration::from_nanos(told.expect("a time"));
        before.push(ran.duration_since(began).unwrap_or_default());
        after.push(ended.duration_since(ran).unwrap_or_default());
    }
    for (name, times) in [("start", before), ("end", after)] {
        let ms = median(times).as_secs_f64() * 1000.0;
        figure(
            &format!("guard: overhead at the {name} of a command"),
            ms,
            "ms",
            TARGET_MS,
            true,
        );
    }
}

fn list_and_ps(name: &str, daemon: &Dockerd, program: &Program, rounds: usize) {
    let host = daemon.host();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(program.time(&["list", "--backend", "docker"], &[("DOCKER_HOST", &host)]));
        theirs.push(timed(|| daemon.docker(&["ps", "-a"])));
    }
    row(name, median(ours), median(theirs), 1.0);
}

/// Deletes one set of containers with tbengine and an equal set with docker, in turn.
fn compare(
    name: &str,
    daemon: &Dockerd,
    program: &Program,
    rounds: usize,
    populate: impl Fn(&Dockerd),
    grace_seconds: u32,
    target: f64,
) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // In turn, so that neither side always meets the colder daemon.
        for side in [round % 2, (round + 1) % 2] {
            populate(daemon);
            if side == 0 {
                ours.push(clean(daemon, program, grace_seconds));
            } else {
                theirs.push(docker_rm(daemon));
            }
        }
    }
    row(name, median(ours), median(theirs), target);
}

/// Deletes 1,000 exited containers with tbengine, with `docker rm -f` and with `docker container prune`, in turn. They are
/// made once: before each deletion the daemon gets the same files back.
fn exited(daemon: &Dockerd, program: &Program, rounds: usize) {
    populate(daemon, 1000, &["true"], true);
    let kept = Kept::of(daemon);
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..rounds {
        // In turn, so that none always comes first.
        for turn in 0..times.len() {
            let side = (round + turn) % times.len();
            kept.restore(daemon);
            times[side].push(match side {
                0 => clean(daemon, program, 0),
                1 => docker_rm(daemon),
                _ => docker_prune(daemon),
            });
        }
    }
    let [ours, removed, pruned] = times.map(median);
    row("1,000 exited containers / docker rm -f", ours, removed, 1.0);
    row(
        "1,000 exited containers / container prune",
        ours,
        pruned,
        0.5,
    );
}

/// A copy of all that a daemon manages.
struct Kept {
    copy: PathBuf,
}

impl Kept {
    fn of(daemon: &Dockerd) -> Self {
        let copy = daemon.data_root().with_extension("kept");
        daemon.terminate();
        copy_tree(&daemon.data_root(), &copy);
        daemon.restart().expect("the daemon starts again");
        Self { copy }
    }

    /// Lets the daemon start with the copy in place of what it has now.
    fn restore(&self, daemon: &Dockerd) {
        daemon.terminate();
        std::fs::remove_dir_all(daemon.data_root()).expect("its files can be removed");
        copy_tree(&self.copy, &daemon.data_root());
        // What has not been written yet would be written while the deletion is timed.
        let synced = Command::new("sync").status().expect("sync runs");
        assert!(synced.success());
        daemon.restart().expect("the daemon starts again");
    }
}

fn copy_tree(from: &Path, to: &Path) {
    let mut copying = Command::new("cp");
    let status = copying.arg("-a").args([from, to]).status();
    assert!(status.expect("cp runs").success(), "the files are copied");
}

/// A process that keeps a processor busy until it is dropped.
struct Busy(Child);

impl Busy {
    fn start() -> Self {
        let mut endless = Command::new("sh");
        endless.args(["-c", "while :; do :; done"]);
        Self(endless.stdin(Stdio::null()).spawn().expect("sh runs"))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// What ignores SIGTERM gets two seconds; the forced removal by docker is the measure for the rest.
fn grace(daemon: &Dockerd, program: &Program, rounds: usize) {
    let (mut ours, mut forced) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        // A sleep that is process 1 ignores SIGTERM.
        populate(daemon, 100, &["sleep", "100000"], true);
        ours.push(clean(daemon, program, 2).saturating_sub(Duration::from_secs(2)));
        populate(daemon, 100, &["sleep", "100000"], true);
        forced.push(docker_rm(daemon));
    }
    row(
        "100 that ignore SIGTERM, 2 s grace (without the 2 s)",
        median(ours),
        median(forced),
        1.5,
    );
}

fn clean(daemon: &Dockerd, program: &Program, grace_seconds: u32) -> Duration {
    let grace = format!("{grace_seconds}s");
    let host = daemon.host();
    let took = program.time(
        &[
            "run",
            "--backend",
            "docker",
            "--policy",
            "aggressive",
            "--label",
            "bench",
            "--kind",
            "container",
            "--set",
            "running-older-than=0s",
            "--min-age",
            "0s",
            "--stop-timeout",
            &grace,
            "--max-delete",
            "100%",
        ],
        &[("DOCKER_HOST", &host)],
    );
    assert_eq!(
        daemon.docker(&["ps", "-aq"]),
        "",
        "tbengine left containers behind"
    );
    took
}

fn docker_rm(daemon: &Dockerd) -> Duration {
    let took = timed(|| {
        let ids = daemon.docker(&["ps", "-aq"]);
        let mut command = vec!["rm", "-f"];
        command.extend(ids.lines());
        daemon.docker(&command)
    });
    assert_eq!(daemon.docker(&["ps", "-aq"]), "");
    took
}

fn docker_prune(daemon: &Dockerd) -> Duration {
    let took = timed(|| daemon.docker(&["container", "prune", "-f"]));
    assert_eq!(daemon.docker(&["ps", "-aq"]), "");
    took
}

fn timed<T>(what: impl FnOnce() -> T) -> Duration {
    let begin = Instant::now();
    what();
    begin.elapsed()
}

/// Makes containers, a few at a time.
fn populate(daemon: &Dockerd, count: usize, command: &[&str], start: bool) {
    const AT_ONCE: usize = 4;
    std::thread::scope(|scope| {
        for worker in 0..AT_ONCE {
            scope.spawn(move || {
                for _ in (worker..count).step_by(AT_ONCE) {
                    let options = ["--label", "bench", "--network", "none"];
                    if start {
                        daemon.run(&options, command);
                    } else {
                        daemon.create(&options, command);
                    }
                }
            });
        }
    });
    // What is to have ended has to have ended.
    if command == ["true"] {
        while !daemon.docker(&["ps", "-q"]).is_empty() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
