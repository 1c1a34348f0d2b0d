//! What a policy answers about recorded inventories, against what is expected.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use tbengine_engine::decide::Decision;
use tbengine_engine::discover::Inventory;
use tbengine_engine::policy::{CompiledPolicy, Fault, Limits, Policy, PolicyContext};

use super::cases::{self, Case, Expected};
use super::recorded::{self, Said};
use crate::context::Context;
use crate::error::Error;
use crate::operator::Operator;
use crate::policies;

/// How one case ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tested {
    /// The file of its expectations.
    pub case: String,
    /// Whether every answer is as expected.
    pub ok: bool,
    /// How many resources its inventory has.
    pub resources: usize,
    /// How many of them the policy has an opinion about.
    pub decisions: usize,
    /// How many failed attempts it has.
    pub retries: usize,
    /// Where an answer is not as expected.
    pub differences: Vec<Difference>,
    /// Why the policy failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// Where an answer is not as expected.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// A resource by its id, or a failed attempt.
    pub about: String,
    /// The name of the resource, unless there is no such resource.
    pub name: String,
    /// What is expected.
    pub expected: String,
    /// What was answered.
    pub answered: String,
}

/// Lets a policy evaluate every case of a folder. With `update` what it answers is written down as what is expected.
///
/// # Errors
/// If the policy cannot be used, or a case cannot be read or written.
pub async fn test(
    context: &Context,
    policy: &str,
    folder: &Path,
    update: bool,
) -> Result<Vec<Tested>, Error> {
    let (compiled, found) = policies::load_in_background(context, policy).await?;
    let mut tested = Vec::new();
    for case in cases::find(folder)? {
        tested.push(
            run(
                context.world.operator(),
                &compiled,
                &found.params,
                &found.limits,
                case,
                update,
            )
            .await?,
        );
    }
    Ok(tested)
}

async fn run(
    operator: Operator,
    compiled: &CompiledPolicy,
    configured: &BTreeMap<String, String>,
    limits: &Limits,
    case: Case,
    update: bool,
) -> Result<Tested, Error> {
    let record = recorded::read(&case.inventory, operator)?;
    if case.expected.is_none() && !update {
        return Err(Error::config(format!(
            "no expectations for {}: {} is missing",
            case.inventory.display(),
            case.file.display()
        ))
        .hint("write the policy's decisions with --update, and review them"));
    }
    let expected = case.expected.unwrap_or_default();
    let mut params = configured.clone();
    params.extend(expected.params.clone());
    let policy: Arc<dyn Policy> = Arc::new(compiled.configure(&params, limits.clone())?);
    let inventory = Arc::new(record.inventory());
    let scope = expected.scope.scope();
    let context = recorded::context(
        expected.now.unwrap_or(record.recorded),
        expected.claimed || scope.claims_running(),
    );
    let judging = recorded::judge(policy.clone(), inventory.clone(), scope, context.clone());
    let decisions = judging.await;
    let mut tested = Tested {
        case: case.file.display().to_string(),
        ok: false,
        resources: inventory.resources.len(),
        decisions: decisions.made.len(),
        retries: expected.retries.len(),
        differences: Vec::new(),
        fault: decisions.fault,
    };
    let said = decisions.made.iter().map(|decision| {
        let id = inventory.resources[decision.resource].identity.id();
        (id.to_string(), Said::new(decision))
    });
    let answered = Expected {
        decisions: said.collect(),
        ..expected.clone()
    };
    let made = decisions.made;
    let names = names(&inventory);
    let asking = move || Ok(ask(&*policy, &context, &inventory, &made, answered));
    let (answered, fault) = crate::background::in_background(asking).await?;
    tested.fault = tested.fault.or(fault);
    if tested.fault.is_some() {
        return Ok(tested);
    }
    if update {
        let mut text = serde_json::to_string_pretty(&answered)
            .map_err(|error| Error::config(error.to_string()))?;
        text.push('\n');
        std::fs::write(&case.file, text).map_err(|source| Error::Write {
            path: case.file.clone(),
            source,
        })?;
    } else {
        tested.differences = differences(&expected, &answered, &names);
    }
    tested.ok = tested.differences.is_empty();
    Ok(tested)
}

/// Asks the policy about each failed attempt. Gives why it failed, if it did, with what it answered till then.
fn ask(
    policy: &dyn Policy,
    context: &PolicyContext,
    inventory: &Inventory,
    made: &[Decision],
    mut answered: Expected,
) -> (Expected, Option<Fault>) {
    let mut failed = None;
    for retry in &mut answered.retries {
        match policy.retry(context, &retry.question(inventory, made)) {
            Ok(advice) => retry.advice = advice.into(),
            Err(fault) => failed = failed.or(Some(fault)),
        }
    }
    (answered, failed)
}

/// The names of resources, by their ids.
fn names(inventory: &Inventory) -> BTreeMap<String, String> {
    let resources = inventory.resources.iter();
    resources
        .map(|resource| (resource.identity.id().to_string(), resource.name.clone()))
        .collect()
}

fn differences(
    expected: &Expected,
    answered: &Expected,
    names: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let name = |id: &str| names.get(id).cloned().unwrap_or_default();
    let ids: BTreeSet<&String> = expected
        .decisions
        .keys()
        .chain(answered.decisions.keys())
        .collect();
    let decisions = ids.into_iter().filter_map(|id| {
        let (wanted, got) = (expected.decisions.get(id), answered.decisions.get(id));
        (wanted != got).then(|| Difference {
            about: id.clone(),
            name: name(id),
            expected: Said::text(wanted),
            answered: Said::text(got),
        })
    });
    let retries = expected.retries.iter().zip(&answered.retries);
    let retries = retries
        .filter(|(wanted, got)| wanted != got)
        .map(|(wanted, got)| Difference {
            about: format!(
                "{}, attempt {} failed: {}",
                wanted.id.0, wanted.attempt, wanted.failure
            ),
            name: name(&wanted.id.0.to_string()),
            expected: wanted.advice.text(),
            answered: got.advice.text(),
        });
    decisions.chain(retries).collect()
}
