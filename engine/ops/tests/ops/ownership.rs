//! What belongs to a lease, and by which proof; what belongs to it by none.

use std::collections::{BTreeSet, HashSet};

use tbengine_engine::discover::Inventory;
use tbengine_engine::terms::{Filter, Own, Terms};
use tbengine_ops::lease::{Other, OwnedBy, Ownership, Proof};
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Bond, Kind, Owner, Relation, Resource, Timestamp, Unit};
use tbengine_store::{Baseline, Lease, Observed};

use crate::leases;
use crate::support::{NOW, at, baseline, container, inventory, resource};

/// A lease over the provider in memory.
fn lease(id: &str) -> Lease {
    let mut lease = leases::lease(id);
    lease.terms.backends = vec!["memory".into()];
    lease
}

/// Labels that must all be there, `key=value` each.
fn filter(labels: &[&str]) -> Filter {
    Filter::labels(labels.iter().map(|label| label.parse().unwrap()).collect())
}

/// What tests say about a resource, in one expression.
trait With {
    fn label(self, key: &str, value: &str) -> Self;
    fn created(self, at: Option<Timestamp>) -> Self;
    fn unit(self, unit: &str) -> Self;
    fn uses(self, used: &Resource) -> Self;
}

impl With for Resource {
    fn label(mut self, key: &str, value: &str) -> Self {
        let all = self.labels.iter();
        let all = all.map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.labels = all.chain([(key.to_owned(), value.to_owned())]).collect();
        self
    }

    fn created(mut self, at: Option<Timestamp>) -> Self {
        self.identity.created = at;
        self
    }

    fn unit(mut self, unit: &str) -> Self {
        self.unit = Some(Unit(unit.into()));
        self
    }

    fn uses(mut self, used: &Resource) -> Self {
        self.relations.push(Relation {
            kind: used.identity.kind,
            native: used.identity.native.clone(),
            bond: Bond::Uses,
        });
        self
    }
}

use OwnedBy::{Before, Ours, Theirs, Unproven};

/// Ownership by a lease whose holder saw nothing being created.
fn of_lease(
    lease: Lease,
    before: Baseline,
    trials: BTreeSet<String>,
    others: Vec<Other>,
) -> Ownership {
    Ownership::new(lease, before, HashSet::new(), trials, others)
}

/// Ownership by a lease with these terms over nothing that was there before.
fn with(terms: Terms) -> Ownership {
    let lease = Lease {
        terms,
        ..lease("mine")
    };
    of_lease(lease, baseline(&[]), BTreeSet::new(), Vec::new())
}

fn plain() -> Ownership {
    with(Terms::default())
}

/// The same where time is proof enough, beside other leases.
fn anything(others: Vec<Other>) -> Ownership {
    let lease = Lease {
        terms: Terms {
            own: Own::CreatedDuringRun,
            ..Terms::default()
        },
        ..lease("mine")
    };
    of_lease(lease, baseline(&[]), BTreeSet::new(), others)
}

fn trials(names: &[&str]) -> Ownership {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    of_lease(lease("mine"), baseline(&[]), names, Vec::new())
}

/// Another lease, live in this span of time after ours was taken, in milliseconds.
fn other(since: i64, until: Option<i64>) -> Other {
    Other {
        lease: Lease {
            since: at(since),
            ..lease("other")
        },
        until: until.map(at),
    }
}

#[test]
fn the_label_proves_it_whatever_the_clocks_say() {
    let ours = container("c").label(RUN_ID_LABEL, "mine");
    for created in [
        Some(at(1000)),
        Some(at(-3_600_000)),
        Some(at(3_600_000)),
        None,
    ] {
        let belonging = plain().of(&ours.clone().created(created));
        assert_eq!(belonging, Ours(Proof::Label), "{created:?}");
    }
}

