//! `lease`: taking, renewing, listing and ending them, over the simulated provider.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStdin, Stdio};

use serde_json::Value;
use tbengine_harness::{Home, eventually};

use crate::home;

/// Takes a lease, and answers its id.
fn acquire(host: &Home, args: &[&str]) -> String {
    let taken = host.run(&[&["lease", "acquire"], args].concat());
    taken.with_code(0).stdout.trim().to_owned()
}

/// The leases as JSON, by id and standing.
fn listed(host: &Home) -> Vec<(String, String)> {
    let all = host
        .run(&["lease", "list", "-O", "json"])
        .with_code(0)
        .json();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let all = all.as_array().unwrap().iter();
    all.map(|one| (text(one, "id"), text(one, "status")))
        .collect()
}

fn pair(id: &str, standing: &str) -> (String, String) {
    (id.to_owned(), standing.to_owned())
}

#[test]
fn a_lease_is_taken_renewed_listed_and_released() {
    let host = home().memory("");
    let none = host.run(&["lease", "list"]).with_code(0).stdout;
    assert_eq!(none.trim(), "No leases.");
    let id = acquire(&host, &["--ttl", "10m"]);
    assert_eq!(listed(&host), [pair(&id, "live")]);
    let before = host.run(&["lease", "list", "-O", "json"]).json();
    assert_eq!(before[0]["label"], format!("tbengine.run-id={id}"));
    assert_eq!(before[0]["claim"]["ttl-ms"], 600_000);

    let renewed = host
        .run(&["lease", "renew", &id, "-O", "json"])
        .with_code(0);
    let expires = |lease: &Value| lease["claim"]["expires-ms"].as_u64().unwrap();
    assert!(expires(&renewed.json()) > expires(&before[0]));
    assert_eq!(host.run(&["lease", "renew", &id]).with_code(0).stdout, "");

    let csv = host
        .run(&["lease", "list", "-O", "csv"])
        .with_code(0)
        .stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "id,status,created,expires,backends,command");
    assert!(lines[1].starts_with(&format!("{id},live,")), "{csv}");

    let released = host.run(&["lease", "release", &id, "-O", "json"]);
    let released = released.with_code(0).json();
    assert_eq!(
        (&released["lease"], &released["ended"]),
        (&id.as_str().into(), &true.into())
    );
    assert_eq!(
        (&released["deleted"], &released["failed"]),
        (&0.into(), &0.into())
    );
    assert_eq!(listed(&host), [pair(&id, "ended")]);
    host.run(&["lease", "release", &id])
        .with_code(0)
        .says("has already ended");
    host.run(&["lease", "renew", &id])
        .with_code(5)
        .says(&format!("lease {id} has expired"))
        .says("acquire a new lease");
}

#[test]
fn what_was_there_before_outlives_every_lease() {
    let host = home().memory("");
    let count = || {
        let listed = host.run(&["list", "-O", "json"]).with_code(0).json();
        listed["resources"].as_array().unwrap().len()
    };
    let before = count();
    // A label that many of them have.
    let id = acquire(
        &host,
        &[
            "--label",
            "com.docker.compose.project",
            "--own",
            "created-during-run",
        ],
    );
    let released = host
        .run(&["lease", "release", &id, "-O", "json"])
        .with_code(0)
        .json();
    assert_eq!(
        (&released["ended"], &released["deleted"]),
        (&true.into(), &0.into())
    );
    assert_eq!(count(), before);
}

#[test]
fn the_next_run_ends_a_lease_whose_time_is_over() {
    let host = home().memory("");
    let short = acquire(&host, &["--ttl", "1ms", "--run-id", "short"]);
    let long = acquire(&host, &["--run-id", "long"]);
    assert_eq!(
        listed(&host),
        [pair(&long, "live"), pair(&short, "expired")]
    );
    host.run(&["lease", "renew", &short])
        .with_code(5)
        .says("lease short has expired");
    host.run(&["run", "--yes", "--kind", "volume", "--policy", "default"])
        .with_code(0)
        .says("lease short expired and its holder did not clean up");
    assert_eq!(listed(&host), [pair(&long, "live"), pair(&short, "ended")]);
}

