//! Pull, push, run, the cache.

use std::fs;

use super::User;
use super::server::Server;

fn wasm(policy: &str) -> &'static [u8] {
    tbengine_builtins::get(policy).unwrap().wasm
}

#[test]
fn what_was_pushed_is_pulled_as_it_was() {
    let server = Server::open();
    let user = User::new();
    let pinned = user.push("aggressive", &server.reference("team/nightly:1.0"));
    let start = server.reference("team/nightly:1.0@sha256:");
    assert!(pinned.starts_with(&start), "{pinned}");
    assert!(user.cached().is_empty());
    // The same policy has the same digest, wherever and whenever it is pushed.
    assert_eq!(
        user.push("aggressive", &start.replace("@sha256:", "")),
        pinned
    );
    let other = user.push("aggressive", &server.reference("other"));
    assert_eq!(
        other.split_once('@').unwrap().1,
        pinned.split_once('@').unwrap().1
    );

    // The scheme goes without saying.
    let reference = format!("{}/team/nightly:1.0", server.address());
    let args = ["policy", "pull", &reference, "-o", "pulled.wasm"];
    let json = user
        .run(&[&args[..], &["-O", "json"]].concat())
        .with_code(0)
        .json();
    assert_eq!(json["reference"], pinned);
    assert_eq!(json["bytes"], wasm("aggressive").len());
    assert!(fs::read(user.host.path("pulled.wasm")).unwrap() == wasm("aggressive"));
    let inspected = user
        .run(&["policy", "inspect", "aggressive", "-O", "json"])
        .json();
    assert_eq!(json["digest"], inspected["digest"]);
    // Nothing is lost by a slip.
    user.run(&args).with_code(2).says("--force");
    let text = user
        .run(&["policy", "pull", &reference])
        .with_code(0)
        .stdout;
    assert!(text.starts_with(&format!("pulled {pinned}\n")), "{text}");
    let csv = user
        .run(&["policy", "pull", &pinned, "-O", "csv"])
        .with_code(0)
        .stdout;
    assert!(csv.contains(&pinned), "{csv}");
}

#[test]
fn what_is_no_policy_is_not_pushed() {
    let server = Server::open();
    let user = User::new();
    user.host.write("core.wat", "(module)");
    let reference = server.reference("team/nightly:1");
    user.run(&["policy", "push", "core.wat", &reference])
        .with_code(2)
        .says("tbengine policy pack");
    user.run(&["policy", "pull", &reference])
        .with_code(2)
        .says(&format!("{reference} does not exist"));
    let pinned = user.push("default", &reference);
    user.run(&["policy", "push", "default.wasm", &pinned])
        .with_code(2)
        .says("has a digest");
    user.run(&["policy", "push", "default.wasm", &reference, "--offline"])
        .with_code(2)
        .says("cannot push");
}

#[test]
fn a_run_demands_the_digest_and_records_what_decided() {
    let server = Server::open();
    let user = User::new();
    let tagged = server.reference("team/nightly:1");
    let pinned = user.push("aggressive", &tagged);
    for command in [&["run"][..], &["plan"], &["policy", "check"]] {
        let policy: &[&str] = match command {
            ["policy", ..] => &[&tagged],
            _ => &["--policy", &tagged],
        };
        user.run(&[command, policy].concat())
            .with_code(2)
            .says(&format!("`{tagged}` has no digest"))
            .says(&format!("`tbengine policy pull {tagged}` prints"));
    }
    let json = user
        .run(&[
            "plan",
            "--policy",
            &pinned,
            "--save",
            "plan.json",
            "-O",
            "json",
        ])
        .with_code(0)
        .json();
    let inspected = user
        .run(&["policy", "inspect", "aggressive", "-O", "json"])
        .json();
    let header = &json["plan"]["header"];
    assert_eq!(header["policy"]["digest"], inspected["digest"]);
    assert_eq!(header["policy-origin"], pinned.as_str());
    user.run(&["run", "--plan", "plan.json"]).with_code(0);
    user.run(&["run", "--policy", &pinned]).with_code(0);
}

