//! The backend of E2B as tbengine meets it: loaded, with a key that the configuration passes, against the fake service.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tbengine_plugin_host::kit::{self, Subject};
use tbengine_plugin_host::{Plugin, PluginOptions, Plugins, open_with};
use tbengine_sdk::testkit::CaseEnd;
use tbengine_sdk::{DeleteOptions, ErrorKind, Kind, ListRequest, Owner, State, StopOptions};

#[path = "../../../plugins/e2b/tests/support/fake.rs"]
mod fake;
#[path = "../../../plugins/e2b/tests/support/plugin.rs"]
mod plugin;

use fake::{Fake, KEY};
use plugin::{request, spec};

fn harbor() -> BTreeMap<String, String> {
    [
        ("session_id", "hello__DqmfGz2__env"),
        ("environment_name", "hello"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn sandboxes_are_listed_in_pages_paused_and_killed() {
    let fake = Fake::default();
    let address = fake.serve().await;
    for number in 0..250 {
        fake.make(number % 2 == 0, harbor());
    }
    let plugins = Plugins::load(&[spec()], &PluginOptions::default()).unwrap();
    let backend = open_with(&plugins, "e2b", request(&address, KEY))
        .unwrap()
        .backend;
    let account = backend.check().await.unwrap();
    assert!(account.id.starts_with("key-") && !account.id.contains(KEY));
    let (mut found, mut pages) = (Vec::new(), 0);
    let mut page = ListRequest::first(Kind::SANDBOX);
    loop {
        let answer = backend.list(page.clone()).await.unwrap();
        found.extend(answer.resources);
        pages += 1;
        match answer.next {
            Some(next) => page.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!((found.len(), pages), (250, 3));
    let runs = found
        .iter()
        .find(|one| one.state == State::Running)
        .unwrap();
    // Whose it is, the host finds out.
    assert_eq!(runs.owner, Owner::Unknown);
    assert_eq!(runs.unit.as_ref().unwrap().0, "hello__DqmfGz2__env");
    assert_eq!(runs.usage.memory_bytes, Some(512 << 20));
    let target = &runs.identity;
    let gentle = backend.delete(target, DeleteOptions::GENTLE).await;
    assert_eq!(gentle.unwrap_err().kind, ErrorKind::Conflict);
    backend.stop(target, StopOptions::default()).await.unwrap();
    assert_eq!(
        backend.get(target).await.unwrap().unwrap().state,
        State::Stopped
    );
    backend.delete(target, DeleteOptions::GENTLE).await.unwrap();
    assert_eq!(backend.get(target).await.unwrap(), None);
    let other = found
        .iter()
        .rfind(|one| one.state == State::Running)
        .unwrap();
    backend
        .delete(&other.identity, DeleteOptions::FORCE)
        .await
        .unwrap();
    assert_eq!(fake.count(), 248);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_with_more_behind_it_is_another_id() {
    let fake = Fake::default();
    let address = fake.serve().await;
    fake.make(true, BTreeMap::new());
    let plugin = Plugin::load(&spec(), &PluginOptions::default()).unwrap();
    let open = plugin.open_channel(&plugin.request("e2b", &request(&address, KEY)));
    let backend = open.unwrap().into_backend("cloud".into());
    let page = backend
        .list(ListRequest::first(Kind::SANDBOX))
        .await
        .unwrap();
    let mut target = page.resources[0].identity.clone();
    target.native.push_str("-6532622b");
    assert_eq!(backend.get(&target).await.unwrap(), None);
    let answer = backend.delete(&target, DeleteOptions::GENTLE).await;
    assert_eq!(answer.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(fake.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_refuses_has_its_kind() {
    let fake = Fake::default();
    let address = fake.serve().await;
    let plugin = Plugin::load(&spec(), &PluginOptions::default()).unwrap();
    let open = |key| {
        let open = plugin.open_channel(&plugin.request("e2b", &request(&address, key)));
        open.map(|opening| opening.into_backend("cloud".into()))
    };
    let backend = open(KEY).unwrap();
    for (status, kind) in [
        (403, ErrorKind::Forbidden),
        (418, ErrorKind::Internal),
        (500, ErrorKind::Transient),
        (503, ErrorKind::Unavailable),
    ] {
        fake.answer_next(status);
        let error = backend.check().await.unwrap_err();
        assert_eq!(error.kind, kind, "{status}");
        assert_eq!(error.code, Some(format!("e2b:{status}")));
    }
    fake.allow(1);
    backend.check().await.unwrap();
    let error = backend.check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    let nowhere = request("http://127.0.0.1:1", KEY);
    let nowhere = plugin
        .open_channel(&plugin.request("e2b", &nowhere))
        .unwrap();
    let error = nowhere
        .into_backend("cloud".into())
        .check()
        .await
        .unwrap_err();
    assert!(
        error.kind == ErrorKind::Unavailable && error.nobody_listens(),
        "{error:?}"
    );
    // The service repeats the key that it refuses; nobody else does.
    let error = open("e2b_stolen").unwrap().check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(!format!("{error:?}").contains("e2b_stolen"), "{error:?}");
    let error = open("").err().unwrap();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.hint.unwrap().contains("env = [\"E2B_API_KEY\"]"));
}

#[test]
fn the_kit_finds_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fake = Fake::default();
    let address = runtime.block_on(fake.serve());
    for number in 0..5 {
        fake.make(number % 2 == 0, harbor());
    }
    let plugin = Arc::new(Plugin::load(&spec(), &PluginOptions::default()).unwrap());
    let subject = Subject::new(plugin, "e2b", request(&address, KEY)).unwrap();
    let mut held = 0;
    for case in kit::cases(&subject) {
        let name = case.name;
        match (case.run)() {
            CaseEnd::Held => held += 1,
            CaseEnd::NotApplicable(_) | CaseEnd::Ignored(_) => {}
            CaseEnd::Failed(message) => panic!("{name}: {message}"),
        }
    }
    assert!(held >= 20, "{held}");
    assert_eq!(fake.count(), 5, "without a fixture nothing is deleted");
}