#[test]
fn a_lease_is_not_ended_by_who_looks_at_another_account() {
    let host = home().memory("seed = 1");
    acquire(&host, &["--ttl", "1ms", "--run-id", "ours"]);
    let why = "backend `memory` now points to another account than when the lease was acquired";
    host.configure("seed = 2");
    host.run(&["run", "--yes", "--kind", "volume"])
        .with_code(0)
        .says(why)
        .says("retry with: tbengine lease release ours (same configuration)");
    host.run(&["lease", "release", "ours"])
        .with_code(6)
        .says(why);
    assert_eq!(listed(&host), [pair("ours", "expired")]);
    host.configure("seed = 1");
    host.run(&["lease", "release", "ours"]).with_code(0);
    assert_eq!(listed(&host), [pair("ours", "ended")]);
}

#[test]
fn what_cannot_be_is_refused_with_what_to_do() {
    let host = home().memory("");
    let id = acquire(&host, &["--run-id", "mine"]);
    assert_eq!(id, "mine");
    host.run(&["lease", "acquire", "--run-id", "mine"])
        .with_code(2)
        .says("lease mine already exists");
    host.run(&["lease", "acquire", "--run-id", "../mine"])
        .with_code(2)
        .says("use 1 to 64 letters, digits and hyphens");
    for command in ["renew", "release"] {
        host.run(&["lease", command, "yours"])
            .with_code(2)
            .says("no lease yours")
            .says("`tbengine lease list` lists all leases");
    }
    host.run(&["lease", "acquire", "--backend", "dokcer"])
        .with_code(2)
        .says("dokcer");
    host.run(&["lease", "acquire", "--label", ""]).with_code(2);
    host.run(&["lease", "acquire", "--ttl", "soon"])
        .with_code(2);
    assert_eq!(listed(&host), [pair("mine", "live")]);
}

#[test]
fn without_a_whole_listing_there_is_no_lease() {
    let host = home().memory("[backends.memory.faults]\nunavailable = 1.0\nonly = \"list\"");
    host.run(&["lease", "acquire"])
        .with_code(6)
        .says("so the command was not started")
        .says("select the backends that respond with --backend");
    assert_eq!(listed(&host), []);
}

/// A live lease over one of the simulated units, which `run` then refuses.
fn leased_unit(host: &Home) -> String {
    let label = "com.docker.compose.project=fix-git__lkrbube__env";
    let id = acquire(host, &["--label", label]);
    assert!(refused(host) > 0);
    id
}

/// How many resources a live lease refuses to the plan, where the plan is made.
fn refused(host: &Home) -> usize {
    let plan = host.run(&["plan", "--policy", "aggressive", "-O", "json"]);
    let refusals = &plan.json()["plan"]["refusals"];
    let refusals = refusals.as_array().unwrap().iter();
    refusals
        .filter(|refusal| refusal["safeguard"] == "live-lease")
        .count()
}

fn record(id: &str) -> String {
    format!(".local/state/tbengine/leases/{id}.json")
}

#[test]
fn a_lease_that_cannot_be_read_refuses_every_plan_until_it_is_released() {
    let host = home().memory("");
    let id = leased_unit(&host);
    let whole = host.read(&record(&id));
    let other_format = whole.replace("tbengine-lease/1", "tbengine-lease/2");
    let other_claim = whole.replace("\"time\"", "\"moon\"");
    for damaged in ["", "{", &whole[..100], &other_format, &other_claim] {
        host.write(&record(&id), damaged);
        for run in [
            &["run", "--policy", "aggressive", "--yes"][..],
            &["run", "--policy", "aggressive", "--no-journal"],
            &["plan", "--policy", "aggressive"],
        ] {
            host.run(run)
                .with_code(3)
                .says("nothing is deleted, because protection records cannot be read")
                .says(&format!("lease {id} cannot be read"))
                .says("`tbengine lease release ID` moves its record away");
        }
        let listed_now = host.run(&["lease", "list"]).with_code(1);
        assert!(listed_now.stdout.contains(&format!("{id}  unreadable")));
        let json = host
            .run(&["lease", "list", "-O", "json"])
            .with_code(1)
            .json();
        assert_eq!(json[0]["status"], "unreadable");
        assert_eq!(json[0]["id"], *id);
    }
    // Nothing was deleted meanwhile: with its record as it was, the lease protects as before.
    host.write(&record(&id), &whole);
    assert!(refused(&host) > 0);

    host.write(&record(&id), &whole[..100]);
    host.run(&["lease", "release", &id])
        .with_code(1)
        .says("nothing was deleted, because what was created under it is unknown");
    assert_eq!(listed(&host), []);
    host.run(&["run", "--policy", "aggressive", "--yes"])
        .with_code(0);
}