#[test]
fn what_was_there_before_is_never_ours() {
    let old = container("c")
        .label(RUN_ID_LABEL, "mine")
        .label("team", "evals");
    let terms = Terms {
        filters: vec![filter(&["team=evals"])],
        own: Own::CreatedDuringRun,
        ..Terms::default()
    };
    let lease = Lease {
        terms,
        ..lease("mine")
    };
    let names = BTreeSet::from(["hello__DqmfGz2".to_owned()]);
    let ownership = of_lease(
        lease,
        baseline(std::slice::from_ref(&old)),
        names,
        Vec::new(),
    );
    let old = old.unit("hello__dqmfgz2__env");
    assert_eq!(ownership.of(&old), Before);
    // The same id in another kind, backend or account is something else.
    let mut elsewhere = old.clone();
    elsewhere.identity.account = "another".into();
    assert_eq!(ownership.of(&elsewhere), Ours(Proof::Label));
    let mut kind = old;
    kind.identity.kind = Kind::VOLUME;
    assert_eq!(ownership.of(&kind), Ours(Proof::Label));
}

#[test]
fn a_label_of_the_operators_proves_it_if_all_of_a_filter_are_there() {
    let ownership = with(Terms {
        filters: vec![filter(&["team=evals", "job"]), filter(&["nightly=yes"])],
        ..Terms::default()
    });
    let one = |labels: &[(&str, &str)]| {
        let labelled = |made: Resource, (key, value): &(&str, &str)| made.label(key, value);
        ownership.of(&labels.iter().fold(container("c"), labelled))
    };
    assert_eq!(one(&[("team", "evals"), ("job", "7")]), Ours(Proof::Label));
    assert_eq!(one(&[("nightly", "yes")]), Ours(Proof::Label));
    assert_eq!(one(&[("team", "evals")]), Unproven);
    assert_eq!(one(&[("team", "other"), ("job", "7")]), Unproven);
    assert_eq!(one(&[]), Unproven);
    let all = with(Terms {
        filters: vec![filter(&[])],
        ..Terms::default()
    });
    assert_eq!(
        all.of(&container("c")),
        Unproven,
        "a filter of nothing is not one of everything"
    );
}

#[test]
fn what_a_nested_run_labelled_is_that_ones() {
    let terms = Terms {
        filters: vec![filter(&["team=evals"])],
        own: Own::CreatedDuringRun,
        ..Terms::default()
    };
    let nested = container("c")
        .label("team", "evals")
        .label(RUN_ID_LABEL, "nested");
    assert_eq!(with(terms.clone()).of(&nested), Theirs);
    let names = BTreeSet::from(["hello__dqmfgz2".to_owned()]);
    let of_trial = of_lease(lease("mine"), baseline(&[]), names, Vec::new());
    assert_eq!(of_trial.of(&nested.unit("hello__dqmfgz2__env")), Theirs);
    // An empty label names nobody.
    let empty = container("c")
        .label("team", "evals")
        .label(RUN_ID_LABEL, "");
    assert_eq!(with(terms).of(&empty), Ours(Proof::Label));
}

#[test]
fn what_another_lease_names_is_that_ones() {
    let mut other = other(0, None);
    other.lease.terms.filters = vec![filter(&["team=evals"])];
    let labelled = container("c").label("team", "evals");
    let beside = |until| {
        let other = Other {
            until,
            ..other.clone()
        };
        anything(vec![other]).of(&labelled)
    };
    assert_eq!(beside(None), Theirs);
    assert_eq!(beside(Some(NOW)), Theirs, "whether it has ended or not");
    assert_eq!(
        anything(Vec::new()).of(&labelled),
        Ours(Proof::CreatedDuringRun)
    );
}

#[test]
fn the_baseline_and_no_time_says_what_was_there() {
    for created in [None, Some(at(-3_600_000)), Some(at(-1001)), Some(at(5000))] {
        let made = container("c").created(created);
        assert_eq!(plain().of(&made), Unproven, "{created:?}");
        let before = baseline(std::slice::from_ref(&made));
        let before = of_lease(lease("mine"), before, BTreeSet::new(), Vec::new());
        assert_eq!(before.of(&made), Before, "{created:?}");
    }
    // Where time is to prove it, it must.
    for (created, belonging) in [
        (None, Unproven),
        (Some(at(-1001)), Unproven),
        // The clocks of the provider and of this host may differ so much.
        (Some(at(-1000)), Ours(Proof::CreatedDuringRun)),
        (Some(at(5000)), Ours(Proof::CreatedDuringRun)),
    ] {
        let seen = anything(Vec::new()).of(&container("c").created(created));
        assert_eq!(seen, belonging, "{created:?}");
    }
}

