//! Which address each setting leads to.

use std::fs;

use super::*;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn context(&self, name: &str, meta: &str, tls: &[&str]) {
        let hash = hex::encode(Sha256::digest(name));
        let meta_dir = self.0.path().join("contexts/meta").join(&hash);
        fs::create_dir_all(&meta_dir).unwrap();
        fs::write(meta_dir.join("meta.json"), meta).unwrap();
        let tls_dir = self
            .0
            .path()
            .join("contexts/tls")
            .join(&hash)
            .join("docker");
        for file in tls {
            fs::create_dir_all(&tls_dir).unwrap();
            fs::write(tls_dir.join(file), "").unwrap();
        }
    }

    fn resolve(&self, config: Config, variables: &[(&str, &str)]) -> Result<Endpoint> {
        let mut environment: BTreeMap<String, String> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        environment.insert("DOCKER_CONFIG".into(), self.0.path().display().to_string());
        resolve(&config, &environment)
    }
}

fn meta(host: &str) -> String {
    format!(
        r#"{{"Name":"x","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#
    )
}

fn host(text: &str) -> Config {
    Config {
        host: Some(text.into()),
        ..Config::default()
    }
}

#[test]
fn the_precedence_is_that_of_the_docker_command() {
    let home = Home::new();
    for name in ["named", "of-env", "current"] {
        home.context(name, &meta(&format!("unix:///{name}.sock")), &[]);
    }
    fs::write(
        home.0.path().join("config.json"),
        r#"{"auths":{},"currentContext":"current"}"#,
    )
    .unwrap();
    let named = || Config {
        context: Some("named".into()),
        ..Config::default()
    };
    let shown =
        |config: Config, variables: &[(&str, &str)]| home.resolve(config, variables).unwrap().shown;
    let both = [
        ("DOCKER_HOST", "unix:///env.sock"),
        ("DOCKER_CONTEXT", "of-env"),
    ];

    assert_eq!(
        shown(host("unix:///config.sock"), &both),
        "unix:///config.sock"
    );
    assert_eq!(shown(named(), &both), "unix:///named.sock");
    assert_eq!(shown(Config::default(), &both), "unix:///env.sock");
    assert_eq!(shown(Config::default(), &both[1..]), "unix:///of-env.sock");
    assert_eq!(
        shown(Config::default(), &[("DOCKER_HOST", "")]),
        "unix:///current.sock"
    );
    assert_eq!(
        shown(Config::default(), &[("DOCKER_CONTEXT", "default")]),
        DEFAULT_HOST
    );
    fs::remove_file(home.0.path().join("config.json")).unwrap();
    assert_eq!(shown(Config::default(), &[]), DEFAULT_HOST);
}

#[test]
fn a_context_brings_its_tls_files() {
    let home = Home::new();
    home.context(
        "far",
        &meta("tcp://build.example:2376"),
        &["ca.pem", "cert.pem", "key.pem"],
    );
    let endpoint = home
        .resolve(Config::default(), &[("DOCKER_CONTEXT", "far")])
        .unwrap();
    assert_eq!(
        endpoint.address,
        Address::Tcp {
            host: "build.example".into(),
            port: 2376
        }
    );
    let tls = endpoint.tls.unwrap();
    assert!(tls.ca.unwrap().ends_with("docker/ca.pem") && tls.key.is_some());
}

#[test]
fn tls_of_the_environment() {
    let home = Home::new();
    fs::write(home.0.path().join("ca.pem"), "").unwrap();
    let directory = home.0.path().display().to_string();
    let far = ("DOCKER_HOST", "tcp://build.example");
    for variables in [
        vec![far, ("DOCKER_TLS_VERIFY", "1")],
        vec![
            far,
            ("DOCKER_TLS_VERIFY", "1"),
            ("DOCKER_CERT_PATH", directory.as_str()),
        ],
    ] {
        let endpoint = home.resolve(Config::default(), &variables).unwrap();
        assert_eq!(
            endpoint.address,
            Address::Tcp {
                host: "build.example".into(),
                port: 2376
            }
        );
        assert!(endpoint.tls.unwrap().ca.is_some());
    }
}

#[test]
fn plaintext_to_another_machine_needs_consent() {
    let home = Home::new();
    for far in [
        "tcp://build.example:2375",
        "tcp://10.0.0.1",
        "http://build.example",
        "tcp://localhost.example",
    ] {
        let error = home.resolve(host(far), &[]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.hint.unwrap().contains("allow-plaintext"));
        let consent = Config {
            allow_plaintext: true,
            ..host(far)
        };
        assert!(home.resolve(consent, &[]).is_ok());
    }
    for near in [
        "tcp://localhost:2375",
        "tcp://127.0.0.1",
        "tcp://[::1]:2375",
        "unix:///run/x.sock",
    ] {
        assert!(home.resolve(host(near), &[]).is_ok(), "{near}");
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_a_sentence() {
    let home = Home::new();
    home.context("damaged", "{", &[]);
    home.context("empty", r#"{"Endpoints":{}}"#, &[]);
    home.context(
        "careless",
        r#"{"Endpoints":{"docker":{"Host":"tcp://x:1","SkipTLSVerify":true}}}"#,
        &[],
    );
    for (variable, value, says) in [
        ("DOCKER_HOST", "ssh://user@host", "ssh"),
        ("DOCKER_HOST", "/var/run/docker.sock", "address"),
        ("DOCKER_HOST", "unix://relative", "absolute"),
        ("DOCKER_HOST", "tcp://", "tcp://host:port"),
        ("DOCKER_HOST", "tcp://user:secret@host", "tcp://host:port"),
        (
            "DOCKER_HOST",
            "npipe:////./pipe/docker_engine",
            "unsupported scheme",
        ),
        ("DOCKER_CONTEXT", "absent", "absent"),
        ("DOCKER_CONTEXT", "../../etc", "cannot be read"),
        ("DOCKER_CONTEXT", "damaged", "damaged"),
        ("DOCKER_CONTEXT", "empty", "no docker host"),
        ("DOCKER_CONTEXT", "careless", "certificate"),
    ] {
        let error = home
            .resolve(Config::default(), &[(variable, value)])
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{value}");
        assert!(error.message.contains(says), "{value}: {error}");
    }
    let empty = Config {
        tls_dir: Some(home.0.path().into()),
        ..host("tcp://x:1")
    };
    assert!(
        home.resolve(empty, &[])
            .unwrap_err()
            .message
            .contains("ca.pem")
    );
    fs::write(home.0.path().join("config.json"), "{\"auths\": hunter2").unwrap();
    let error = home.resolve(Config::default(), &[]).unwrap_err();
    assert!(!error.message.contains("hunter2"), "{error}");
}
