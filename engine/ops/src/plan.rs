//! What a plan is that nobody applies now: what would be done, and why. Writes to no backend.

use std::sync::Arc;

use tbengine_engine::Planned;
use tbengine_engine::apply::ErrorMode;
use tbengine_engine::report::Event;
use tbengine_engine::scope::Scope;

use crate::config::Settings;
use crate::context::{Context, Purpose};
use crate::discover::discover;
use crate::error::Error;
use crate::facts::read_facts;
use crate::front::Front;
use crate::policies;

/// Plans.
///
/// # Errors
/// If the policy, a plugin or a backend cannot be opened.
pub async fn plan(
    context: &Context,
    settings: &Settings,
    scope: Scope,
    front: &mut dyn Front,
) -> Result<Planned, Error> {
    let chosen = policies::choose_in_background(context, settings).await?;
    let vetoes = policies::vetoes_in_background(context, settings).await?;
    let purpose = Purpose::Plan {
        scope,
        error_mode: ErrorMode::default(),
        wants: policies::wants(Some(&*chosen.policy), &vetoes),
    };
    let engine = context.engine(purpose, settings).await?.with_vetoes(vetoes);
    let mut see = |event: &Event| front.event(event);
    let inventory = Arc::new(discover(&engine, settings, &context.world, &mut see).await);
    let facts = read_facts(settings, &context.world.host).await;
    let (policy, origin) = (&chosen.policy, &chosen.origin);
    Ok(engine
        .plan(inventory, &facts, policy, origin, true, &mut see)
        .await)
}