#[test]
fn a_lease_of_a_later_version_protects_and_is_left_to_that_version() {
    let host = home().memory("");
    let id = leased_unit(&host);
    let whole = host.read(&record(&id));
    for (place, more) in [
        ("\"terms\":{", "\"terms\":{\"regions\":[\"eu\"],"),
        ("\"filters\":[{", "\"filters\":[{\"region\":\"eu\","),
        ("\"format\":", "\"region\":\"eu\",\"format\":"),
    ] {
        assert!(whole.contains(place), "{whole}");
        host.write(&record(&id), &whole.replacen(place, more, 1));
        assert!(refused(&host) > 0, "{more}");
        assert_eq!(listed(&host), [pair(&id, "live")]);
        // What this version does not know is written back as it was.
        host.run(&["lease", "renew", &id]).with_code(0);
        assert!(host.read(&record(&id)).contains("eu"));
        host.run(&["lease", "release", &id])
            .with_code(2)
            .says("was written by a newer tbengine")
            .says("use the version of tbengine that created it");
    }
}

#[test]
fn a_lease_whose_baseline_cannot_be_read_keeps_no_other_from_being_swept() {
    let host = home().memory("");
    for id in ["broken", "whole"] {
        acquire(&host, &["--ttl", "1ms", "--run-id", id]);
    }
    let baseline = ".local/state/tbengine/leases/broken.baseline";
    host.write(baseline, "cut");
    let ended = host.run(&["run", "--kind", "container", "-O", "json"]);
    let report = &ended.with_code(6).json()["report"];
    // The run itself goes on.
    assert!(!report["outcomes"].as_array().unwrap().is_empty());
    let again = host.run(&["run", "--kind", "container"]);
    again.with_code(6).says("lease broken cannot be cleaned up");
    assert_eq!(
        listed(&host),
        [pair("broken", "expired"), pair("whole", "ended")]
    );
    // The process that looks at it releases it.
    host.run(&["lease", "release", "broken"]).with_code(1);
    assert_eq!(listed(&host), [pair("whole", "ended")]);
    host.run(&["run", "--kind", "container"]).with_code(0);
}

/// A second simulated provider beside the usual one.
const OTHER: &str = "[backends.other]\nkind = \"memory\"\nseed = 7";

#[test]
fn a_lease_whose_backend_is_not_configured_any_more_costs_itself_only() {
    let host = home().memory(OTHER);
    for (id, backends) in [
        ("gone", &["--backend", "other"][..]),
        ("half", &["--backend", "other,memory"]),
        ("whole", &["--backend", "memory"]),
    ] {
        let expired = ["--ttl", "1ms", "--run-id", id];
        acquire(&host, &[&expired[..], backends].concat());
    }
    host.configure("");
    for (command, says) in [
        (&["plan"][..], "not configured any more"),
        (&["run", "--kind", "container"], "not configured any more"),
        (&["resume"], "not configured any more"),
    ] {
        let ended = host.run(command).with_code(6);
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert!(all.contains(says), "{command:?}: {all}");
        for id in ["gone", "half"] {
            assert!(all.contains(id), "{command:?}: {all}");
        }
    }
    assert_eq!(
        listed(&host),
        [
            pair("gone", "expired"),
            pair("half", "expired"),
            pair("whole", "ended")
        ]
    );
    // Everything else is cleaned.
    let ended = host.run(&["run", "-O", "json"]).with_code(6);
    let outcomes = ended.json()["report"]["outcomes"].clone();
    assert!(!outcomes.as_array().unwrap().is_empty());
    host.run(&["guard", "--", "true"]).with_code(0);
    // Configured again, it is swept; else it is given up.
    host.configure(OTHER);
    host.run(&["lease", "release", "half"]).with_code(0);
    host.configure("");
    host.run(&["lease", "release", "gone"]).with_code(6);
    host.run(&["lease", "release", "gone", "--abandon"])
        .with_code(0)
        .says("lease gone has ended, and nothing was deleted");
    host.run(&["run", "--kind", "container"]).with_code(0);
}

