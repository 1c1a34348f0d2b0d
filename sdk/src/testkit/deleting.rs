//! Behaviours of `delete`.

use super::bench::{Behaviour, Bench, Halt, Tested, assert_fails, behaviour, missing};
use super::fixture::Wanted;
use crate::backend::DeleteOptions;
use crate::class::Class;
use crate::error::ErrorKind;
use crate::kind::Kind;

const GENTLE: DeleteOptions = DeleteOptions::GENTLE;
const FORCE: DeleteOptions = DeleteOptions::FORCE;

pub(super) fn behaviours() -> Vec<Behaviour> {
    vec![
        behaviour!(EachKind what_is_deleted_is_gone_from_get_and_list),
        behaviour!(EachKind deleting_what_does_not_exist_is_not_found),
        behaviour!(EachKind deleting_deletes_nothing_else),
        behaviour!(WhatRuns without_force_a_running_resource_is_left_alone),
        behaviour!(WhatRuns with_force_a_running_resource_is_deleted),
        behaviour!(EachKind what_another_resource_uses_is_left_alone),
        behaviour!(WhatRuns what_is_announced_as_a_cascade_goes_along_and_nothing_else),
    ]
}

async fn what_is_deleted_is_gone_from_get_and_list(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    bench.backend.delete(&made.identity, GENTLE).await?;
    bench.until_gone(&made.identity).await?;
    let listed = bench.all(kind).await?;
    assert!(
        listed
            .iter()
            .all(|resource| resource.identity != made.identity)
    );
    Ok(())
}

async fn deleting_what_does_not_exist_is_not_found(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    let never = missing(&made.identity);
    assert_fails(
        bench.backend.delete(&never, GENTLE).await,
        ErrorKind::NotFound,
    );
    bench.backend.delete(&made.identity, GENTLE).await?;
    bench.until_gone(&made.identity).await?;
    assert_fails(
        bench.backend.delete(&made.identity, FORCE).await,
        ErrorKind::NotFound,
    );
    Ok(())
}

async fn deleting_deletes_nothing_else(bench: Bench, kind: Kind) -> Tested {
    let victim = bench.make(Wanted::new(kind)).await?;
    bench.make(Wanted::new(kind)).await?;
    let mut expected = bench.everything().await?;
    bench.backend.delete(&victim.identity, FORCE).await?;
    bench.until_gone(&victim.identity).await?;
    expected.remove(&victim.identity.id());
    let (left, expected) = (bench.everything().await?, expected);
    assert!(
        left.keys().eq(expected.keys()),
        "{:?} instead of {:?}",
        left.keys(),
        expected.keys()
    );
    Ok(())
}

async fn without_force_a_running_resource_is_left_alone(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::running(kind)).await?;
    match bench.backend.delete(&made.identity, GENTLE).await {
        // Some providers delete what runs like anything else, and then say so by doing it.
        Ok(_) if bench.info(kind).can.end_by_delete => {
            return Err(Halt::Ignored(
                "the provider has no gentle deletion".to_owned(),
            ));
        }
        answer => assert_fails(answer, ErrorKind::Conflict),
    }
    let read = bench.backend.get(&made.identity).await?;
    assert!(read.is_some_and(|resource| resource.state.is_running()));
    Ok(())
}

async fn with_force_a_running_resource_is_deleted(bench: Bench, kind: Kind) -> Tested {
    let wanted = Wanted {
        ends_when_asked: false,
        ..Wanted::running(kind)
    };
    let made = match bench.make(wanted).await {
        // Where everything ends when it is asked to, force shows on that as well.
        Err(Halt::NotApplicable(_) | Halt::Ignored(_)) => bench.make(Wanted::running(kind)).await?,
        made => made?,
    };
    bench.backend.delete(&made.identity, FORCE).await?;
    bench.until_gone(&made.identity).await
}

async fn what_another_resource_uses_is_left_alone(bench: Bench, kind: Kind) -> Tested {
    let declared = bench.backend.capabilities();
    // The first kind of which something can be made to use it; a kind is not a trial of itself.
    let users = bench.info(kind).used_by.into_iter();
    let mut users = users.filter(|user| *user != kind && declared.kind(*user).is_some());
    let Some(user_kind) = users.next() else {
        return Err(Halt::not_applicable("no other kind uses it"));
    };
    let used = bench.make(Wanted::new(kind)).await?;
    // Some providers count a network as in use only while its user runs.
    let user = Wanted {
        uses: vec![used.identity.clone()],
        ends_when_asked: false,
        ..match bench.info(kind).class {
            Class::Network => Wanted::running(user_kind),
            _ => Wanted::new(user_kind),
        }
    };
    let user = bench.make(user).await?;
    let relation = user
        .relations
        .iter()
        .find(|relation| relation.native == used.identity.native);
    assert!(
        relation.is_some(),
        "the user does not say that it uses it: {:?}",
        user.relations
    );
    let answer = bench.backend.delete(&used.identity, GENTLE).await;
    assert_fails(answer, ErrorKind::Dependency);
    assert!(bench.backend.get(&used.identity).await?.is_some());
    assert!(bench.backend.get(&user.identity).await?.is_some());
    Ok(())
}

async fn what_is_announced_as_a_cascade_goes_along_and_nothing_else(
    bench: Bench,
    kind: Kind,
) -> Tested {
    let wanted = Wanted {
        takes_along: true,
        ..Wanted::new(kind)
    };
    let made = bench.make(wanted).await?;
    let backend = &made.identity.backend;
    let announced: Vec<_> = made
        .relations
        .iter()
        .filter(|relation| relation.bond.takes_along())
        .map(|relation| relation.target(backend))
        .collect();
    assert!(
        !announced.is_empty(),
        "nothing is announced: {:?}",
        made.relations
    );
    let mut expected = bench.everything().await?;
    bench.backend.delete(&made.identity, FORCE).await?;
    bench.until_gone(&made.identity).await?;
    expected.remove(&made.identity.id());
    for id in announced {
        expected.remove(&id);
    }
    let left = bench.everything().await?;
    assert!(
        left.keys().eq(expected.keys()),
        "{:?} instead of {:?}",
        left.keys(),
        expected.keys()
    );
    Ok(())
}
