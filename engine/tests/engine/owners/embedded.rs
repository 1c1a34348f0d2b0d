//! The rules that are built in, by their examples.

use std::collections::BTreeSet;

use tbengine_engine::owners::example::Example;
use tbengine_engine::owners::{KnownOwner, Owners, Rule, What};

fn embedded() -> (Owners, Vec<Example>) {
    Owners::embedded_with_examples().unwrap()
}

fn rule<'o>(owners: &'o Owners, name: &str) -> (&'o KnownOwner, &'o Rule) {
    let (owner, id) = name.split_once('/').unwrap();
    let owner = owners
        .get(owner)
        .unwrap_or_else(|| panic!("no owner {owner}"));
    let rule = owner.rules.iter().find(|rule| rule.id == id);
    (owner, rule.unwrap_or_else(|| panic!("no rule {name}")))
}

fn title(example: &Example) -> String {
    format!(
        "the {} `{}` of {}, {:?}",
        example.kind, example.name, example.provider, example.about
    )
}

#[test]
fn each_example_is_whose_it_says() {
    let (owners, examples) = embedded();
    for example in &examples {
        let tried = owners.try_example(example);
        let found = tried.proven.proof.map(|proof| &*proof.owner.name);
        assert_eq!(found, example.owner.as_deref(), "{}", title(example));
        assert!(tried.proven.rivals.is_empty(), "{}", title(example));
    }
}

#[test]
fn each_rule_has_an_example_in_which_it_holds_and_one_that_is_near() {
    let (owners, examples) = embedded();
    let mut holding = BTreeSet::new();
    let mut near = BTreeSet::new();
    for example in &examples {
        let tried = owners.try_example(example);
        let own = |name: &&String| {
            let (owner, _) = name.split_once('/').unwrap();
            Some(owner) == example.owner.as_deref()
        };
        holding.extend(tried.holding.iter().filter(own).cloned());
        for name in &example.near {
            let (_, rule) = rule(&owners, name);
            let about = rule.is_about(&example.provider, &example.kind, &example.class);
            assert!(about, "{name} is not about {}", title(example));
            assert!(
                !tried.holding.contains(name),
                "{name} holds of {}",
                title(example)
            );
            near.insert(name.clone());
        }
    }
    for owner in owners.iter() {
        for rule in &owner.rules {
            let name = format!("{}/{}", owner.name, rule.id);
            assert!(holding.contains(&name), "no example in which {name} holds");
            assert!(near.contains(&name), "no example that is near {name}");
        }
    }
}

#[test]
fn who_makes_what() {
    let (owners, _) = embedded();
    let of = |what: What| -> Vec<&str> {
        let owners = owners.iter().filter(|owner| owner.what == what);
        owners.map(|owner| &*owner.name).collect()
    };
    assert_eq!(
        of(What::Benchmark),
        [
            "harbor",
            "inspect",
            "mini-swe-agent",
            "swe-bench",
            "terminal-bench"
        ]
    );
    assert_eq!(
        of(What::Product),
        [
            "agent-sandbox",
            "kuberay",
            "openhands",
            "opensandbox",
            "testcontainers"
        ]
    );
    let kept = of(What::Kept);
    for name in [
        "kind", "minikube", "k3d", "toolbox", "buildx", "swarm", "service",
    ] {
        assert!(kept.contains(&name), "{name}");
    }
}

#[test]
fn a_project_that_only_looks_like_harbors_is_nobodys() {
    let (owners, examples) = embedded();
    let looks = examples
        .iter()
        .filter(|example| example.name.starts_with("myapp__staging__env"));
    let mut kinds = BTreeSet::new();
    for example in looks {
        assert!(
            owners.try_example(example).proven.proof.is_none(),
            "{}",
            title(example)
        );
        kinds.insert(&*example.kind);
    }
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        ["container", "network", "volume"]
    );
}
