//! Behaviours of `list`.

use std::collections::BTreeSet;

use super::bench::{Behaviour, Bench, Halt, Tested, assert_fails, behaviour};
use super::fixture::Wanted;
use crate::backend::{DeleteOptions, Detail, ListRequest};
use crate::error::ErrorKind;
use crate::identity::Identity;
use crate::kind::Kind;
use crate::resource::State;

pub(super) fn behaviours() -> Vec<Behaviour> {
    vec![
        behaviour!(EachKind the_pages_together_hold_each_resource_once_whatever_the_page_size),
        behaviour!(EachKind a_cursor_that_was_never_given_is_invalid),
        behaviour!(EachKind what_the_provider_itself_keeps_is_not_listed),
        behaviour!(Once a_kind_that_is_not_among_the_capabilities_is_unsupported),
        behaviour!(EachKind labels_are_kept_byte_for_byte),
        behaviour!(EachKind a_listing_of_identities_leaves_out_nothing),
        behaviour!(WhatAbsenceProves what_was_deleted_is_not_in_a_listing_of_identities),
        behaviour!(WhatRuns the_states_are_distinguished),
        behaviour!(WhatRuns the_exit_code_and_the_end_are_shown),
    ]
}

async fn the_pages_together_hold_each_resource_once_whatever_the_page_size(
    bench: Bench,
    kind: Kind,
) -> Tested {
    let mut made = BTreeSet::new();
    for _ in 0..3 {
        made.insert(bench.make(Wanted::new(kind)).await?.identity.native);
    }
    let whole = bench.natives(kind, 1000).await?;
    for page_size in [1, 2, 3] {
        let pages = bench.natives(kind, page_size).await?;
        let distinct: BTreeSet<_> = pages.iter().cloned().collect();
        assert_eq!(
            distinct.len(),
            pages.len(),
            "page size {page_size} repeats a resource"
        );
        // Others may use the account as well: what was there before and after was there meanwhile.
        let after = bench.natives(kind, 1000).await?;
        let stayed: BTreeSet<_> = whole.iter().filter(|one| after.contains(one)).collect();
        let missing: Vec<_> = stayed
            .iter()
            .filter(|one| !distinct.contains(**one))
            .collect();
        assert!(
            missing.is_empty(),
            "page size {page_size} lacks {missing:?}"
        );
        assert!(made.is_subset(&distinct));
    }
    Ok(())
}

async fn a_cursor_that_was_never_given_is_invalid(bench: Bench, kind: Kind) -> Tested {
    let request = ListRequest {
        cursor: Some("a cursor that was never given".to_owned()),
        ..ListRequest::first(kind)
    };
    assert_fails(bench.backend.list(request).await, ErrorKind::Invalid);
    Ok(())
}

async fn what_the_provider_itself_keeps_is_not_listed(bench: Bench, kind: Kind) -> Tested {
    let names: BTreeSet<String> = bench
        .pages(kind, 1000)
        .await?
        .into_iter()
        .map(|resource| resource.name)
        .collect();
    let kept = bench.fixture.kept_by_provider();
    let kept: Vec<_> = kept.iter().filter(|(kept, _)| *kept == kind).collect();
    for (_, name) in &kept {
        assert!(!names.contains(name), "`{name}` is listed");
    }
    if kept.is_empty() {
        return Err(Halt::not_applicable(
            "the provider keeps none of them for itself",
        ));
    }
    Ok(())
}

async fn a_kind_that_is_not_among_the_capabilities_is_unsupported(bench: Bench, _: Kind) -> Tested {
    let declared = bench.backend.capabilities();
    let others = ["container", "network", "image", "no-such-kind"].map(Kind::fixed);
    for kind in others
        .into_iter()
        .filter(|kind| declared.kind(*kind).is_none())
    {
        let answer = bench.backend.list(ListRequest::first(kind)).await;
        assert_fails(answer, ErrorKind::Unsupported);
    }
    Ok(())
}

