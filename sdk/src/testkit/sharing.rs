//! Behaviours of many calls at once, and of calls that are given up.

use std::time::Duration;

use super::bench::{Behaviour, Bench, Halt, Tested, behaviour};
use super::fixture::Wanted;
use crate::backend::DeleteOptions;
use crate::error::ErrorKind;
use crate::kind::Kind;

pub(super) fn behaviours() -> Vec<Behaviour> {
    vec![
        behaviour!(Once fifty_calls_at_once_all_answer),
        behaviour!(EachKind deletions_at_once_delete_once),
        behaviour!(Once a_call_that_is_dropped_leaves_the_backend_usable),
        behaviour!(Once no_secret_is_shown),
    ]
}

async fn fifty_calls_at_once_all_answer(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (backend, identity) = (bench.backend.clone(), made.identity.clone());
        calls.spawn(async move { backend.get(&identity).await });
    }
    while let Some(answer) = calls.join_next().await {
        let read = answer.expect("no panic")?;
        assert_eq!(
            read.map(|resource| resource.identity),
            Some(made.identity.clone())
        );
    }
    Ok(())
}

async fn deletions_at_once_delete_once(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (backend, identity) = (bench.backend.clone(), made.identity.clone());
        calls.spawn(async move { backend.delete(&identity, DeleteOptions::FORCE).await });
    }
    let mut accepted = 0;
    while let Some(answer) = calls.join_next().await {
        match answer.expect("no panic") {
            Ok(_) => accepted += 1,
            Err(error) => assert!(
                matches!(
                    error.kind,
                    ErrorKind::NotFound
                        | ErrorKind::InProgress
                        | ErrorKind::Conflict
                        | ErrorKind::Transient
                ),
                "{}: {error}",
                error.kind
            ),
        }
    }
    assert!(accepted >= 1, "nobody was allowed to delete it");
    bench.until_gone(&made.identity).await
}

async fn a_call_that_is_dropped_leaves_the_backend_usable(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    for micros in [0, 100, 1000] {
        let call = bench.backend.get(&made.identity);
        // Whether it answered in time is not of interest.
        drop(tokio::time::timeout(Duration::from_micros(micros), call).await);
    }
    let read = bench.backend.get(&made.identity).await?;
    assert!(read.is_some());
    Ok(())
}

async fn no_secret_is_shown(bench: Bench, kind: Kind) -> Tested {
    bench.assert_no_secret(&bench.backend.check().await);
    bench.assert_no_secret(&bench.backend.capabilities());
    let made = bench.make(Wanted::new(kind)).await?;
    bench.assert_no_secret(&made);
    if bench.fixture.secrets().is_empty() {
        return Err(Halt::not_applicable("the backend knows no secret"));
    }
    Ok(())
}
