//! Credentials, and where they go.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::User;
use super::scripted::{self, Answer, Scripted};
use super::server::{PASSWORD, Server, USER};

/// The variables with credentials for a registry.
fn variables<'a>(host: &'a str, password: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("TBENGINE_REGISTRY_HOST", host),
        ("TBENGINE_REGISTRY_USER", USER),
        ("TBENGINE_REGISTRY_PASSWORD", password),
    ]
}

/// Docker's file after `docker login`.
fn docker_file(user: &User, json: &serde_json::Value) {
    user.host.write(".docker/config.json", &json.to_string());
}

fn basic() -> String {
    STANDARD.encode(format!("{USER}:{PASSWORD}"))
}

/// A user who has a policy in `p.wasm`.
fn exporter() -> User {
    let user = User::new();
    user.host
        .run(&["policy", "export", "default", "-o", "p.wasm"])
        .with_code(0);
    user
}

/// A registry that requires credentials, a user with a policy in `p.wasm`, and where that is to go.
fn locked() -> (Server, User, String) {
    let server = Server::locked();
    let reference = server.reference("team/nightly:1");
    (server, exporter(), reference)
}

#[test]
fn a_registry_that_wants_credentials_gets_them_from_the_variables() {
    let (server, user, reference) = locked();
    let push = ["policy", "push", "p.wasm", &reference];
    user.run(&push)
        .with_code(2)
        .says("requires credentials for team/nightly")
        .says("hint: `docker login` to it");
    user.run_with(&push, &variables(server.address(), "wrong"))
        .with_code(2)
        .says("refused the credentials of TBENGINE_REGISTRY_USER");
    // They are for another one, on the same host even.
    user.run_with(&push, &variables("127.0.0.1:1", PASSWORD))
        .with_code(2)
        .says("none are configured");
    let [host, name, password] = variables(server.address(), PASSWORD);
    for (some, says) in [
        (&[name, password][..], "without TBENGINE_REGISTRY_HOST"),
        (&[host, name], "only one of"),
    ] {
        user.run_with(&push, some).with_code(2).says(says);
    }
    let pushed = user.run_with(&push, &[host, name, password]).with_code(0);
    // None of them is a variable that means nothing.
    assert_eq!(pushed.stderr, "");
    let pull = ["policy", "pull", &reference];
    user.run(&pull).with_code(2).says("requires credentials");
    user.run_with(&pull, &[host, name, password]).with_code(0);
}

#[test]
fn what_docker_login_left_is_used() {
    let (server, user, reference) = locked();
    let push = ["policy", "push", "p.wasm", &reference];
    let auth = serde_json::json!({ "auth": basic() });
    for key in [
        server.address().to_owned(),
        format!("http://{}/v2/", server.address()),
    ] {
        docker_file(&user, &serde_json::json!({ "auths": { key: auth } }));
        user.run(&push).with_code(0);
    }
    // Elsewhere, for others, and not at all as docker writes it.
    let elsewhere = user.host.path("elsewhere");
    let variable = [("DOCKER_CONFIG", elsewhere.to_str().unwrap())];
    user.run_with(&push, &variable)
        .with_code(2)
        .says("requires credentials");
    for (json, says) in [
        (
            serde_json::json!({ "auths": { "ghcr.io": auth } }),
            "none are configured",
        ),
        (
            serde_json::json!({ "auths": { server.address(): { "auth": "?" } } }),
            "cannot be decoded",
        ),
        (
            serde_json::json!({ "auths": { server.address(): { "identitytoken": PASSWORD } } }),
            "identity token",
        ),
        (
            serde_json::json!({ "auths": [PASSWORD] }),
            "is not a valid docker configuration",
        ),
    ] {
        docker_file(&user, &json);
        let refused = user.run(&push).with_code(2).says(says);
        assert!(!refused.stderr.contains(PASSWORD), "{}", refused.stderr);
    }
}

