//! Behaviours of `check`.

use super::bench::{Behaviour, Bench, Halt, Tested, assert_fails, behaviour};
use super::fixture::Wanted;
use crate::error::ErrorKind;
use crate::kind::Kind;

pub(super) fn behaviours() -> Vec<Behaviour> {
    vec![
        behaviour!(Once check_changes_nothing),
        behaviour!(Once check_answers_the_same_account_at_every_call),
        behaviour!(Once check_fails_with_denied_if_the_credentials_are_refused),
        behaviour!(Once check_fails_with_unavailable_if_nothing_answers),
    ]
}

async fn check_changes_nothing(bench: Bench, kind: Kind) -> Tested {
    bench.make(Wanted::new(kind)).await?;
    let before = bench.everything().await?;
    bench.backend.check().await?;
    assert_eq!(bench.everything().await?, before);
    Ok(())
}

async fn check_answers_the_same_account_at_every_call(bench: Bench, kind: Kind) -> Tested {
    let first = bench.backend.check().await?;
    let made = bench.make(Wanted::new(kind)).await?;
    let second = bench.backend.check().await?;
    assert_eq!(first.id, second.id);
    assert!(
        !first.id.is_empty(),
        "an account without an id tells nothing apart"
    );
    assert_eq!(
        made.identity.account, first.id,
        "resources name the account that check names"
    );
    Ok(())
}

async fn check_fails_with_denied_if_the_credentials_are_refused(bench: Bench, _: Kind) -> Tested {
    let refused = bench.fixture.with_refused_credentials().await;
    let Some(backend) = refused else {
        return Err(Halt::Ignored(
            "the fixture has no refused credentials".to_owned(),
        ));
    };
    let answer = backend.check().await;
    bench.assert_no_secret(&answer);
    assert_fails(answer, ErrorKind::Denied);
    Ok(())
}

async fn check_fails_with_unavailable_if_nothing_answers(bench: Bench, _: Kind) -> Tested {
    let Some(backend) = bench.fixture.with_nothing_answering().await else {
        return Err(Halt::Ignored(
            "the fixture has nothing that does not answer".to_owned(),
        ));
    };
    let answer = backend.check().await;
    bench.assert_no_secret(&answer);
    assert_fails(answer, ErrorKind::Unavailable);
    Ok(())
}
