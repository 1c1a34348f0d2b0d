//! The unit and the owner of a resource, as far as labels and names prove them.

use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::recognise::{HARBOR, harbor_labels, is_harbor_project, is_harbor_snapshot};
use tbengine_sdk::{Labels, Owner, Unit};

/// The trial's environment. Harbor means to have one live sandbox of each; more are a leak.
pub(crate) fn unit(labels: &Labels) -> Option<Unit> {
    let session = labels
        .get(harbor_labels::SESSION_ID)
        .filter(|session| !session.is_empty())?;
    Some(Unit(session.to_owned()))
}

/// Whose sandbox it is.
pub(crate) fn of_sandbox(labels: &Labels) -> Owner {
    if let Some(run) = labels.get(RUN_ID_LABEL).filter(|run| !run.is_empty()) {
        return Owner::Run(run.to_owned());
    }
    let is_harbors = labels.get(harbor_labels::MANAGED) == Some("true")
        && labels
            .get(harbor_labels::SESSION_ID)
            .is_some_and(is_harbor_project);
    if is_harbors {
        Owner::Benchmark(HARBOR.to_owned())
    } else {
        Owner::Unknown
    }
}

/// Whose snapshot it is. Snapshots have names only.
pub(crate) fn of_snapshot(name: &str) -> Owner {
    if is_harbor_snapshot(name) {
        Owner::Benchmark(HARBOR.to_owned())
    } else {
        Owner::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn harbor_is_proven_by_both_of_its_labels() {
        let session = ("harbor.session_id", "hello__DqmfGz2__env");
        let both = labels(&[("harbor.managed", "true"), session]);
        assert_eq!(of_sandbox(&both), Owner::Benchmark("harbor".into()));
        assert_eq!(unit(&both), Some(Unit("hello__DqmfGz2__env".into())));
        for unproven in [
            labels(&[]),
            labels(&[session]),
            labels(&[("harbor.managed", "false"), session]),
            labels(&[("harbor.managed", "true")]),
            labels(&[("harbor.managed", "true"), ("harbor.session_id", "mine")]),
        ] {
            assert_eq!(of_sandbox(&unproven), Owner::Unknown, "{unproven:?}");
        }
    }

    #[test]
    fn our_own_label_goes_before_harbors() {
        let ours = labels(&[
            ("tbengine.run-id", "r1"),
            ("harbor.managed", "true"),
            ("harbor.session_id", "hello__DqmfGz2__env"),
        ]);
        assert_eq!(of_sandbox(&ours), Owner::Run("r1".into()));
        assert_eq!(
            of_sandbox(&labels(&[("tbengine.run-id", "")])),
            Owner::Unknown
        );
    }
}