/// A credential helper that answers so, and writes down what it was asked.
fn helper(user: &User, name: &str, answer: &str, code: u8) {
    let path = user.host.write(
        &format!("bin/docker-credential-{name}"),
        &format!("#!/bin/sh\ncat > \"$HOME/asked\"\necho '{answer}'\nexit {code}\n"),
    );
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn credential_helpers_are_asked() {
    let (server, user, reference) = locked();
    let bin = user.host.path("bin");
    let path = format!("{}:/bin:/usr/bin", bin.to_str().unwrap());
    let push = |says: Option<&str>| {
        let args = ["policy", "push", "p.wasm", &reference];
        let ended = user.run_with(&args, &[("PATH", &path)]);
        assert!(!ended.stderr.contains(PASSWORD), "{}", ended.stderr);
        match says {
            None => drop(ended.with_code(0)),
            Some(says) => drop(ended.with_code(2).says(says)),
        }
    };
    let answer = |name: &str| {
        serde_json::json!({ "ServerURL": "x", "Username": name, "Secret": PASSWORD }).to_string()
    };
    docker_file(&user, &serde_json::json!({ "credsStore": "vault" }));
    push(Some(
        "docker-credential-vault, which docker's config.json names, cannot be started",
    ));
    helper(&user, "vault", &answer(USER), 0);
    push(None);
    assert_eq!(user.host.read("asked"), server.address());
    helper(&user, "vault", &answer("<token>"), 0);
    push(Some("identity token"));
    helper(&user, "vault", PASSWORD, 1);
    push(Some(
        "docker-credential-vault, which docker's config.json names, failed",
    ));
    helper(&user, "vault", PASSWORD, 0);
    push(Some("returned no credentials"));
    helper(
        &user,
        "vault",
        "credentials not found in native keychain",
        1,
    );
    push(Some("none are configured"));
    // One of its own comes before the store.
    helper(&user, "own", &answer(USER), 0);
    let helpers = serde_json::json!({ server.address(): "own" });
    docker_file(
        &user,
        &serde_json::json!({ "credsStore": "vault", "credHelpers": helpers }),
    );
    push(None);
    docker_file(&user, &serde_json::json!({ "credsStore": "../../bin/sh" }));
    push(Some("has an invalid name of a credential helper"));
}

/// Whether a text is in a file below a folder.
fn holds(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() && !path.is_symlink() {
            true => holds(&path, text),
            false => fs::read(&path).is_ok_and(|bytes| {
                bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes())
            }),
        }
    })
}

#[test]
fn they_are_nowhere_to_be_read() {
    let (server, user, reference) = locked();
    let right = variables(server.address(), PASSWORD);
    let push = ["policy", "push", "p.wasm", &reference, "-O", "json", "-vvv"];
    let pushed = user.run_with(&push, &right).with_code(0);
    // There is a log to look into.
    assert!(pushed.stderr.contains("connect"), "{}", pushed.stderr);
    let json = pushed.json();
    let pinned = json["reference"].as_str().unwrap();
    let run = ["run", "--policy", pinned, "-vvv"];
    let ran = user.run_with(&run, &right).with_code(0);
    let wrong = user.run_with(&push, &variables(server.address(), "not-that-one"));
    for ended in [pushed, ran, wrong] {
        for secret in [PASSWORD, &basic(), "not-that-one"] {
            assert!(!ended.stderr.contains(secret), "{}", ended.stderr);
            assert!(!ended.stdout.contains(secret), "{}", ended.stdout);
        }
    }
    assert!(user.host.path(".local/state/tbengine").is_dir());
    for secret in [PASSWORD, &basic()] {
        assert!(!holds(&user.host.path(""), secret), "{secret}");
    }
    // Nor is what someone wrote into a reference.
    let refused = user.run(&["policy", "pull", "team:correct-horse@ghcr.io/a"]);
    let refused = refused
        .with_code(2)
        .says("must not contain a user or password");
    assert!(!refused.stderr.contains(PASSWORD), "{}", refused.stderr);
}

