//! Behaviours of `archive`.

use super::bench::{Behaviour, Bench, Halt, Tested, assert_fails, behaviour, missing};
use super::fixture::Wanted;
use crate::error::ErrorKind;
use crate::kind::Kind;
use crate::resource::State;

pub(super) fn behaviours() -> Vec<Behaviour> {
    vec![
        behaviour!(WhatIsArchived what_is_archived_stays_in_cold_storage),
        behaviour!(WhatIsArchived archiving_what_is_archived_succeeds),
        behaviour!(WhatIsArchived archiving_leaves_a_running_resource_alone),
        behaviour!(WhatIsArchived archiving_what_does_not_exist_is_not_found),
        behaviour!(EachKind archiving_what_cannot_be_archived_is_unsupported),
    ]
}

async fn what_is_archived_stays_in_cold_storage(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    bench.backend.archive(&made.identity).await?;
    let archived = bench.until_archived(&made.identity).await?;
    assert_eq!(
        archived.map(|found| found.identity),
        Some(made.identity.clone())
    );
    let listed = bench.all(kind).await?;
    assert!(
        listed
            .iter()
            .any(|resource| resource.identity == made.identity)
    );
    Ok(())
}

async fn archiving_what_is_archived_succeeds(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    bench.backend.archive(&made.identity).await?;
    // It may still be on its way.
    bench.backend.archive(&made.identity).await?;
    bench.until_archived(&made.identity).await?;
    bench.backend.archive(&made.identity).await?;
    bench.until_archived(&made.identity).await.map(drop)
}

async fn archiving_leaves_a_running_resource_alone(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::running(kind)).await?;
    assert_fails(
        bench.backend.archive(&made.identity).await,
        ErrorKind::Conflict,
    );
    let read = bench.backend.get(&made.identity).await?;
    assert_eq!(read.map(|resource| resource.state), Some(State::Running));
    Ok(())
}

async fn archiving_what_does_not_exist_is_not_found(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    let gone = missing(&made.identity);
    assert_fails(bench.backend.archive(&gone).await, ErrorKind::NotFound);
    Ok(())
}

async fn archiving_what_cannot_be_archived_is_unsupported(bench: Bench, kind: Kind) -> Tested {
    if bench.info(kind).can.archive {
        return Err(Halt::not_applicable("it can be archived"));
    }
    let made = bench.make(Wanted::new(kind)).await?;
    assert_fails(
        bench.backend.archive(&made.identity).await,
        ErrorKind::Unsupported,
    );
    Ok(())
}
