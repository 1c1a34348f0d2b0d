//! What was deleted before under the same name.

use std::time::Duration;

use tbengine_sdk::Timestamp;

use super::Subject;

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) async fn what_is_deleted_again_is_counted_for_a_while(subject: &dyn Subject) {
    let store = subject.store();
    let night = |number: u64| {
        let first = Timestamp::from_unix_seconds(1_800_000_000);
        first.plus(DAY * u32::try_from(number).unwrap())
    };
    let note = async |names: &[&str], number: u64| {
        let keys: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let at = night(number);
        let noted = store.note_deleted(&keys, at, at.minus(DAY * 30)).await;
        noted.unwrap()
    };
    assert_eq!(note(&["a", "b"], 0).await, [0, 0]);
    assert_eq!(note(&["a", "c"], 1).await, [1, 0]);
    assert_eq!(note(&["b", "a"], 2).await, [1, 2]);
    assert_eq!(note(&[], 3).await, [0; 0]);
    // What was not deleted for a month is forgotten, and the rest is not.
    assert_eq!(note(&["a"], 31).await, [3]);
    assert_eq!(note(&["c", "a", "b"], 40).await, [0, 4, 0]);
}