#[test]
fn a_token_is_had_from_where_the_registry_says_and_goes_to_the_registry_only() {
    let wasm = tbengine_builtins::get("default").unwrap().wasm.to_vec();
    let storage = {
        let wasm = wasm.clone();
        Scripted::start(move |_| Answer::ok(wasm.clone()))
    };
    let issuer = Scripted::start(|_| Answer::ok("{\"access_token\": \"t0ken\"}"));
    let manifest = scripted::manifest(&wasm);
    let digest = scripted::digest(&manifest);
    let realm = format!(
        "Bearer realm=\"http://{}/token?a=b\",service=\"the registry\"",
        issuer.address()
    );
    let blobs = format!("http://{}/blob?signature=x", storage.address());
    let registry = Scripted::start(move |request| {
        match request.headers.get("authorization").map(String::as_str) {
            Some("Bearer t0ken") if request.path.contains("/blobs/") => {
                Answer::new(307).with("location", &blobs)
            }
            Some("Bearer t0ken") => Answer::ok(manifest.clone()),
            _ => Answer::new(401).with("www-authenticate", &realm),
        }
    });
    let user = User::new();
    let pinned = registry.reference(&format!("team/nightly@{digest}"));
    let host = registry.address().to_string();
    user.run_with(&["policy", "pull", &pinned], &variables(&host, PASSWORD))
        .with_code(0);
    let asked = issuer.seen();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(
        asked[0].path,
        "/token?a=b&service=the+registry&scope=repository%3Ateam%2Fnightly%3Apull"
    );
    assert_eq!(
        asked[0].headers["authorization"],
        format!("Basic {}", basic())
    );
    assert!(
        !storage.seen()[0].headers.contains_key("authorization"),
        "{:?}",
        storage.seen()
    );
    // Without credentials a token may be had all the same.
    let anyone = User::new();
    anyone.run(&["policy", "pull", &pinned]).with_code(0);
    assert!(
        !issuer.seen()[1].headers.contains_key("authorization"),
        "{:?}",
        issuer.seen()
    );
}

#[test]
fn whoever_a_registry_redirects_to_cannot_ask_for_credentials() {
    let thief = Scripted::start(|request| match request.path.as_str() {
        "/token" => Answer::ok("{\"token\": \"t\"}"),
        _ => Answer::new(401).with("www-authenticate", "Basic realm=\"x\""),
    });
    let target = format!("http://{}/v2/x", thief.address());
    let registry = Scripted::start(move |_| Answer::new(302).with("location", &target));
    let user = User::new();
    let host = registry.address().to_string();
    let pull = ["policy", "pull", &registry.reference("team/nightly:1")];
    user.run_with(&pull, &variables(&host, PASSWORD))
        .with_code(2);
    let seen = thief.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(!seen[0].headers.contains_key("authorization"), "{seen:?}");
}

#[test]
fn an_upload_elsewhere_goes_without_credentials() {
    let storage = Scripted::start(|_| Answer::new(201));
    let place = format!("http://{}/upload?signature=x", storage.address());
    let registry = Scripted::start(move |request| {
        if !request.headers.contains_key("authorization") {
            return Answer::new(401).with("www-authenticate", "Basic realm=\"x\"");
        }
        match request.method.as_str() {
            "HEAD" => Answer::new(404),
            "POST" => Answer::new(202).with("location", &place),
            _ => Answer::new(201),
        }
    });
    let user = exporter();
    let host = registry.address().to_string();
    let push = [
        "policy",
        "push",
        "p.wasm",
        &registry.reference("team/nightly:1"),
    ];
    user.run_with(&push, &variables(&host, PASSWORD))
        .with_code(0);
    let seen = storage.seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    for request in seen {
        assert!(
            request
                .path
                .starts_with("/upload?signature=x&digest=sha256%3A"),
            "{request:?}"
        );
        assert!(
            !request.headers.contains_key("authorization"),
            "{request:?}"
        );
    }
}

#[test]
fn a_proxy_is_for_other_machines_only() {
    let proxy = Scripted::start(|_| Answer::new(403));
    let (registry, pinned) = Scripted::registry(b"wasm".to_vec());
    let address = format!("http://{USER}:{PASSWORD}@{}", proxy.address());
    let variables = [("HTTPS_PROXY", address.as_str()), ("HTTP_PROXY", &address)];
    let user = User::new();
    user.run_with(&["policy", "pull", &pinned], &variables)
        .with_code(0);
    assert_eq!((registry.seen().len(), proxy.seen().len()), (2, 0));
    let refused = user
        .run_with(&["policy", "pull", "registry.example/a:1"], &variables)
        .with_code(2)
        .says("registry.example cannot be reached");
    assert!(!refused.stderr.contains(PASSWORD), "{}", refused.stderr);
    let seen = proxy.seen();
    assert_eq!(seen[0].method, "CONNECT", "{seen:?}");
    assert_eq!(seen[0].path, "registry.example:443");
}
