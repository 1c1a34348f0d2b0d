//! Plugins from the command line: the templates, the kit, the configuration.

use std::path::Path;
use std::process::{Command, Stdio};

use tbengine_harness::{Home, eventually};

use crate::home;

/// Writes a template and gives its directory.
fn new(host: &Home, language: &str) -> std::path::PathBuf {
    host.run(&["plugin", "new", language, "my-cloud"])
        .with_code(0);
    host.path("my-cloud")
}

fn make(folder: &Path) {
    let made = Command::new("make").current_dir(folder).output().unwrap();
    let complaints = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success(), "{complaints}");
}

fn check(host: &Home, file: &str, at_least: usize) -> Vec<serde_json::Value> {
    let rows = host
        .run(&["plugin", "check", file, "--output", "json"])
        .with_code(0)
        .json();
    let rows = rows.as_array().unwrap().clone();
    let held = rows.iter().filter(|row| row["result"] == "passed").count();
    assert!(held >= at_least, "{held} hold: {rows:?}");
    rows
}

#[test]
fn the_template_in_c_builds_and_passes_the_kit() {
    let host = home().memory("");
    make(&new(&host, "c"));
    check(&host, "./my-cloud/libmy-cloud.so", 23);
}

#[test]
fn the_template_in_python_passes_the_kit_with_its_fixture() {
    let host = home().memory("");
    new(&host, "python");
    check(&host, "./my-cloud/my-cloud.py", 38);
}

#[test]
fn the_template_in_rust_is_the_one_under_test_and_names_the_sdk() {
    let host = home().memory("");
    let folder = new(&host, "rust");
    let cargo = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let sdk = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk"));
    let sdk = sdk.canonicalize().unwrap();
    assert_eq!(
        cargo
            .matches(&format!("path = {:?}", sdk.display().to_string()))
            .count(),
        2
    );
    assert!(cargo.contains("name = \"tbengine-my-cloud\"") && cargo.ends_with("[workspace]\n"));
    // The template itself is a member of this workspace, which builds it and runs its suite.
    let template = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../plugins/templates/rust/src/cloud.rs"
    );
    assert_eq!(
        std::fs::read_to_string(folder.join("src/cloud.rs")).unwrap(),
        std::fs::read_to_string(template)
            .unwrap()
            .replace("\"example", "\"my-cloud")
    );
}

#[test]
fn nothing_is_overwritten_and_names_are_checked() {
    let host = home().memory("");
    new(&host, "python");
    let again = host.run(&["plugin", "new", "c", "my-cloud"]).with_code(2);
    assert!(again.stderr.contains("exists"), "{}", again.stderr);
    for name in ["My Cloud", "-x", "x-", "", "ünicode", "a/b"] {
        host.run(&["plugin", "new", "c", "--", name]).with_code(2);
    }
    let built_in = host.run(&["plugin", "new", "c", "docker"]).with_code(2);
    assert!(
        built_in.stderr.contains("the kind `docker` is built in"),
        "{}",
        built_in.stderr
    );
    let sdk = host
        .run(&["plugin", "new", "rust", "other", "--sdk", "nowhere"])
        .with_code(2);
    assert!(sdk.stderr.contains("nowhere"), "{}", sdk.stderr);
}

/// A configuration with the plugin in C, as `inspect` prints it.
fn configured(host: &Home) -> String {
    make(&new(host, "c"));
    configure(host, "./my-cloud/libmy-cloud.so")
}

/// Configures a plugin as `inspect` prints it.
fn configure(host: &Home, file: &str) -> String {
    let shown = host.run(&["plugin", "inspect", file]).with_code(0).stdout;
    let (_, table) = shown.split_once("if you trust it:\n").unwrap();
    // What is at rest in a cloud and of unknown owner stays otherwise.
    let table = format!("{table}  exclusive = true\n");
    host.configure(&table);
    table
}