#[test]
fn a_lease_whose_configuration_is_gone_costs_itself_only() {
    let host = home().memory("");
    let cloud = "[backends.cloud]\nkind = \"memory\"";
    host.write("cloud.toml", cloud);
    let expired = ["--ttl", "1ms", "--run-id", "far"];
    let args = [
        &["lease", "acquire", "--config", "cloud.toml"],
        &expired[..],
    ]
    .concat();
    host.run(&args).with_code(0);
    std::fs::remove_file(host.path("cloud.toml")).unwrap();
    let ended = host.run(&["run", "-O", "json"]).with_code(6);
    assert_eq!(
        ended.json()["report"]["outcomes"].as_array().unwrap().len(),
        20
    );
    ended.says("backend `cloud` could not be listed");
}

#[test]
fn a_lease_whose_plugin_is_missing_costs_itself_only() {
    let host = home();
    let program = host.write("odd.py", PLUGIN);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&program, mode).unwrap();
    let odd = format!(
        "[plugins.odd]\nprogram = {program:?}\nsha256 = \"any\"\n[backends.odd]\nkind = \"example\"",
    );
    let host = host.with_path().memory(&odd);
    acquire(
        &host,
        &["--ttl", "1ms", "--run-id", "far", "--backend", "odd"],
    );
    // Its file is gone first, and then its tables.
    std::fs::remove_file(&program).unwrap();
    let run = &["run", "--backend", "memory", "-O", "json"][..];
    host.run(run).with_code(0);
    let ended = host.run(&["run", "-O", "json"]).with_code(6);
    assert_eq!(
        ended.json()["report"]["outcomes"].as_array().unwrap().len(),
        20
    );
    ended.says("lease far");
    host.configure("");
    let ended = host.run(&["run", "-O", "json"]).with_code(6);
    assert_eq!(
        ended.json()["report"]["outcomes"].as_array().unwrap().len(),
        20
    );
    ended.says("lease far");
}

/// The plugin that is a template for others.
const PLUGIN: &str = include_str!("../../../plugins/templates/python/example.py");

#[test]
fn leases_that_cannot_be_listed_refuse_the_plan() {
    let host = home().memory("");
    leased_unit(&host);
    let state = host.path(".local/state/tbengine");
    let open_to_all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&state, open_to_all).unwrap();
    host.run(&["plan", "--policy", "aggressive"])
        .with_code(3)
        .says("nothing is deleted, because protection records cannot be read")
        .says("the leases: the state directory");
    host.run(&["run", "--policy", "aggressive", "--no-journal"])
        .with_code(3);
}

/// A `lease hold` and the pipe that keeps it.
struct Holder {
    child: Child,
    keep: Option<ChildStdin>,
    answers: BufReader<std::process::ChildStdout>,
}

