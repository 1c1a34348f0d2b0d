//! The five stages over the simulated provider, one call each: discover, decide and plan, apply, report.
//!
//! ```console
//! $ cargo run -p tbengine-engine --example stages
//! ```
#![expect(clippy::print_stdout, reason = "a program of its own")]

use std::error::Error;
use std::sync::Arc;

use tbengine_engine::apply::{ApplyOptions, Control};
use tbengine_engine::plan::Safeguards;
use tbengine_engine::policy::{Limits, Policy, PolicyEngine, PolicyEngineOptions};
use tbengine_engine::report::Event;
use tbengine_engine::scope::Scope;
use tbengine_engine::{Engine, EngineOptions, Facts};
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{OpenRequest, Timestamp};

/// The simulated provider makes its leaked resources relative to this.
const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = EngineOptions {
        run: "example".into(),
        now: NOW,
        scope: Scope::default(),
        sizes: false,
        account_of_nothing: true,
        safeguards: Safeguards::default(),
        apply: ApplyOptions::default(),
    };
    let engine = Engine::new(vec![memory()?], options);
    let mut on_event = |_: &Event| {};

    // 1. Discover: what every backend lists, and what it could not.
    let inventory = Arc::new(engine.discover(&mut on_event).await);
    println!(
        "discovered {} resources, {} failed listings",
        inventory.resources.len(),
        inventory.failures.len()
    );

    // 2. and 3. Decide and plan: the policy proposes, and safeguards refuse what is not safe.
    let policies = PolicyEngine::new(PolicyEngineOptions::default())?;
    let builtin = tbengine_builtins::get("aggressive").ok_or("no such policy")?;
    let policy = policies.load(builtin.wasm, builtin.name)?;
    let policy: Arc<dyn Policy> =
        Arc::new(policy.configure(&Default::default(), Limits::default())?);
    let facts = Facts::default();
    let planned = engine
        .plan(
            inventory,
            &facts,
            &policy,
            builtin.name,
            false,
            &mut on_event,
        )
        .await;
    let plan = planned.plan;
    for step in plan.steps.iter().take(3) {
        println!("  {:?} {}: {}", step.action.kind(), step.name, step.reason);
    }
    println!("planned {} steps, refused:", plan.steps.len());
    for refusal in &plan.refusals {
        println!(
            "  {}: {} ({})",
            refusal.name, refusal.safeguard, refusal.detail
        );
    }
    // A limit may refuse the plan as a whole. The program that embeds the engine has to ask.
    if let Some(limit) = &plan.blast_radius {
        return Err(limit.to_string().into());
    }

    // 4. Apply: each step is observed, compared, done and verified.
    let control = Control::default();
    let report = engine
        .apply(plan, &policy, &control, None, &mut on_event)
        .await;

    // 5. Report: exactly one outcome for each step.
    for outcome in report.outcomes.iter().take(3) {
        println!("  {} {}", outcome.result, outcome.name);
    }
    println!("{} outcomes", report.outcomes.len());
    Ok(())
}

/// An open backend. `tbengine-plugin-host` opens those of a configuration.
fn memory() -> Result<OpenBackend, Box<dyn Error>> {
    let request = OpenRequest {
        name: "memory".into(),
        config: Default::default(),
        environment: Default::default(),
        now: NOW,
    };
    let memory = Arc::new(tbengine_memory::Memory::open(request)?);
    Ok(OpenBackend::new("memory", "memory", memory))
}
