//! Whose certificate is believed, and that nothing goes out without one.

use tbengine_fake_daytona::TlsFront;

use super::User;
use super::scripted::{self, Answer, Scripted};
use super::server::Server;

fn wasm() -> Vec<u8> {
    tbengine_builtins::get("default").unwrap().wasm.to_vec()
}

/// Runs a test with TLS in front of a server; gives it the host, and a file with the authority.
fn with_tls(server: &Scripted, user: &User, test: impl FnOnce(&str, &str)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let front = runtime.block_on(TlsFront::at(server.address())).unwrap();
    let authority = user.host.write("authority.pem", front.authority());
    test(&front.host(), authority.to_str().unwrap());
}

#[test]
fn the_certificate_has_to_be_of_an_authority_that_is_trusted() {
    let (server, pinned) = Scripted::registry(wasm());
    let digest = pinned.split_once('@').unwrap().1;
    let user = User::new();
    with_tls(&server, &user, |host, authority| {
        let reference = format!("{host}/team/nightly@{digest}");
        let pull = ["policy", "pull", &reference, "--plain-http=false"];
        user.run(&pull).with_code(2).says(&format!(
            "the certificate of {host} is signed by an untrusted authority"
        ));
        assert_eq!(server.seen().len(), 0);
        user.run_with(&pull, &[("SSL_CERT_FILE", authority)])
            .with_code(0);
    });
    let without = Server::open();
    let plain = without.reference("team/nightly:1");
    user.run(&["policy", "pull", &plain, "--plain-http=false"])
        .with_code(2)
        .says("does not speak TLS")
        .says("--plain-http");
}

#[test]
fn behind_tls_nothing_goes_on_without_it() {
    let outside = Scripted::start(|_| Answer::ok("{\"token\": \"t\"}"));
    let target = format!("http://{}/x", outside.address());
    let realm = format!("Bearer realm=\"{target}\"");
    let manifest = scripted::manifest(&wasm());
    let server = Scripted::start(move |request| match request.path.as_str() {
        path if path.contains("/redirects/") => match path.contains("/blobs/") {
            true => Answer::new(307).with("location", &target),
            false => Answer::ok(manifest.clone()),
        },
        path if path.contains("/tokens/") => Answer::new(401).with("www-authenticate", &realm),
        _ => match request.method.as_str() {
            "HEAD" => Answer::new(404),
            _ => Answer::new(202).with("location", &target),
        },
    });
    let user = User::new();
    user.host
        .run(&["policy", "export", "default", "-o", "p.wasm"])
        .with_code(0);
    with_tls(&server, &user, |host, authority| {
        let variables = [
            ("SSL_CERT_FILE", authority),
            ("TBENGINE_PLAIN_HTTP", "false"),
            ("TBENGINE_REGISTRY_HOST", host),
            ("TBENGINE_REGISTRY_USER", "team"),
            ("TBENGINE_REGISTRY_PASSWORD", "correct-horse"),
        ];
        let reference = |repository: &str| format!("{host}/{repository}:1");
        for (args, says) in [
            (
                &["policy", "pull", &reference("redirects")][..],
                "to an unencrypted address",
            ),
            (
                &["policy", "pull", &reference("tokens")],
                "redirects the request for a token to an address that must not get credentials",
            ),
            (
                &["policy", "push", "p.wasm", &reference("uploads")],
                "redirects the upload to an unencrypted address",
            ),
        ] {
            user.run_with(args, &variables).with_code(2).says(says);
        }
    });
    assert_eq!(outside.seen().len(), 0);
}
