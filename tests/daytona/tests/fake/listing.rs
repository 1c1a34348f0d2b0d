//! Pages, filters, and the weaknesses of both.

use std::collections::HashSet;
use std::time::Duration;

use rstest::rstest;
use tbengine_fake_daytona::{Desired, State, sandbox};

use crate::support::Simulation;

/// 500 sandboxes, five of each creation time.
fn five_hundred(fake: &mut Simulation, change: impl Fn(u16) -> tbengine_fake_daytona::Make) {
    for number in 0..500u16 {
        let age = Duration::from_millis(u64::from(number / 5));
        fake.put(change(number).age(age));
    }
}

/// Reads page after page; `between` happens after each.
fn read_all(
    fake: &mut Simulation,
    query: &str,
    mut between: impl FnMut(&mut Simulation, &[String]),
) -> Vec<String> {
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for _ in 0..200 {
        let page = format!("{query}&cursor={cursor}");
        let (rows, next) = fake.cloud.list_page(0, &page, fake.now).unwrap();
        let ids: Vec<_> = rows.iter().map(|row| row.id.to_string()).collect();
        between(fake, &ids);
        seen.extend(ids);
        match next {
            Some(next) => cursor = next,
            None => return seen,
        }
    }
    panic!("the pages do not end")
}

fn distinct(ids: &[String]) -> usize {
    ids.iter().collect::<HashSet<_>>().len()
}

#[rstest]
fn every_sort_pages_completely(
    #[values("name", "cpu", "memoryGib", "diskGib", "lastActivityAt", "createdAt")] sort: &str,
    #[values("asc", "desc")] order: &str,
) {
    let mut fake = Simulation::new();
    five_hundred(&mut fake, |number| {
        let size = u32::from(number % 3) + 1;
        sandbox().size(size, size, size)
    });
    let query = format!("limit=7&sort={sort}&order={order}");
    let seen = read_all(&mut fake, &query, |_, _| {});
    assert_eq!((seen.len(), distinct(&seen)), (500, 500));
}

#[test]
fn the_cursor_survives_deleting_while_paging() {
    let mut fake = Simulation::new();
    five_hundred(&mut fake, |_| sandbox());
    let seen = read_all(&mut fake, "sort=createdAt&order=asc", |fake, ids| {
        for id in ids {
            fake.delete(id).unwrap();
        }
        fake.pass_ms(220);
    });
    assert_eq!(distinct(&seen), 500);
    assert_eq!(fake.list(""), []);
}

#[test]
fn the_default_sort_loses_rows_without_activity() {
    let mut fake = Simulation::new();
    five_hundred(&mut fake, |number| match number % 5 {
        0 => sandbox().never_active(),
        _ => sandbox(),
    });
    let seen = read_all(&mut fake, "", |_, _| {});
    assert!((400..500).contains(&distinct(&seen)), "{}", seen.len());
    let seen = read_all(&mut fake, "sort=createdAt&order=asc", |_, _| {});
    assert_eq!(distinct(&seen), 500);
}

#[test]
fn the_default_sort_is_the_latest_activity_first() {
    let mut fake = Simulation::new();
    let old = fake.put(sandbox().idle(Duration::from_secs(60)));
    let new = fake.put(
        sandbox()
            .age(Duration::from_secs(7200))
            .idle(Duration::ZERO),
    );
    let ids: Vec<_> = fake.list("").into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [new, old]);
}

#[test]
fn activity_moves_with_the_state() {
    let mut fake = Simulation::new();
    let first = fake.put(sandbox().idle(Duration::from_secs(60)));
    let second = fake.put(sandbox().idle(Duration::from_secs(30)));
    let ids =
        |fake: &Simulation| -> Vec<_> { fake.list("").into_iter().map(|(id, _)| id).collect() };
    assert_eq!(ids(&fake), [second.clone(), first.clone()]);
    fake.delete(&first).unwrap();
    assert_eq!(ids(&fake), [first, second]);
}

#[test]
fn microseconds_lose_rows_downwards_and_repeat_them_upwards() {
    let mut fake = Simulation::new();
    five_hundred(&mut fake, |number| sandbox().micros(number % 5 * 100 + 50));
    let down = read_all(&mut fake, "limit=7&sort=createdAt&order=desc", |_, _| {});
    assert!(distinct(&down) < 500);
    let up = read_all(&mut fake, "limit=7&sort=createdAt&order=asc", |_, _| {});
    assert_eq!(distinct(&up), 500);
    assert!(up.len() > 500);
}