#[test]
fn a_table_of_the_configuration_names_one_too() {
    let server = Server::open();
    let pinned = User::new().push("aggressive", &server.reference("team/nightly:1"));
    let table = format!("policy = \"ours\"\n[policies.ours]\noci = \"{pinned}\"\n");
    let user = User::new();
    let configure = |more: &str| {
        let text = format!("{table}{more}\n[backends.memory]\nkind = \"memory\"\n");
        user.host.write(".config/tbengine/tbengine.toml", &text);
    };
    configure("params = { dead-older-than = \"2h\" }");
    let json = user.run(&["plan", "-O", "json"]).with_code(0).json();
    let header = &json["plan"]["header"];
    assert_eq!(header["policy"]["name"], "aggressive");
    assert_eq!(header["policy"]["params"]["dead-older-than"], "2h");
    assert_eq!(header["policy-origin"], "ours");
    // The digest in the reference is the manifest's, and this one the component's.
    let zeros = "0".repeat(64);
    configure(&format!("sha256 = \"{zeros}\""));
    user.run(&["plan"])
        .with_code(2)
        .says("pinned is")
        .says("tbengine.toml:4");
    let digest = json["plan"]["header"]["policy"]["digest"].as_str().unwrap();
    configure(&format!("sha256 = \"{digest}\""));
    user.run(&["plan"]).with_code(0);
    // A project may bring one along.
    user.host.configure("");
    let brought = table.replace("policy = \"ours\"\n", "");
    user.host.write("tbengine.toml", &brought);
    let plan = ["plan", "--policy", "ours", "-O", "json"];
    let json = user.run(&plan).with_code(0).json();
    assert_eq!(json["plan"]["header"]["policy"]["digest"], digest);
}

#[test]
fn a_tag_that_moves_changes_nothing_under_a_digest() {
    let server = Server::open();
    let tagged = server.reference("team/nightly:1");
    let pinned = User::new().push("aggressive", &tagged);
    let moved = User::new().push("default", &tagged);
    assert_ne!(pinned, moved);
    // Nobody has anything in the cache.
    assert_eq!(User::new().planned_by(&pinned), "aggressive");
    assert_eq!(User::new().planned_by(&moved), "default");
    let user = User::new();
    let json = user.run(&["policy", "pull", &tagged, "-O", "json"]).json();
    assert_eq!(json["reference"], moved.as_str());
}

#[test]
fn what_was_fetched_once_needs_no_registry() {
    let server = Server::open();
    let user = User::new();
    let tagged = server.reference("team/nightly:1");
    let pinned = user.push("aggressive", &tagged);
    let offline = |policy: &str| user.run(&["run", "--policy", policy, "--offline"]);
    offline(&pinned).with_code(2).says("is not in the cache");
    user.run(&["policy", "pull", &tagged]).with_code(0);
    assert_eq!(user.cached().len(), 2);
    offline(&pinned).with_code(0);
    offline(&tagged).with_code(2).says("has no digest");
    let pull = ["policy", "pull", "--offline"];
    user.run(&[&pull[..], &[&tagged]].concat())
        .with_code(2)
        .says("tags are not looked up in the cache");
    drop(server);
    user.run(&[&pull[..], &[&pinned, "-o", "pulled.wasm"]].concat())
        .with_code(0);
    assert!(fs::read(user.host.path("pulled.wasm")).unwrap() == wasm("aggressive"));
    // It is not asked for without the flag either.
    assert_eq!(user.planned_by(&pinned), "aggressive");
    user.run_with(&["plan", "--policy", &pinned], &[("TBENGINE_OFFLINE", "1")])
        .with_code(0);
    user.run(&["policy", "pull", &tagged])
        .with_code(2)
        .says("refused the connection");
}

#[test]
fn a_damaged_cache_decides_nothing() {
    let server = Server::open();
    let user = User::new();
    let pinned = user.push("aggressive", &server.reference("team/nightly:1"));
    user.run(&["policy", "pull", &pinned]).with_code(0);
    let whole: Vec<_> = user
        .cached()
        .into_iter()
        .map(|path| (fs::read(&path).unwrap(), path))
        .collect();
    assert_eq!(whole.len(), 2);
    // Another policy, or half of this one, or another manifest in its place.
    for (bytes, path) in &whole {
        for damage in [wasm("default"), &bytes[..bytes.len() / 2], b""] {
            fs::write(path, damage).unwrap();
            let offline = ["run", "--policy", &pinned, "--offline"];
            let refused = user
                .run(&offline)
                .with_code(2)
                .says("does not match its digest");
            assert!(
                refused.stderr.contains(path.to_str().unwrap()),
                "{}",
                refused.stderr
            );
            assert_eq!(refused.stdout, "");
            // With the registry it is fixed.
            assert_eq!(user.planned_by(&pinned), "aggressive");
            assert!(fs::read(path).unwrap() == *bytes);
            // The simulated provider has everything again each time.
            let unparked = [&offline[..], &["--quarantine-after", "0"]].concat();
            user.run(&unparked).with_code(0);
        }
    }
}

#[test]
fn without_a_cache_it_is_fetched_each_time() {
    let server = Server::open();
    let user = User::new();
    let pinned = user.push("default", &server.reference("team/nightly"));
    // Nobody, root neither, can make a directory below a file.
    let file = user.host.write("file", "");
    let cache = [("XDG_CACHE_HOME", file.to_str().unwrap())];
    let plan = ["plan", "--policy", &pinned, "-v"];
    user.run_with(&plan, &cache)
        .with_code(0)
        .says("fetched on every run");
    let offline = [&plan[..], &["--offline"]].concat();
    user.run_with(&offline, &cache)
        .with_code(2)
        .says("is not in the cache");
}
