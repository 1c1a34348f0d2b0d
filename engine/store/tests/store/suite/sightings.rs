//! When things were first seen.

use std::time::Duration;

use tbengine_engine::facts::IdentityKey;

use super::Subject;
use crate::world::NOW;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn key(name: &str) -> IdentityKey {
    IdentityKey::from_text(name.to_owned())
}

pub(crate) async fn the_first_sight_is_remembered_while_it_is_seen(subject: &dyn Subject) {
    let store = subject.store();
    let ago = |days: u32| NOW.minus(DAY * days);
    assert_eq!(store.first_seen(ago(30)).await.unwrap(), []);

    let both = [key("a"), key("b")];
    store.note_seen(&both, ago(20), ago(50)).await.unwrap();
    store.note_seen(&[key("a")], ago(5), ago(35)).await.unwrap();
    store.note_seen(&[key("c")], NOW, ago(30)).await.unwrap();

    // Another process sees the same.
    let mut found = subject.store_of(2).first_seen(ago(30)).await.unwrap();
    found.sort_by_key(|(key, _)| key.as_str().to_owned());
    let first = [(key("a"), ago(20)), (key("b"), ago(20)), (key("c"), NOW)];
    assert_eq!(found, first);

    // What was not seen for long has gone and come back: its first sight is the new one.
    store.note_seen(&both, NOW, ago(10)).await.unwrap();
    let mut found = store.first_seen(ago(30)).await.unwrap();
    found.sort_by_key(|(key, _)| key.as_str().to_owned());
    let first = [(key("a"), ago(20)), (key("b"), NOW), (key("c"), NOW)];
    assert_eq!(found, first);
}