#[rstest]
#[case("limit=201", "limit must not be greater than 200")]
#[case("limit=0", "limit must not be less than 1")]
#[case("limit=many", "limit must be an integer number")]
#[case("states=started,stopped", "each value must be one of")]
#[case("states=destroyed", "each value must be one of")]
#[case("labels=%7Bnot", "Invalid labels JSON format")]
#[case("cursor=%21%21", "Invalid cursor provided: !!")]
#[case("cursor=bm8ganNvbg==", "Invalid cursor provided: bm8ganNvbg==")]
#[case("sort=age", "sort must be one of the following values: name, cpu")]
#[case("order=up", "order must be one of the following values: asc, desc")]
#[case("createdAtBefore=yesterday", "createdAtBefore must be a valid")]
#[case(
    "limit=201&sort=age",
    "limit must not be greater than 200, sort must be"
)]
fn refused(#[case] query: &str, #[case] message: &str) {
    let fake = Simulation::new();
    let refused = fake.cloud.list_page(0, query, fake.now).unwrap_err();
    assert_eq!(refused.status, 400);
    assert!(refused.message.starts_with(message), "{}", refused.message);
}

#[test]
fn labels_that_are_no_object_break_the_query() {
    let fake = Simulation::new();
    for labels in ["[]", "1", "null", "%22a%22"] {
        let query = format!("labels={labels}");
        let refused = fake.cloud.list_page(0, &query, fake.now).unwrap_err();
        assert_eq!(refused.status, 500);
    }
}

#[rstest]
#[case("", &["a", "b", "c", "d"])]
#[case("colour=blue&state=stopped", &["a", "b", "c", "d"])]
#[case("states=started", &["a", "b"])]
#[case("states=started&states=error", &["a", "b", "d"])]
#[case("states[]=stopped", &["c"])]
#[case("labels=%7B%22run%22%3A%221%22%7D", &["a", "b"])]
#[case("labels=%7B%22run%22%3A%221%22%2C%22kind%22%3A%22x%22%7D", &["b"])]
#[case("labels=%7B%22run%22%3A1%7D", &[])]
#[case("name=WORK", &["a"])]
#[case("name=orker", &[])]
#[case("id=B", &["b"])]
#[case("regionIds=eu", &["c"])]
#[case("regions=eu", &["a", "b", "c", "d"])]
#[case("minCpu=4", &["d"])]
#[case("maxMemoryGiB=4", &["a", "b", "c"])]
#[case("createdAtBefore=2026-11-23T10:30:00Z", &["c"])]
#[case("createdAtAfter=2026-11-23T10:30:00Z", &["a", "b", "d"])]
#[case("isRecoverable=true", &["d"])]
fn filters(#[case] query: &str, #[case] expected: &[&str]) {
    let mut fake = Simulation::new();
    fake.put(sandbox().id("a").name("worker-1").label("run", "1"));
    fake.put(sandbox().id("b").label("run", "1").label("kind", "x"));
    let two_hours = Duration::from_secs(7200);
    fake.put(
        sandbox()
            .id("c")
            .state(State::Stopped)
            .target("eu")
            .age(two_hours),
    );
    fake.put(
        sandbox()
            .id("d")
            .state(State::Error)
            .size(4, 8, 10)
            .recoverable(),
    );
    let mut ids: Vec<_> = fake.list(query).into_iter().map(|(id, _)| id).collect();
    ids.sort();
    assert_eq!(ids, expected);
}

#[test]
fn filters_look_at_what_is_stored_and_not_at_what_is_shown() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox());
    fake.delete(&id).unwrap();
    assert_eq!(fake.list("states=started"), [(id, "destroying")]);
}

#[rstest]
#[case(State::Started, Desired::Destroyed, "destroying")]
#[case(State::Started, Desired::Stopped, "stopping")]
#[case(State::Stopped, Desired::Destroyed, "destroying")]
#[case(State::Stopped, Desired::Started, "starting")]
#[case(State::Stopped, Desired::Archived, "archiving")]
#[case(State::Archived, Desired::Started, "restoring")]
#[case(State::Unknown, Desired::Started, "creating")]
#[case(State::Archived, Desired::Destroyed, "archived")]
fn wishes_show(#[case] state: State, #[case] desired: Desired, #[case] shown: &str) {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().state(state).desired(desired));
    assert_eq!(fake.list(""), [(id, shown)]);
}
