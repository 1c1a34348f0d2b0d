//! The service behind TLS: whose certificate is believed, and what is said of one that is not.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tbengine_daytona::Daytona;
use tbengine_fake_daytona::{FakeDaytona, Settings, TlsFront, sandbox};
use tbengine_sdk::{Backend, ErrorKind, Kind, ListRequest, OpenRequest, Result, Timestamp};

fn open(fake: &FakeDaytona, config: Value) -> Result<Daytona> {
    Daytona::open(OpenRequest {
        name: "cloud".into(),
        config,
        environment: Arc::new(BTreeMap::from([("DAYTONA_API_KEY".to_owned(), fake.key())])),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    })
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_private_authority_is_believed_where_the_configuration_names_it() {
    let fake = FakeDaytona::start(Settings::default()).await.unwrap();
    let id = fake.put(sandbox());
    let front = TlsFront::before(&fake).await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let ca = write(files.path(), "ca.pem", front.authority());
    let backend = open(&fake, json!({ "api-url": front.url(), "ca-file": ca })).unwrap();
    assert!(
        backend
            .check()
            .await
            .unwrap()
            .description
            .contains("https://127.0.0.1")
    );
    let page = backend
        .list(ListRequest::first(Kind::SANDBOX))
        .await
        .unwrap();
    assert_eq!(page.resources[0].identity.native, id);
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_in_one_clear_sentence() {
    let fake = FakeDaytona::start(Settings::default()).await.unwrap();
    let front = TlsFront::before(&fake).await.unwrap();
    let other = TlsFront::before(&fake).await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let wrong = write(files.path(), "other.pem", other.authority());
    for config in [
        json!({ "api-url": front.url(), "ca-file": wrong }),
        json!({ "api-url": front.url() }),
    ] {
        let error = open(&fake, config).unwrap().check().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert_eq!(
            error.message,
            format!(
                "the certificate of {} is signed by an untrusted authority",
                front.url()
            )
        );
        assert!(error.hint.unwrap().contains("ca-file"));
    }
    // It was not spoken to, so the key was not shown either.
    assert!(fake.record().requests.is_empty());
}

#[tokio::test]
async fn a_name_that_the_certificate_is_not_for_is_refused() {
    let fake = FakeDaytona::start(Settings::default()).await.unwrap();
    let front = TlsFront::before(&fake).await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let ca = write(files.path(), "ca.pem", front.authority());
    let url = front.url().replace("127.0.0.1", "localhost");
    let backend = open(&fake, json!({ "api-url": url, "ca-file": ca })).unwrap();
    let error = backend.check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("not valid for"), "{error}");
    assert!(fake.record().requests.is_empty());
}

#[tokio::test]
async fn a_file_without_certificates_is_an_error_of_the_configuration() {
    let fake = FakeDaytona::start(Settings::default()).await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let empty = write(files.path(), "empty.pem", "no certificate\n");
    let missing = files.path().join("missing.pem");
    for path in [json!(empty), json!(missing)] {
        let config = json!({ "api-url": "https://127.0.0.1:1/api", "ca-file": path });
        let error = open(&fake, config).unwrap().check().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.message.contains(path.as_str().unwrap()), "{error}");
    }
    let relative = json!({ "api-url": "https://127.0.0.1:1/api", "ca-file": "ca.pem" });
    let error = open(&fake, relative).err().unwrap();
    assert!(error.message.contains("absolute"), "{error}");
}
