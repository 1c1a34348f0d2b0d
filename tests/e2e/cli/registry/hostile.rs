//! Registries that mean ill, or are broken: one sentence, exit code 2, and nothing is kept.

use std::net::TcpListener;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::User;
use super::scripted::{self, Answer, Request, Scripted};

fn wasm() -> Vec<u8> {
    tbengine_builtins::get("default").unwrap().wasm.to_vec()
}

/// Pulls from a registry that answers so, and checks what is said of it.
#[track_caller]
fn pulled(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static, says: &str) {
    pulled_with(answer, &[], says);
}

#[track_caller]
fn pulled_with(
    answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    flags: &[&str],
    says: &str,
) {
    let server = Scripted::start(answer);
    let user = User::new();
    let reference = server.reference("team/nightly:1");
    let ended = user.run(&[&["policy", "pull", &reference][..], flags].concat());
    let ended = ended.with_code(2).says(says);
    let mut lines = ended.stderr.lines();
    assert!(
        lines.next().unwrap().starts_with("error: "),
        "{}",
        ended.stderr
    );
    assert!(
        lines.all(|line| line.starts_with("hint: ")),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    assert_eq!(user.cached().len(), 0);
}

/// The same with a registry whose manifest is right, and who answers so for the policy.
#[track_caller]
fn policy_pulled(answer: Answer, says: &str) {
    let manifest = scripted::manifest(&wasm());
    pulled(
        move |request| match request.path.contains("/blobs/") {
            true => answer.clone(),
            false => Answer::ok(manifest.clone()),
        },
        says,
    );
}

#[test]
fn each_status_has_a_sentence() {
    for (answer, says) in [
        (Answer::new(401), "requires credentials for team/nightly"),
        (
            Answer::new(403),
            "denies permission to pull from team/nightly",
        ),
        (Answer::new(404), "does not exist"),
        (Answer::new(429), "rate limited\n"),
        (
            Answer::new(429).with("retry-after", "90"),
            "rate limited, retry after 1m 30s\n",
        ),
        (Answer::new(500), "failed with status 500"),
        (Answer::new(503), "failed with status 503"),
        (Answer::new(418), "status 418"),
        (Answer::new(204), "status 204"),
        (Answer::new(304), "status 304"),
    ] {
        let again = answer.clone();
        pulled(move |_| again.clone(), says);
        policy_pulled(answer, says);
    }
}

#[test]
fn what_is_larger_than_it_can_be_is_not_read() {
    let endless = || Answer::new(200).endless();
    pulled(
        move |_| endless(),
        "sent more than 1048576 bytes as a manifest",
    );
    policy_pulled(endless(), "sent more than 67108864 bytes as a policy");
    // What comes with a refusal is not read at all.
    pulled(|_| Answer::new(500).endless(), "failed with status 500");
    let issuer = Scripted::start(move |_| endless());
    let realm = format!("Bearer realm=\"http://{}/\"", issuer.address());
    pulled(
        move |_| Answer::new(401).with("www-authenticate", &realm).endless(),
        "sent more than 1048576 bytes as a token",
    );
}

#[test]
fn what_takes_too_long_is_not_waited_for() {
    let flags = ["--registry-timeout", "1s"];
    let says = "did not finish within 1s";
    pulled_with(|_| Answer::silence(), &flags, says);
    pulled_with(|_| Answer::new(200).trickling(), &flags, says);
    let manifest = scripted::manifest(&wasm());
    pulled_with(
        move |request| match request.path.contains("/blobs/") {
            true => Answer::new(200).trickling(),
            false => Answer::ok(manifest.clone()),
        },
        &flags,
        says,
    );
}

#[test]
fn a_wrong_digest_is_reported_with_the_right_one() {
    policy_pulled(Answer::ok("other"), "sent a policy with the digest sha256:");
    // The registry answers with another manifest than the one that is pinned.
    let (server, pinned) = Scripted::registry(wasm());
    let user = User::new();
    let (name, digest) = pinned.split_once('@').unwrap();
    let other = format!("{name}@sha256:{}", "0".repeat(64));
    for command in [
        &["policy", "pull", &other][..],
        &["run", "--policy", &other],
    ] {
        user.run(command).with_code(2).says(&format!(
            "sent a manifest with the digest {digest}; expected sha256:{}",
            "0".repeat(64)
        ));
    }
    assert_eq!(user.cached().len(), 0);
    // It would have been good for a policy.
    user.run(&["run", "--policy", &pinned]).with_code(0);
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn what_is_no_policy_is_reported_from_one() {
    let digest = scripted::digest(b"");
    let manifest = |media_type: &str, layers: usize| {
        let layer = serde_json::json!({ "mediaType": media_type, "digest": digest, "size": 0 });
        serde_json::json!({ "schemaVersion": 2, "layers": vec![layer; layers] }).to_string()
    };
    for (text, says) in [
        (
            manifest("application/wasm", 2),
            "it has 2 layers; expected 1",
        ),
        (manifest("application/wasm", 0), "it has 0 layers"),
        (
            manifest("application/vnd.oci.image.layer.v1.tar+gzip", 1),
            "its layer is application/vnd.oci.image.layer.v1.tar+gzip",
        ),
        (
            manifest(&format!("\u{1b}[2J{}", "x".repeat(9999)), 1),
            "its layer is \\u{1b}[2Jxxx",
        ),
        (
            "{\"schemaVersion\": 2, \"manifests\": [{}]}".to_owned(),
            "an index of several artifacts",
        ),
        ("<html>".to_owned(), "the answer is not a manifest"),
        (String::new(), "the answer is not a manifest"),
        ("[".repeat(100_000), "the answer is not a manifest"),
    ] {
        pulled(move |_| Answer::ok(text.clone()), says);
    }
}

#[test]
fn a_component_that_is_no_policy_is_pulled_and_does_not_run() {
    let (_server, pinned) = Scripted::registry(b"\0asm\x0d\0\x01\0".to_vec());
    let user = User::new();
    user.run(&["policy", "pull", &pinned]).with_code(0);
    user.run(&["run", "--policy", &pinned])
        .with_code(2)
        .says("does not export tbengine:policy/hooks");
}

#[test]
fn broken_connections_are_distinguished() {
    pulled(|_| Answer::new(200).cut_off(), "closed the connection");
    pulled(|_| Answer::noise(), "closed the connection");
    policy_pulled(Answer::new(200).cut_off(), "closed the connection");
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let reference = format!("{nobody}/team/nightly:1");
    let user = User::new();
    user.run(&["policy", "pull", &reference])
        .with_code(2)
        .says(&format!("{nobody} refused the connection"));
    user.run(&["policy", "pull", "registry.invalid/team/nightly:1"])
        .with_code(2)
        .says("registry.invalid cannot be reached");
}

#[test]
fn redirects_end() {
    pulled(
        |request| Answer::new(307).with("location", &format!("{}x", request.path)),
        "redirects in a loop",
    );
    pulled(
        |_| Answer::new(307).with("location", "file:///etc/passwd"),
        "status 307",
    );
}

#[test]
fn challenges_that_make_no_sense_are_refusals() {
    for challenge in [
        "",
        "Negotiate",
        "Bearer realm=\"unclosed",
        "Basic realm=\"x\"",
    ] {
        let answer = Answer::new(401).with("www-authenticate", challenge);
        pulled(move |_| answer.clone(), "requires credentials");
    }
    for (realm, says) in [
        ("nonsense", "a token service that is not a URL"),
        ("file:///etc/passwd", "redirects the request for a token"),
    ] {
        let challenge = format!("Bearer realm=\"{realm}\"");
        let answer = Answer::new(401).with("www-authenticate", &challenge);
        pulled(move |_| answer.clone(), says);
    }
    for (token, says) in [
        ("{}", "an empty token"),
        ("no json", "an empty token"),
        (
            "{\"token\": \"a\\r\\nb: c\"}",
            "a token with characters that are not allowed in a header",
        ),
    ] {
        let issuer = Scripted::start(move |_| Answer::ok(token));
        let challenge = format!("Bearer realm=\"http://{}/\"", issuer.address());
        let answer = Answer::new(401).with("www-authenticate", &challenge);
        pulled(move |_| answer.clone(), says);
    }
}

/// Pushes to a registry that answers so.
#[track_caller]
fn pushed(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static, says: &str) {
    let server = Scripted::start(answer);
    let user = User::new();
    user.host
        .run(&["policy", "export", "default", "-o", "p.wasm"])
        .with_code(0);
    let reference = server.reference("team/nightly:1");
    let ended = user.run(&["policy", "push", "p.wasm", &reference]);
    let ended = ended.with_code(2).says(says);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_push_that_fails_says_why() {
    let there = |request: &Request| request.method == "HEAD";
    pushed(
        |_| Answer::new(403),
        "denies permission to push to team/nightly",
    );
    pushed(
        |_| Answer::new(404),
        "has no repository team/nightly to push to",
    );
    let begun = |answer: Answer| {
        move |request: &Request| match request.method.as_str() {
            "HEAD" => Answer::new(404),
            "POST" => answer.clone(),
            _ => Answer::new(500),
        }
    };
    pushed(begun(Answer::new(202)), "without an upload location");
    pushed(
        begun(Answer::new(202).with("location", "file:///tmp/x")),
        "redirects the upload",
    );
    pushed(
        begun(Answer::new(202).with("location", "/there")),
        "failed with status 500",
    );
    pushed(begun(Answer::new(200)), "status 200");
    pushed(
        move |request| match there(request) {
            true => Answer::new(200),
            false => Answer::new(413),
        },
        "status 413",
    );
    // It keeps something else than what it was sent.
    let other = scripted::digest(b"other");
    pushed(
        move |request| match there(request) {
            true => Answer::new(200),
            false => Answer::new(201).with("docker-content-digest", &other),
        },
        "; sent sha256:",
    );
}

#[test]
fn a_signal_ends_the_wait_for_a_registry() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let server = Scripted::start(|_| Answer::silence());
        let user = User::new();
        let pinned = server.reference(&format!("team/nightly@sha256:{}", "0".repeat(64)));
        let arguments = ["run", "--backend", "memory", "--policy", &pinned];
        let mut command = user.host.command(&arguments);
        command.args(["--registry-timeout", "1h"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        while server.seen().is_empty() {
            assert_eq!(child.try_wait().unwrap(), None);
            thread::sleep(Duration::from_millis(5));
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
    }
}
