//! What was proven of owners.

use std::time::Duration;

use tbengine_engine::discover::recognise::LearnedIn;
use tbengine_engine::owners::Learned;

use super::Subject;
use crate::world::NOW;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn learned(account: &str, unit: Option<&str>) -> LearnedIn {
    LearnedIn {
        account: account.into(),
        learned: Learned {
            unit: unit.map(str::to_owned),
            owner: "harbor".into(),
        },
    }
}

pub(crate) async fn what_was_proven_is_remembered_for_a_while(subject: &dyn Subject) {
    let store = subject.store();
    let since = |days: u32| NOW.minus(DAY * days);
    assert_eq!(store.proven(since(30)).await.unwrap(), []);

    let old = [learned("a", Some("trial-1")), learned("a", None)];
    store.note_proven(&old, since(20), since(50)).await.unwrap();
    let new = [learned("a", Some("trial-1")), learned("b", Some("trial-2"))];
    store.note_proven(&new, NOW, since(30)).await.unwrap();

    // Another process sees the same, and what was proven again is new.
    let mut found = subject.store_of(2).proven(since(30)).await.unwrap();
    found.sort();
    assert_eq!(
        found,
        [
            learned("a", None),
            learned("a", Some("trial-1")),
            learned("b", Some("trial-2"))
        ]
    );
    let mut found = store.proven(since(10)).await.unwrap();
    found.sort();
    assert_eq!(found, new);

    store.note_proven(&[], NOW, since(10)).await.unwrap();
    let mut left = store.proven(since(100)).await.unwrap();
    left.sort();
    assert_eq!(left, new, "what is older is forgotten");
}