async fn labels_are_kept_byte_for_byte(bench: Bench, kind: Kind) -> Tested {
    let hostile = [
        ("plain", "value".to_owned()),
        ("empty", String::new()),
        ("escape", "\u{1b}[2J\u{1b}]0;title\u{7}".to_owned()),
        ("lines", "one\ntwo\r\nERROR three".to_owned()),
        ("bidi", "abc\u{202e}fed".to_owned()),
        ("long", "x".repeat(100_000)),
    ];
    let labels = hostile.map(|(key, value)| (key.to_owned(), value));
    let wanted = Wanted {
        labels: labels.to_vec(),
        ..Wanted::new(kind)
    };
    let listed = bench.make(wanted).await?;
    let read = bench.backend.get(&listed.identity).await?;
    let read = read.expect("what is listed can be read");
    for (key, value) in &labels {
        assert!(
            listed.labels.get(key) == Some(value),
            "list changed the label `{key}`"
        );
        assert!(
            read.labels.get(key) == Some(value),
            "get changed the label `{key}`"
        );
    }
    Ok(())
}

/// What a listing that is to prove what is gone shows.
async fn identities(bench: &Bench, kind: Kind) -> Result<Vec<Identity>, Halt> {
    let request = ListRequest {
        page_size: 2,
        detail: Detail::Identity,
        ..ListRequest::first(kind)
    };
    let all = bench.pages_of(request).await?;
    Ok(all.into_iter().map(|resource| resource.identity).collect())
}

/// Whether an identity of such a listing may be this one: it may lack the creation time, and has no other.
fn may_be(shown: &Identity, identity: &Identity) -> bool {
    let created = shown.created.or(identity.created);
    *identity
        == Identity {
            created,
            ..shown.clone()
        }
}

async fn a_listing_of_identities_leaves_out_nothing(bench: Bench, kind: Kind) -> Tested {
    for _ in 0..3 {
        bench.make(Wanted::new(kind)).await?;
    }
    let all = bench.all(kind).await?;
    let shown = identities(&bench, kind).await?;
    for resource in all {
        let identity = &resource.identity;
        assert!(
            shown.iter().any(|shown| may_be(shown, identity)),
            "{} is left out, or shown with another creation time",
            identity.id()
        );
    }
    Ok(())
}

async fn what_was_deleted_is_not_in_a_listing_of_identities(bench: Bench, kind: Kind) -> Tested {
    let stays = bench.make(Wanted::new(kind)).await?;
    let goes = bench.make(Wanted::new(kind)).await?;
    bench
        .backend
        .delete(&goes.identity, DeleteOptions::GENTLE)
        .await?;
    bench.until_gone(&goes.identity).await?;
    let shown = identities(&bench, kind).await?;
    let shows = |identity: &Identity| shown.iter().any(|shown| may_be(shown, identity));
    assert!(!shows(&goes.identity), "it is gone and shown");
    assert!(shows(&stays.identity), "it is there and not shown");
    Ok(())
}

async fn the_states_are_distinguished(bench: Bench, kind: Kind) -> Tested {
    let candidates = match kind {
        Kind::CONTAINER => [State::Created, State::Running, State::Exited, State::Paused],
        _ => [
            State::Running,
            State::Stopped,
            State::Failed,
            State::Archived,
        ],
    };
    let mut tried = 0;
    for state in candidates {
        let wanted = Wanted {
            state,
            ..Wanted::new(kind)
        };
        match bench.make(wanted).await {
            Ok(made) => {
                assert_eq!(made.state, state);
                tried += 1;
            }
            Err(Halt::NotApplicable(_) | Halt::Ignored(_)) => {}
            Err(halt) => return Err(halt),
        }
    }
    assert!(
        tried >= 2,
        "a fixture has to make at least two states of what runs"
    );
    Ok(())
}

async fn the_exit_code_and_the_end_are_shown(bench: Bench, kind: Kind) -> Tested {
    let wanted = Wanted {
        exit_code: Some(3),
        ..Wanted::new(kind)
    };
    let made = bench.make(wanted).await?;
    assert_eq!(made.exit_code, Some(3));
    let (finished, created) = (made.finished, made.identity.created);
    assert!(finished.is_some(), "when it ended is missing");
    // Both are cut to seconds by some providers.
    assert!(finished.map(|at| at.as_unix_ms() / 1000) >= created.map(|at| at.as_unix_ms() / 1000));
    Ok(())
}
