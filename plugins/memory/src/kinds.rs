//! What the simulated provider has.

use tbengine_sdk::{Can, Kind, KindInfo};

/// Every kind there is, as the most capable provider would declare it.
pub(crate) fn kinds() -> Vec<KindInfo> {
    let runs = [Kind::CONTAINER, Kind::SANDBOX];
    vec![
        KindInfo {
            takes_along: vec![Kind::VOLUME],
            ..KindInfo::container()
        },
        KindInfo {
            can: Can {
                stop: true,
                archive: true,
                ..Can::default()
            },
            takes_along: vec![Kind::VOLUME],
            ..KindInfo::sandbox()
        },
        KindInfo::network(&runs),
        KindInfo::volume(&runs),
        KindInfo {
            takes_along: vec![Kind::IMAGE],
            ..KindInfo::image(&[Kind::CONTAINER, Kind::SANDBOX, Kind::IMAGE])
        },
        KindInfo::snapshot(&runs),
    ]
}

/// The place of a kind among all, so that ids made from it are the same in every run.
pub(crate) fn number(kind: Kind) -> u64 {
    const ALL: [Kind; 6] = [
        Kind::CONTAINER,
        Kind::SANDBOX,
        Kind::NETWORK,
        Kind::VOLUME,
        Kind::IMAGE,
        Kind::SNAPSHOT,
    ];
    let place = ALL.iter().position(|one| *one == kind);
    place.map_or(u64::MAX, |place| place as u64)
}