#[test]
fn what_inspect_prints_configures_a_backend_that_works() {
    let host = home().memory("");
    configured(&host);
    let listed = host
        .run(&["list", "--backend", "my-cloud", "-O", "json"])
        .with_code(0)
        .json();
    assert_eq!(listed["resources"].as_array().unwrap().len(), 3);
    let kinds = host
        .run(&["plugin", "list", "-O", "csv"])
        .with_code(0)
        .stdout;
    assert!(
        kinds.contains("my-cloud,libmy-cloud,0.1.0,library"),
        "{kinds}"
    );
    let health = host.run(&["doctor"]).stdout;
    assert!(
        health.contains("brings my-cloud") && health.contains("account my-cloud"),
        "{health}"
    );
    let args = [
        "run",
        "--backend",
        "my-cloud",
        "--policy",
        "aggressive",
        "--yes",
    ];
    let more = ["--set", "dead-older-than=1h", "--output", "json"];
    let report = host.run(&[&args[..], &more].concat()).with_code(0).json();
    let deleted = report["report"]["outcomes"].as_array().unwrap();
    assert!(
        !deleted.is_empty() && deleted.iter().all(|one| one["result"] == "deleted"),
        "{report}"
    );
}

#[test]
fn a_plugin_that_changed_is_refused_where_it_is_needed_and_nowhere_else() {
    let host = home().memory("");
    let table = configured(&host);
    let (before, rest) = table.split_once("sha256 = \"").unwrap();
    host.configure(&format!("{before}sha256 = \"00{}", &rest[2..]));
    let refused = host.run(&["list", "--backend", "my-cloud"]).with_code(2);
    assert!(refused.stderr.contains("pinned is"), "{}", refused.stderr);
    // Code is not run for a backend that does not need it.
    host.run(&["list", "--backend", "memory"]).with_code(0);
    assert!(host.run(&["doctor"]).stdout.contains("pinned is"));
    host.run(&["plugin", "list"]).with_code(2);
}

#[test]
fn a_setting_that_is_wrong_is_reported_at_its_line() {
    let host = home().memory("");
    new(&host, "python");
    let program = host.path("my-cloud/my-cloud.py");
    host.configure(&format!(
        "[plugins.mine]\nprogram = {:?}\nsha256 = \"any\"\n[backends.mine]\nkind = \"my-cloud\"\nsandboxs = 4\n",
        program.display().to_string()
    ));
    let told = host.run(&["list", "--backend", "mine"]).with_code(2).stderr;
    assert!(
        told.contains("unknown key `sandboxs`") && told.contains("did you mean `sandboxes`?"),
        "{told}"
    );
}

#[test]
fn a_library_that_crashes_is_a_broken_trial_and_the_rest_goes_on() {
    let host = home().memory("");
    let folder = new(&host, "c");
    let source = folder.join("my-cloud.c");
    let text = std::fs::read_to_string(&source).unwrap();
    let crashing = text.replace("json_is(cursor, expected)", "(abort(), 1)");
    assert_ne!(text, crashing);
    std::fs::write(&source, crashing).unwrap();
    make(&folder);
    let rows = host
        .run(&["plugin", "check", "./my-cloud/libmy-cloud.so", "-O", "json"])
        .with_code(1)
        .json();
    let rows = rows.as_array().unwrap();
    let broken: Vec<_> = rows
        .iter()
        .filter(|row| row["result"] == "failed")
        .collect();
    assert!(!broken.is_empty() && broken.len() < 6, "{broken:?}");
    assert!(
        broken[0]["detail"].as_str().unwrap().contains("SIGABRT"),
        "{broken:?}"
    );
    assert!(rows.iter().filter(|row| row["result"] == "passed").count() > 15);
}

#[test]
fn a_promise_that_is_broken_is_reported_without_a_trace() {
    let host = home().memory("");
    let program = new(&host, "python").join("my-cloud.py");
    let text = std::fs::read_to_string(&program).unwrap();
    let breaking = text.replace("and not request.get(\"force\")", "and False");
    assert_ne!(text, breaking);
    std::fs::write(&program, breaking).unwrap();
    let told = host
        .run(&[
            "plugin",
            "check",
            "./my-cloud/my-cloud.py",
            "--only",
            "without force",
        ])
        .with_code(1);
    assert!(
        told.stdout.contains("failed my-cloud: without force"),
        "{}",
        told.stdout
    );
    assert!(
        told.stdout
            .contains("expected an error of kind conflict, and it succeeded"),
        "{}",
        told.stdout
    );
    assert_eq!(told.stderr, "");
}

