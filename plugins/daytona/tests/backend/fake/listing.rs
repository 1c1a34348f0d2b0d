//! Listings: pages, odd fields, old servers.

use std::collections::{BTreeMap, BTreeSet};

use tbengine_fake_daytona::{Fields, Listing, Settings, sandbox};
use tbengine_sdk::{Backend, Kind, ListRequest, State};

use crate::fake::world::{FORCE, World, fast};

#[tokio::test]
async fn every_page_size_shows_every_sandbox_once() {
    let world = World::new(Settings {
        sandboxes: 450,
        ..fast()
    })
    .await;
    let live: BTreeSet<String> = world.fake.live().into_iter().collect();
    for page_size in [1000, 200, 7] {
        let listed = world.sandboxes(page_size).await.unwrap();
        assert_eq!(listed.len(), 450);
        let ids: BTreeSet<String> = listed.into_iter().map(|one| one.identity.native).collect();
        assert_eq!(ids, live);
    }
    let listed = world.sandboxes(200).await.unwrap();
    let of_harbor = listed
        .iter()
        .filter(|one| one.labels.get("harbor.managed") == Some("true"));
    assert!(of_harbor.count() > 400);
    // A create that was repeated: several live sandboxes of one unit.
    let mut units: BTreeMap<&str, usize> = BTreeMap::new();
    for unit in listed.iter().filter_map(|one| one.unit.as_ref()) {
        *units.entry(&unit.0).or_default() += 1;
    }
    assert!(units.values().any(|count| *count == 3));
}

#[tokio::test]
async fn odd_fields_and_old_servers_are_survived() {
    for listing in [Listing::Cursor, Listing::BareArray] {
        let world = World::new(Settings {
            sandboxes: 300,
            odd_fields: 0.5,
            listing,
            ..fast()
        })
        .await;
        let listed = world.sandboxes(200).await.unwrap();
        assert_eq!(listed.len(), 300);
        for one in listed
            .iter()
            .filter(|one| one.state == State::Unknown)
            .take(3)
        {
            let read = world.backend.get(&one.identity).await.unwrap().unwrap();
            assert_eq!(read.identity, one.identity);
        }
    }
    let world = World::new(fast()).await;
    let frozen = world
        .put(sandbox().fields(Fields::State("frozen".into())))
        .await;
    assert_eq!(frozen.state, State::Unknown);
    let bare = world.put(sandbox().fields(Fields::Missing)).await;
    assert_eq!((bare.state, bare.identity.created), (State::Unknown, None));
}

#[tokio::test]
async fn deleting_while_paging_misses_nothing() {
    let world = World::new(Settings {
        sandboxes: 500,
        ..fast()
    })
    .await;
    let mut request = ListRequest {
        page_size: 100,
        ..ListRequest::first(Kind::SANDBOX)
    };
    let mut seen = 0;
    loop {
        let page = world.backend.list(request.clone()).await.unwrap();
        seen += page.resources.len();
        for one in &page.resources {
            // What cannot be deleted just now is not what this test is about.
            let _answer = world.backend.delete(&one.identity, FORCE).await;
        }
        match page.next {
            Some(next) => request.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, 500);
}