/// Ownership by a lease whose holder saw this being created.
fn seen(before: &[Resource], observed: &[Observed]) -> Ownership {
    let others = Other {
        lease: Lease {
            terms: Terms {
                filters: vec![filter(&["team=evals"])],
                ..Terms::default()
            },
            ..lease("other")
        },
        until: None,
    };
    let observed = observed.iter().cloned().collect();
    let (mine, trials) = (lease("mine"), BTreeSet::new());
    Ownership::new(mine, baseline(before), observed, trials, vec![others])
}

fn observed(kind: Kind, native: &str, created: Option<Timestamp>) -> Observed {
    Observed {
        kind,
        native: native.into(),
        created,
    }
}

#[test]
fn what_the_holder_saw_being_created_is_ours() {
    let volume = resource(Kind::VOLUME, "anonymous");
    let by_id = [observed(Kind::VOLUME, "anonymous", None)];
    let seen = |before: &[Resource]| seen(before, &by_id);
    // An id that comes once needs no time.
    for created in [Some(at(1000)), Some(at(-3_600_000)), None] {
        let belonging = seen(&[]).of(&volume.clone().created(created));
        assert_eq!(belonging, Ours(Proof::Observed), "{created:?}");
    }
    assert_eq!(plain().of(&volume), Unproven);
    assert_eq!(seen(&[]).of(&resource(Kind::VOLUME, "other")), Unproven);
    let namesake = resource(Kind::NETWORK, "anonymous");
    assert_eq!(seen(&[]).of(&namesake), Unproven);
    // The owner whose sign it carries, and the one that had it before, come first.
    assert_eq!(seen(std::slice::from_ref(&volume)).of(&volume), Before);
    let nested = volume.clone().label(RUN_ID_LABEL, "nested");
    assert_eq!(seen(&[]).of(&nested), Theirs);
    assert_eq!(seen(&[]).of(&volume.label("team", "evals")), Theirs);
}

#[test]
fn what_others_made_again_under_the_same_name_is_not_what_was_seen() {
    let data = resource(Kind::VOLUME, "data");
    let twice = [
        observed(Kind::VOLUME, "data", Some(at(1000))),
        observed(Kind::VOLUME, "data", Some(at(7000))),
    ];
    for (created, belonging) in [
        (Some(at(1000)), Ours(Proof::Observed)),
        (Some(at(7000)), Ours(Proof::Observed)),
        (Some(at(8000)), Unproven),
        (None, Unproven),
    ] {
        let made = data.clone().created(created);
        assert_eq!(seen(&[], &twice).of(&made), belonging, "{created:?}");
    }
}

/// A resource of this kind, and what there is where only resources of the lease use it.
fn only_used(kind: Kind) -> (Resource, Inventory) {
    let used = resource(kind, "data");
    let user = container("ours").label(RUN_ID_LABEL, "mine").uses(&used);
    let all = inventory(&[user, used.clone()]);
    (used, all)
}

#[test]
fn that_only_ours_use_something_proves_nothing() {
    for kind in [Kind::VOLUME, Kind::NETWORK, Kind::IMAGE] {
        let (used, inventory) = only_used(kind);
        assert_eq!(plain().seeing(&inventory).of(&used), Unproven, "{kind}");
    }
}

#[test]
fn an_image_that_was_built_for_a_unit_of_the_lease_is_ours_however_old_its_layers_are() {
    let image = |unit: &str| {
        let image = resource(Kind::IMAGE, "sha256:1").unit(unit);
        image.created(Some(at(-3_600_000)))
    };
    let ours = container("c").label(RUN_ID_LABEL, "mine").unit("fix");
    let theirs = container("d").unit("shop");
    let all = inventory(&[ours.clone(), theirs, image("fix"), image("shop")]);
    let seeing = |before: &[Resource]| {
        let before = baseline(before);
        of_lease(lease("mine"), before, BTreeSet::new(), Vec::new()).seeing(&all)
    };
    assert_eq!(seeing(&[]).of(&image("fix")), Ours(Proof::BuiltForUnit));
    assert_eq!(seeing(&[]).of(&image("shop")), Unproven);
    assert_eq!(seeing(&[image("fix")]).of(&image("fix")), Before);
    let nested = image("fix").label(RUN_ID_LABEL, "nested");
    assert_eq!(seeing(&[]).of(&nested), Theirs);
    let mut elsewhere = image("fix");
    elsewhere.identity.account = "another".into();
    assert_eq!(seeing(&[]).of(&elsewhere), Unproven);
    // A unit says so of its images alone: others' volumes may be named after it.
    for kind in [Kind::VOLUME, Kind::NETWORK, Kind::CONTAINER] {
        let other = resource(kind, "x").unit("fix");
        assert_eq!(seeing(&[]).of(&other), Unproven, "{kind}");
    }
    // A unit that was there before is of the lease only where something of it is.
    let only_theirs = inventory(&[container("c").unit("fix"), image("fix")]);
    assert_eq!(plain().seeing(&only_theirs).of(&image("fix")), Unproven);
}

