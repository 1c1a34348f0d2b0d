//! What the simulated provider has.

use tbengine_sdk::{Bind, Can, Class, Fact, Kind, KindInfo, Rule};

/// A record of the build cache, used by the records that were made from it. No other crate knows this word: what the
/// engine has to know of it is declared below.
pub const BUILD_CACHE: Kind = Kind::fixed("build-cache");

/// Every kind there is, as the most capable provider would declare it.
pub(crate) fn kinds() -> Vec<KindInfo> {
    let mut kinds = declared();
    for info in &mut kinds {
        info.can.relabel = true;
        info.can.watch = true;
        info.can.sample = info.runs;
    }
    kinds
}

fn declared() -> Vec<KindInfo> {
    let runs = [Kind::CONTAINER, Kind::SANDBOX];
    vec![
        KindInfo {
            takes_along: vec![Kind::VOLUME],
            can: Can {
                delete_alone: true,
                ..KindInfo::container().can
            },
            ..KindInfo::container()
        },
        KindInfo {
            can: Can {
                stop: true,
                archive: true,
                delete_alone: true,
                ..Can::default()
            },
            takes_along: vec![Kind::VOLUME],
            ..KindInfo::sandbox()
        },
        KindInfo::network(&runs),
        KindInfo::volume(&runs),
        KindInfo {
            takes_along: vec![Kind::IMAGE],
            binds: vec![Bind {
                fact: Fact::Names,
                rule: Rule::NothingNew,
            }],
            ..KindInfo::image(&[Kind::CONTAINER, Kind::SANDBOX, Kind::IMAGE])
        },
        KindInfo::snapshot(&runs),
        KindInfo {
            plural: "records of the build cache".into(),
            shared: true,
            used_by: vec![BUILD_CACHE],
            ..KindInfo::new(BUILD_CACHE, Class::Cache, "a record of the build cache")
        },
    ]
}

/// The place of a kind among all, so that ids made from it are the same in every run.
pub(crate) fn number(kind: Kind) -> u64 {
    const ALL: [Kind; 7] = [
        Kind::CONTAINER,
        Kind::SANDBOX,
        Kind::NETWORK,
        Kind::VOLUME,
        Kind::IMAGE,
        Kind::SNAPSHOT,
        BUILD_CACHE,
    ];
    let place = ALL.iter().position(|one| *one == kind);
    place.map_or(u64::MAX, |place| place as u64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use tbengine_sdk::{
        Backend as _, DeleteOptions, ErrorKind, ListRequest, OpenRequest, Timestamp,
    };

    use super::*;
    use crate::Memory;

    #[tokio::test(start_paused = true)]
    async fn a_record_that_others_were_made_from_goes_after_them() {
        let memory = Memory::open(OpenRequest {
            name: "memory".into(),
            config: json!({ "build-cache": 3 }),
            environment: Arc::default(),
            now: Timestamp::from_unix_seconds(1_800_000_000),
        })
        .unwrap();
        let page = memory.list(ListRequest::first(BUILD_CACHE)).await.unwrap();
        assert_eq!(page.resources.len(), 3);
        let is_used = |native: &str| {
            let mut users = page.resources.iter();
            users.any(|one| one.held().any(|used| used.native == native))
        };
        for used in [true, false] {
            for one in &page.resources {
                if is_used(&one.identity.native) != used {
                    continue;
                }
                let gone = memory.delete(&one.identity, DeleteOptions::GENTLE).await;
                assert_eq!(
                    gone.map(drop).map_err(|error| error.kind),
                    match used {
                        true => Err(ErrorKind::Dependency),
                        false => Ok(()),
                    }
                );
            }
        }
        assert_eq!(memory.oracle().alive().len(), 42);
    }
}