/// A provider that refuses each seventh request, and removes what it is asked to a while later.
const LIMITED: [(&str, &str); 2] = [
    (
        "            return getattr(self.backend, method",
        r#"            self.calls = getattr(self, "calls", 0) + 1
            if self.calls % 7 == 0:
                raise Failure("rate-limited", "too many requests", **{"retry-after-ms": 20})
            return getattr(self.backend, method"#,
    ),
    (
        "        self.sandboxes.clear()\n",
        r#"        def remove(native):
            with self.lock:
                self.sandboxes.pop(native, None)
        for native, sandbox in self.sandboxes.items():
            sandbox["state"] = "removing"
            threading.Timer(0.2, remove, [native]).start()
"#,
    ),
];

#[test]
fn the_kit_waits_for_a_provider_that_is_limited_and_passes_over_what_is_being_removed() {
    let host = home().memory("");
    let program = new(&host, "python").join("my-cloud.py");
    let mut text = std::fs::read_to_string(&program).unwrap();
    for (usual, limited) in LIMITED {
        assert!(text.contains(usual));
        text = text.replace(usual, limited);
    }
    std::fs::write(&program, text).unwrap();
    check(&host, "./my-cloud/my-cloud.py", 38);
}

#[test]
fn variables_of_a_plugin_are_shown_and_missed_and_their_values_are_not() {
    let host = home().memory("");
    let program = new(&host, "python").join("my-cloud.py");
    let text = std::fs::read_to_string(&program).unwrap();
    let usual = "        return {\"id\": ACCOUNT, \"description\": \"an example in memory\"}";
    assert!(text.contains(usual));
    let refusing =
        "        raise Failure(\"denied\", \"the key %s is refused\" % os.environ[\"CLOUD_KEY\"])";
    std::fs::write(&program, text.replace(usual, refusing)).unwrap();
    let host = host.var("CLOUD_KEY", "top-secret-123");
    host.configure(&format!(
        "[plugins.my-cloud]\nprogram = {:?}\nsha256 = \"any\"\nenv = [\"CLOUD_KEY\", \"CLOUD_KEYY\"]\n\
         [backends.my-cloud]\nkind = \"my-cloud\"\n",
        program.display().to_string()
    ));
    let shown = host.run(&["plugin", "inspect", "my-cloud"]).with_code(0);
    assert!(shown.stdout.contains("env       CLOUD_KEY, CLOUD_KEYY"));
    let health = host.run(&["doctor"]);
    let all = format!("{}{}", health.stdout, health.stderr);
    assert!(
        all.contains("the variable CLOUD_KEYY of its `env` is not set")
            && all.contains("the key <CLOUD_KEY> is refused")
            && !all.contains("top-secret"),
        "{all}"
    );
}

#[test]
fn a_library_that_ends_the_process_that_loads_it_ends_no_command() {
    let host = home().memory("");
    for (body, says) in [
        (
            "_exit(0);",
            "it ends the process that loads it (exit status: 0)",
        ),
        ("abort();", "SIGABRT"),
        (
            "fputs(\"no licence\\n\", stderr); exit(3);",
            "after that wrote: no licence",
        ),
    ] {
        let source = host.write(
            "rude.c",
            &format!(
                "#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n\
                 __attribute__((constructor)) static void ends(void) {{ {body} }}\n"
            ),
        );
        let library = host.path("rude.so");
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status();
        assert!(made.unwrap().success());
        for command in ["check", "inspect"] {
            let refused = host.run(&["plugin", command, "./rude.so"]).with_code(2);
            assert!(refused.stderr.contains(says), "{}", refused.stderr);
        }
        // Those of others are done all the same.
        host.configure(&format!(
            "[plugins.rude]\npath = {:?}\nsha256 = \"any\"\n[backends.rude]\nkind = \"rude\"\n",
            library.display().to_string()
        ));
        let run = host
            .run(&["run", "--policy", "aggressive", "--yes"])
            .with_code(6);
        assert!(run.stderr.contains(says), "{}", run.stderr);
        assert!(run.stdout.contains("deleted"), "{}", run.stdout);
    }
}

#[test]
fn a_library_that_cannot_be_loaded_is_refused_with_the_reason_of_the_loader() {
    let host = home().memory("");
    let folder = new(&host, "c");
    let source = folder.join("my-cloud.c");
    let text = std::fs::read_to_string(&source).unwrap();
    let broken = format!(
        "{text}\nint from_elsewhere(void);\nint calls_it(void) {{ return from_elsewhere(); }}\n"
    );
    std::fs::write(&source, broken).unwrap();
    make(&folder);
    let refused = host
        .run(&["plugin", "inspect", "./my-cloud/libmy-cloud.so"])
        .with_code(2);
    assert!(
        refused.stderr.contains("undefined symbol: from_elsewhere"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_provider_that_is_gone_is_not_taken_for_a_plugin_that_is_gone() {
    let host = home().memory("");
    let program = new(&host, "python").join("my-cloud.py");
    let text = std::fs::read_to_string(&program).unwrap();
    let refusal = "raise Failure(\"invalid\", \"unknown cursor\")";
    let hangs_up = text.replace(refusal, "raise Failure(\"unavailable\", \"broken pipe\")");
    let dies = text.replace(refusal, "os._exit(3)");
    for (changed, code, said) in [(hangs_up, 0, "ok "), (dies, 1, "exit status: 3")] {
        assert_ne!(text, changed);
        std::fs::write(&program, changed).unwrap();
        let args = [
            "plugin",
            "check",
            "./my-cloud/my-cloud.py",
            "--only",
            "64 mib",
        ];
        let told = host.run(&args).with_code(code);
        assert!(told.stdout.contains(said), "{}", told.stdout);
    }
}

#[test]
fn a_program_ends_with_tbengine_even_when_that_is_killed_amid_a_call() {
    let host = home().memory("");
    let program = new(&host, "python").join("my-cloud.py");
    let text = std::fs::read_to_string(&program).unwrap();
    let pid = host.path("pid");
    let list = "    def list(self, request):\n";
    // A link is there at once and whole, and its target can be any text.
    let hangs = format!(
        "        os.symlink(str(os.getpid()), {pid:?})\n        threading.Event().wait(600)\n"
    );
    let changed = text.replace(list, &[list, &hangs].concat());
    assert_ne!(text, changed);
    std::fs::write(&program, changed).unwrap();
    configure(&host, "./my-cloud/my-cloud.py");
    let mut listing = host
        .command(&["list", "--backend", "my-cloud"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the program runs", || pid.is_symlink());
    let stat = Path::new("/proc")
        .join(pid.read_link().unwrap())
        .join("stat");
    assert!(stat.exists(), "the plugin runs");
    listing.kill().unwrap();
    listing.wait().unwrap();
    // The process that inherits it may leave it a zombie.
    eventually("it has ended", || {
        std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
    });
}

#[test]
fn one_sentence_can_be_tried_alone() {
    let host = home().memory("");
    new(&host, "python");
    let rows = host
        .run(&[
            "plugin",
            "check",
            "./my-cloud/my-cloud.py",
            "--only",
            "cursor",
            "-O",
            "csv",
        ])
        .with_code(0)
        .stdout;
    assert_eq!(rows.lines().count(), 2, "{rows}");
    host.run(&[
        "plugin",
        "check",
        "./my-cloud/my-cloud.py",
        "--only",
        "no such sentence",
    ])
    .with_code(2);
}

#[test]
fn what_is_not_there_is_said_plainly() {
    let host = home().memory("");
    let unknown = host.run(&["plugin", "inspect", "nothing"]).with_code(2);
    assert!(
        unknown.stderr.contains("no plugin named `nothing`"),
        "{}",
        unknown.stderr
    );
    let missing = host.run(&["plugin", "check", "./nothing.so"]).with_code(2);
    assert!(missing.stderr.contains("nothing.so"), "{}", missing.stderr);
}
