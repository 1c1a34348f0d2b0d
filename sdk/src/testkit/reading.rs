//! Behaviours of `get`.

use super::bench::{Behaviour, Bench, Halt, Tested, behaviour, missing, with_native};
use super::fixture::Wanted;
use crate::error::ErrorKind;
use crate::kind::Kind;

pub(super) fn behaviours() -> Vec<Behaviour> {
    vec![
        behaviour!(EachKind get_shows_what_the_listing_shows),
        behaviour!(EachKind get_of_what_does_not_exist_is_none),
        behaviour!(EachKind get_never_finds_by_name),
        behaviour!(EachKind get_never_finds_by_prefix),
        behaviour!(Once get_does_not_find_a_decoy_that_is_named_like_a_missing_id),
    ]
}

async fn get_shows_what_the_listing_shows(bench: Bench, kind: Kind) -> Tested {
    let listed = bench.make(Wanted::new(kind)).await?;
    let read = bench.backend.get(&listed.identity).await?;
    let read = read.expect("what is listed can be read");
    assert_eq!(read.identity, listed.identity);
    assert_eq!(read.state, listed.state);
    assert_eq!(read.name, listed.name);
    assert_eq!(
        read.started, listed.started,
        "the engine compares it to see restarts"
    );
    Ok(())
}

async fn get_of_what_does_not_exist_is_none(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    assert_eq!(bench.backend.get(&missing(&made.identity)).await?, None);
    Ok(())
}

async fn get_never_finds_by_name(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    if made.name == made.identity.native {
        return Err(Halt::not_applicable("its name is its id"));
    }
    bench
        .assert_not_found(&with_native(&made.identity, &made.name))
        .await
}

async fn get_never_finds_by_prefix(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    let native = &made.identity.native;
    let prefix: String = native.chars().take(native.chars().count() - 1).collect();
    bench
        .assert_not_found(&with_native(&made.identity, &prefix))
        .await
}

async fn get_does_not_find_a_decoy_that_is_named_like_a_missing_id(
    bench: Bench,
    kind: Kind,
) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    let gone = missing(&made.identity);
    let decoy = Wanted {
        name: Some(gone.native.clone()),
        ..Wanted::new(kind)
    };
    let decoy = bench.make(decoy).await?;
    if decoy.identity.native == gone.native {
        return Err(Halt::not_applicable("its name is its id"));
    }
    bench.assert_not_found(&gone).await?;
    let answer = bench
        .backend
        .delete(&gone, crate::DeleteOptions::FORCE)
        .await;
    let kind = answer.expect_err("nothing has this id").kind;
    assert!(
        matches!(kind, ErrorKind::NotFound | ErrorKind::Conflict),
        "{kind}"
    );
    let read = bench.backend.get(&decoy.identity).await?;
    assert!(read.is_some(), "the decoy was deleted");
    Ok(())
}