impl Holder {
    fn start(host: &Home, args: &[&str]) -> Self {
        let mut command = host.command(&[&["lease", "hold", "--settle-time", "0s"], args].concat());
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        Self {
            keep: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

#[test]
fn a_lease_is_held_until_the_pipe_is_closed() {
    let host = home().memory("");
    let mut holder = Holder::start(&host, &["--run-id", "held"]);
    let taken = holder.answer();
    assert_eq!(taken["lease"], "held");
    assert_eq!(taken["label"], "tbengine.run-id=held");
    assert_eq!(listed(&host), [pair("held", "live")]);
    for command in ["release", "renew"] {
        host.run(&["lease", command, "held"])
            .with_code(5)
            .says("lease held is held by another process");
    }
    drop(holder.keep.take());
    let ended = holder.answer();
    assert_eq!(
        (&ended["lease"], &ended["ended"]),
        (&"held".into(), &true.into())
    );
    assert!(holder.child.wait().unwrap().success());
    assert_eq!(listed(&host), [pair("held", "ended")]);
}

#[test]
fn a_lease_is_held_until_it_is_asked_to_release_it_and_other_words_mean_nothing() {
    let host = home().memory("");
    let mut holder = Holder::start(&host, &["--run-id", "held"]);
    holder.answer();
    let keep = holder.keep.as_mut().unwrap();
    keep.write_all(b"\nrelease me\n").unwrap();
    assert_eq!(listed(&host), [pair("held", "live")]);
    keep.write_all(b"release\n").unwrap();
    assert_eq!(holder.answer()["ended"], true);
    assert!(holder.child.wait().unwrap().success());
}

#[test]
fn a_holder_that_is_killed_leaves_its_lease_over() {
    let host = home().memory("");
    let mut holder = Holder::start(&host, &["--run-id", "held"]);
    holder.answer();
    holder.child.kill().unwrap();
    holder.child.wait().unwrap();
    assert_eq!(listed(&host), [pair("held", "expired")]);
    host.run(&["resume"]).says("lease held expired");
    assert_eq!(listed(&host), [pair("held", "ended")]);
}

#[test]
fn detached_it_outlives_who_started_it() {
    let host = home().memory("");
    let mut holder = Holder::start(&host, &["--run-id", "held", "--detach"]);
    assert_eq!(holder.answer()["lease"], "held");
    assert!(
        holder.child.wait().unwrap().success(),
        "it only starts the other"
    );
    assert_eq!(listed(&host), [pair("held", "live")]);
    // Nobody is left to read what it says.
    drop(holder.answers);
    drop(holder.keep);
    eventually("it has ended", || listed(&host) == [pair("held", "ended")]);
}

#[test]
fn a_holder_that_gets_no_lease_says_why_and_ends() {
    let host = home().memory("");
    acquire(&host, &["--run-id", "mine"]);
    host.run(&["lease", "hold", "--run-id", "mine"])
        .with_code(2)
        .says("lease mine already exists");
}

/// What a command on leases writes in a format.
fn written(host: &Home, args: &[&str], format: &str) -> String {
    let args = [&["lease"], args, &["-O", format]].concat();
    host.run(&args).with_code(0).stdout
}

#[test]
fn a_list_as_lines_has_one_for_each_lease() {
    let host = home().memory("");
    for id in ["one", "two"] {
        acquire(&host, &["--run-id", id]);
    }
    let listed = host.run(&["lease", "list", "-O", "jsonl"]).with_code(0);
    let ids: Vec<Value> = listed
        .lines()
        .iter()
        .map(|line| line["id"].clone())
        .collect();
    assert_eq!(ids, ["one", "two"]);
}

#[test]
fn a_lease_that_is_taken_is_written_as_asked_for() {
    let host = home().memory("");
    let csv = written(&host, &["acquire", "--run-id", "one"], "csv");
    let (header, row) = csv.split_once('\n').unwrap();
    assert_eq!(header, "id,since,backends");
    assert!(row.starts_with("one,2") && row.ends_with('\n'), "{row}");
    let line = written(&host, &["acquire", "--run-id", "two"], "jsonl");
    assert_eq!(line.lines().count(), 1, "{line}");
}

#[test]
fn a_lease_that_is_renewed_or_released_is_written_as_asked_for() {
    let host = home().memory("");
    for id in ["one", "two"] {
        acquire(&host, &["--run-id", id]);
    }
    let csv = written(&host, &["renew", "one"], "csv");
    assert!(csv.starts_with("id,since,backends\none,2"), "{csv}");
    let line = written(&host, &["renew", "one"], "jsonl");
    assert_eq!(line.lines().count(), 1, "{line}");
    let csv = written(&host, &["release", "one"], "csv");
    assert_eq!(csv, "lease,ended,deleted,failed,unproven\none,true,0,0,0\n");
    let line = written(&host, &["release", "two"], "jsonl");
    assert_eq!(line.lines().count(), 1, "{line}");
}
