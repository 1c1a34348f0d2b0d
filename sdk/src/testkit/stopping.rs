//! Behaviours of `stop`.

use std::time::Duration;

use super::bench::{Behaviour, Bench, Halt, Tested, assert_fails, behaviour, missing};
use super::fixture::Wanted;
use crate::backend::StopOptions;
use crate::error::ErrorKind;
use crate::kind::Kind;

const ASK: StopOptions = StopOptions::ASK;
const FORCE: StopOptions = StopOptions::FORCE;

pub(super) fn behaviours() -> Vec<Behaviour> {
    vec![
        behaviour!(WhatStops stopping_ends_what_ends_when_asked),
        behaviour!(WhatStops stopping_by_force_ends_what_ignores_the_request),
        behaviour!(WhatStops stopping_what_has_already_ended_succeeds),
        behaviour!(WhatStops stopping_what_does_not_exist_is_not_found),
        behaviour!(WhatStops what_restarts_by_itself_does_not_come_back_after_a_stop),
        behaviour!(EachKind stopping_what_cannot_be_stopped_is_unsupported),
    ]
}

async fn stopping_ends_what_ends_when_asked(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::running(kind)).await?;
    bench.backend.stop(&made.identity, ASK).await?;
    bench.until_ended(&made.identity).await
}

async fn stopping_by_force_ends_what_ignores_the_request(bench: Bench, kind: Kind) -> Tested {
    let wanted = Wanted {
        ends_when_asked: false,
        ..Wanted::running(kind)
    };
    let made = bench.make(wanted).await?;
    bench.backend.stop(&made.identity, ASK).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let read = bench.backend.get(&made.identity).await?;
    let runs = read.is_some_and(|resource| resource.state.is_running());
    assert!(runs, "a request to end does not use force");
    bench.backend.stop(&made.identity, FORCE).await?;
    bench.until_ended(&made.identity).await
}

async fn stopping_what_has_already_ended_succeeds(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    bench.backend.stop(&made.identity, ASK).await?;
    bench.backend.stop(&made.identity, FORCE).await?;
    assert!(bench.backend.get(&made.identity).await?.is_some());
    Ok(())
}

async fn stopping_what_does_not_exist_is_not_found(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    let gone = missing(&made.identity);
    assert_fails(bench.backend.stop(&gone, ASK).await, ErrorKind::NotFound);
    assert_fails(bench.backend.stop(&gone, FORCE).await, ErrorKind::NotFound);
    Ok(())
}

async fn what_restarts_by_itself_does_not_come_back_after_a_stop(
    bench: Bench,
    kind: Kind,
) -> Tested {
    for options in [ASK, FORCE] {
        let wanted = Wanted {
            restarts: true,
            ..Wanted::running(kind)
        };
        let made = bench.make(wanted).await?;
        bench.backend.stop(&made.identity, options).await?;
        bench.until_ended(&made.identity).await?;
        // Providers restart with a short delay.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        bench.until_ended(&made.identity).await?;
    }
    Ok(())
}

async fn stopping_what_cannot_be_stopped_is_unsupported(bench: Bench, kind: Kind) -> Tested {
    if bench.info(kind).can.stop {
        return Err(Halt::not_applicable("it can be stopped"));
    }
    let made = bench.make(Wanted::new(kind)).await?;
    assert_fails(
        bench.backend.stop(&made.identity, ASK).await,
        ErrorKind::Unsupported,
    );
    Ok(())
}