#[test]
fn a_unit_that_is_named_after_a_trial_is_ours() {
    let ownership = trials(&["Hello__DqmfGz2", "x.1-of-2.2026-01-02__03-04-05"]);
    for (unit, belonging) in [
        ("hello__dqmfgz2__env", Ours(Proof::Trial)),
        ("hello__dqmfgz2__verifier__main", Ours(Proof::Trial)),
        ("x-1-of-2-2026-01-02__03-04-05", Ours(Proof::Trial)),
        ("hello__dqmfgz3__env", Unproven),
        ("ahello__dqmfgz2__env", Unproven),
        ("hello__dqmfgz2__envy", Unproven),
        ("x-2-of-2-2026-01-02__03-04-05", Unproven),
    ] {
        assert_eq!(
            ownership.of(&container("c").unit(unit)),
            belonging,
            "{unit}"
        );
    }
    assert_eq!(ownership.of(&container("c")), Unproven);
}

#[test]
fn harbor_names_the_trial_of_a_sandbox_in_a_label() {
    let ownership = trials(&["Hello__DqmfGz2"]);
    let sandbox = |session: &str| {
        let sandbox = resource(Kind::SANDBOX, "s").label("harbor.session_id", session);
        ownership.of(&sandbox.unit("whatever"))
    };
    assert_eq!(sandbox("Hello__DqmfGz2__env"), Ours(Proof::Trial));
    assert_eq!(sandbox("Hello__Another__env"), Unproven);
}

#[test]
fn the_sign_of_someone_else_outweighs_the_time() {
    let owned = |owner: Owner| Resource {
        owner,
        ..container("c")
    };
    let of = |owner| anything(Vec::new()).of(&owned(owner));
    assert_eq!(of(Owner::Other("acme".into())), Theirs);
    assert_eq!(of(Owner::Unknown), Ours(Proof::CreatedDuringRun));
    assert_eq!(
        of(Owner::Benchmark("harbor".into())),
        Ours(Proof::CreatedDuringRun)
    );
    // Better proof than time outweighs it in turn.
    let labelled = owned(Owner::Other("acme".into())).label(RUN_ID_LABEL, "mine");
    assert_eq!(plain().of(&labelled), Ours(Proof::Label));
}

#[test]
fn time_proves_nothing_while_another_lease_was_live() {
    let created = |ms: i64| container("c").created(Some(at(ms)));
    let beside = |other: Other, ms: i64| anything(vec![other]).of(&created(ms));
    let (ours, contested) = (Ours(Proof::CreatedDuringRun), Unproven);
    // It is live from 10 s on.
    for (ms, belonging) in [(8_999, ours), (9_000, contested), (60_000, contested)] {
        assert_eq!(beside(other(10_000, None), ms), belonging, "{ms}");
    }
    // It ended after 20 s.
    for (ms, belonging) in [(0, contested), (21_000, contested), (21_001, ours)] {
        assert_eq!(beside(other(-5_000, Some(20_000)), ms), belonging, "{ms}");
    }
    // One that is live is enough, and a label is not contested.
    let several = anything(vec![other(-5_000, Some(-2_000)), other(0, None)]);
    assert_eq!(several.of(&created(5_000)), contested);
    let labelled = created(5_000).label(RUN_ID_LABEL, "mine");
    assert_eq!(several.of(&labelled), Ours(Proof::Label));
}

#[test]
fn the_proofs_are_reported_in_words() {
    let words = |proof: Proof| serde_json::to_value(proof).unwrap();
    assert_eq!(words(Proof::BuiltForUnit), "built-for-unit");
    assert_eq!(Proof::Label.to_string(), "its label says so");
    assert!(Proof::Label < Proof::Observed && Proof::Trial < Proof::CreatedDuringRun);
}
