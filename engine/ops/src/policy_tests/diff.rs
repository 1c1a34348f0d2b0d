//! Where two policies differ on one inventory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use tbengine_engine::discover::Inventory;
use tbengine_engine::policy::{CompiledPolicy, Fault, Limits, Policy, PolicyContext};
use tbengine_engine::scope::Scope;

use super::recorded::{self, Said};
use crate::context::Context;
use crate::error::Error;
use crate::policies;

/// A resource that two policies evaluate differently.
#[derive(Clone, Debug, Serialize)]
pub struct Differs {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the first policy says, if it has an opinion.
    pub before: Option<Said>,
    /// What the second one says, if it has an opinion.
    pub after: Option<Said>,
}

/// Where two policies differ on an inventory, within a scope.
///
/// # Errors
/// If one of them fails.
pub async fn diff(
    [before, after]: [Arc<dyn Policy>; 2],
    inventory: &Arc<Inventory>,
    scope: &Scope,
    context: &PolicyContext,
) -> Result<Vec<Differs>, Fault> {
    let before = said(before, inventory, scope, context).await?;
    let after = said(after, inventory, scope, context).await?;
    let resources = inventory.resources.iter().enumerate();
    let differing = resources.filter(|(index, _)| before.get(index) != after.get(index));
    let differs = differing.map(|(index, resource)| Differs {
        id: resource.identity.id().to_string(),
        name: resource.name.clone(),
        before: before.get(&index).cloned(),
        after: after.get(&index).cloned(),
    });
    Ok(differs.collect())
}

/// What a policy says to the resources, by their index.
async fn said(
    policy: Arc<dyn Policy>,
    inventory: &Arc<Inventory>,
    scope: &Scope,
    context: &PolicyContext,
) -> Result<BTreeMap<usize, Said>, Fault> {
    let judging = recorded::judge(policy, inventory.clone(), scope.clone(), context.clone());
    let decisions = judging.await;
    match decisions.fault {
        Some(fault) => Err(fault),
        None => {
            let made = decisions.made.iter();
            Ok(made.map(|one| (one.resource, Said::new(one))).collect())
        }
    }
}

/// Two policies, each with those of the parameters that it has. What neither of them has is refused as unknown.
///
/// # Errors
/// If one of them cannot be loaded or configured.
pub fn both(
    context: &Context,
    before: &str,
    after: &str,
    set: &[(String, String)],
) -> Result<[Arc<dyn Policy>; 2], Error> {
    let (before, before_found) = policies::load(context, before)?;
    let (after, after_found) = policies::load(context, after)?;
    let knows = |policy: &CompiledPolicy, key: &str| {
        let params = &policy.description().params;
        params.iter().any(|param| param.name == key)
    };
    let configure = |policy: &CompiledPolicy,
                     other: &CompiledPolicy,
                     mut params: BTreeMap<String, String>,
                     limits: Limits|
     -> Result<Arc<dyn Policy>, Error> {
        for (key, value) in set {
            if knows(policy, key) || !knows(other, key) {
                params.insert(key.clone(), value.clone());
            }
        }
        Ok(Arc::new(policy.configure(&params, limits)?))
    };
    Ok([
        configure(&before, &after, before_found.params, before_found.limits)?,
        configure(&after, &before, after_found.params, after_found.limits)?,
    ])
}
