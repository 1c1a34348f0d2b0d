//! Policy modules, and the verdicts of one.

use std::collections::BTreeMap;
use std::sync::Arc;

use tbengine_engine::apply::{ApplyOptions, Control};
use tbengine_engine::policy::{Limits, Policy, PolicyContext, PolicyEngine, PolicyEngineOptions};
use tbengine_engine::run::{Engine, EngineOptions};
use tbengine_engine::scope::Scope;

use super::Run;
use super::world::{NOW, World, in_paused_time};

/// Loads, configures and asks a module. Whatever it is, the host survives within its limits.
///
/// # Panics
/// If no module can be compiled at all.
pub fn modules() -> Run {
    let engine = PolicyEngine::new(PolicyEngineOptions::default()).expect("an engine");
    Box::new(move |input| {
        let Ok(compiled) = engine.load(input, "fuzz.wasm") else {
            return false;
        };
        let Ok(policy) = compiled.configure(&BTreeMap::new(), Limits::default()) else {
            return false;
        };
        let context = PolicyContext::new(NOW, "fuzz");
        policy.decide(&context, &[]).is_ok()
    })
}

/// Asks a guest that answers with the verdicts of the input, about everything that each safeguard keeps. Whatever it
/// answers, nothing of that is deleted, and no verdict reaches what it does not name.
///
/// # Panics
/// If the guest cannot be compiled.
pub fn verdicts() -> Run {
    let engine = PolicyEngine::new(PolicyEngineOptions::default()).expect("an engine");
    let compiled = engine
        .load(tbengine_builtins::HOSTILE, "told.wasm")
        .expect("a guest");
    Box::new(move |input| {
        let params = BTreeMap::from([
            ("decides".to_owned(), "as-told".to_owned()),
            (
                "tells".to_owned(),
                String::from_utf8_lossy(input).into_owned(),
            ),
        ]);
        let Ok(policy) = compiled.configure(&params, Limits::default()) else {
            return false;
        };
        in_paused_time(judge(Arc::new(policy)))
    })
}

async fn judge(policy: Arc<dyn Policy>) -> bool {
    let world = World::new();
    let options = EngineOptions {
        run: "fuzz".into(),
        now: NOW,
        scope: Scope::default(),
        sizes: false,
        account_of_nothing: true,
        safeguards: world.safeguards.clone(),
        apply: ApplyOptions::default(),
    };
    let engine = Engine::new(world.backends().into(), options);
    let quiet = &mut |_: &_| {};
    let inventory = Arc::new(world.inventory(&[]));
    let planned = engine.plan(inventory, &world.facts, &policy, "told", false, quiet);
    let plan = planned.await.plan;
    if plan.blast_radius.is_some() {
        return false;
    }
    let steps = plan.steps.len();
    let report = engine
        .apply(plan, &policy, &Control::default(), None, quiet)
        .await;
    assert_eq!(report.outcomes.len(), steps, "not one outcome per step");
    world.assert_sacred_is_alive();
    steps > 0
}

/// Good verdicts: place, verdict, force, grace, priority and reason.
pub fn told() -> Vec<Vec<u8>> {
    let all = |verdict: &str| {
        let lines = (0..32).map(|place| format!("{place} {verdict} always 0 {place} wanted"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let mut told = ["delete", "stop", "archive", "keep"].map(all).to_vec();
    told.push("0 delete never 18446744073709551615 2147483647 long\n0 keep - - 0 twice".into());
    told.push("memory/container/web-id delete on-retry x -2147483648 by its id".into());
    told.into_iter().map(String::into_bytes).collect()
}
