//! A policy against the contract and a simulated host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tbengine_engine::Facts;
use tbengine_engine::clock::RunClock;
use tbengine_engine::decide::{Decisions, decide};
use tbengine_engine::discover::{DiscoverOptions, Inventory, Recognition, discover};
use tbengine_engine::owners::{NoMemory, Owners};
use tbengine_engine::policy::{
    ConfiguredPolicy, Failure, Fault, Force, Judging, Limits, MAX_BATCH, Policy, PolicyContext,
    Verdict,
};
use tbengine_engine::scope::Scope;
use tbengine_plugin_host::open;
use tbengine_sdk::{Error as BackendError, ErrorKind, OpenRequest, Timestamp};

use super::recorded::Said;
use crate::background::in_background;
use crate::context::Context;
use crate::error::Error;
use crate::policies;

/// How many resources the simulated host has that a policy is checked against.
const SAMPLE_SIZE: usize = 1000;
/// When the simulated host is looked at, so that every check evaluates the same.
const SAMPLE_TIME: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

/// The failures that a policy is asked about.
const FAILURES: [ErrorKind; 6] = [
    ErrorKind::Transient,
    ErrorKind::InProgress,
    ErrorKind::Conflict,
    ErrorKind::Dependency,
    ErrorKind::Stuck,
    ErrorKind::Internal,
];
/// The attempts that a policy is asked about.
const ATTEMPTS: [u32; 3] = [1, 3, 8];

/// What a policy is, and how it evaluates.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Checked {
    /// Its name.
    pub policy: String,
    /// Its version.
    pub version: String,
    /// Its digest.
    pub digest: String,
    /// The version of the contract that it fits.
    pub contract: String,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it may use.
    pub limits: Limits,
    /// What it was configured with.
    pub params: BTreeMap<String, String>,
    /// How many resources the simulated host has.
    pub resources: usize,
    /// How many of them are to be kept.
    pub keeps: usize,
    /// How many are to be stopped.
    pub stops: usize,
    /// How many are to be archived.
    pub archives: usize,
    /// How many are to be deleted.
    pub deletes: usize,
    /// How long it took to evaluate all of them.
    pub milliseconds: f64,
    /// How many were evaluated in a second.
    pub resources_per_second: f64,
    /// How many failed attempts it was asked about.
    pub retries: usize,
    /// Fuel of its costliest call of `decide`.
    pub fuel: u64,
    /// The fuel that this call may use.
    pub fuel_limit: u64,
    /// Fuel of its costliest call of `retry`.
    pub retry_fuel: u64,
    /// Bytes of memory of its largest call.
    pub memory: u64,
    /// What is wrong with what it decided.
    pub complaints: Vec<String>,
    /// The facts that policies of its version of the contract do not get.
    pub missing_facts: &'static [&'static str],
    /// Where it came from.
    #[serde(skip)]
    pub origin: String,
    /// What it evaluates at once.
    #[serde(skip)]
    pub judging: Judging,
    /// How many parameters it has.
    #[serde(skip)]
    pub accepts: usize,
}

/// How a check ended.
#[derive(Clone, Debug)]
pub enum CheckEnd {
    /// The policy evaluated the simulated host.
    Judged(Box<Checked>),
    /// It failed.
    Failed(Fault),
}

/// Loads a policy, and lets it evaluate a simulated host, which takes the backend `memory`.
///
/// # Errors
/// If the policy cannot be loaded or configured.
pub async fn check(
    context: &Context,
    name: &str,
    set: Vec<(String, String)>,
) -> Result<CheckEnd, Error> {
    let (compiled, found) = policies::load_in_background(context, name).await?;
    let mut params = found.params;
    params.extend(set);
    let limits = found.limits.clone();
    let configured = compiled.configure(&params, found.limits)?;
    let policy: Arc<dyn Policy> = Arc::new(configured.clone());
    let inventory = simulated().await?;
    let (decisions, took) = judge(policy.clone(), &inventory, "check").await;
    if let Some(fault) = decisions.fault {
        return Ok(CheckEnd::Failed(fault));
    }
    let spent = configured.spent_to_decide();
    let retries = match ask_for_advice(&configured, &inventory, &decisions).await? {
        Ok(retries) => retries,
        Err(fault) => return Ok(CheckEnd::Failed(fault)),
    };
    let advised = configured.spent_to_advise();
    let mut complaints = Vec::new();
    let first = verdicts(&inventory, &decisions);
    let backwards = Arc::new(reversed(&inventory));
    let (again, _) = judge(policy.clone(), &backwards, "check-again").await;
    complaints.extend(complaint(
        &inventory,
        &first,
        &verdicts(&backwards, &again),
        "in another order, and in another run,",
        "two runs with the same facts must decide alike",
    ));
    let everything: Arc<dyn Policy> = Arc::new(configured.sent_everything());
    let (told_all, _) = judge(everything, &inventory, "check").await;
    complaints.extend(complaint(
        &inventory,
        &first,
        &verdicts(&inventory, &told_all),
        "with all labels and attributes",
        "its interest leaves out what it reads",
    ));
    let count = |matches: fn(&Verdict) -> bool| {
        let made = decisions.made.iter();
        made.filter(|decision| matches(&decision.verdict)).count()
    };
    let (stops, archives, deletes) = (
        count(|verdict| matches!(verdict, Verdict::Stop { .. })),
        count(|verdict| matches!(verdict, Verdict::Archive { .. })),
        count(|verdict| matches!(verdict, Verdict::Delete { .. })),
    );
    let resources = inventory.resources.len();
    let description = compiled.description();
    Ok(CheckEnd::Judged(Box::new(Checked {
        policy: description.name.clone(),
        version: description.version.clone(),
        digest: compiled.digest().to_owned(),
        contract: compiled.version().to_string(),
        imports: compiled.imports().to_vec(),
        retries,
        fuel: spent.fuel,
        fuel_limit: limits.decide_fuel(inventory.resources.len().min(MAX_BATCH)),
        retry_fuel: advised.fuel,
        memory: spent.memory.max(advised.memory),
        limits,
        params: policy.source().params.clone(),
        resources,
        keeps: resources - stops - archives - deletes,
        stops,
        archives,
        deletes,
        milliseconds: took.as_secs_f64() * 1e3,
        resources_per_second: resources as f64 / took.as_secs_f64().max(1e-9),
        complaints,
        missing_facts: compiled.version().missing_facts(),
        origin: compiled.origin().to_owned(),
        judging: description.judging,
        accepts: description.params.len(),
    })))
}

/// Asks a policy about failed attempts of every kind. Gives how many there were.
async fn ask_for_advice(
    policy: &ConfiguredPolicy,
    inventory: &Arc<Inventory>,
    decisions: &Decisions,
) -> Result<Result<usize, Fault>, Error> {
    let deleted = decisions.made.iter().find_map(|decision| {
        let Verdict::Delete { reason, force, .. } = &decision.verdict else {
            return None;
        };
        Some((decision.resource, reason.clone(), *force))
    });
    let (index, reason, force) = deleted.unwrap_or((0, String::new(), Force::Never));
    let resource = inventory.resources[index].clone();
    let policy = policy.clone();
    let asking = move || {
        let context = PolicyContext::new(SAMPLE_TIME, "check");
        let mut asked = 0;
        for kind in FAILURES {
            for attempt in ATTEMPTS {
                let error = BackendError::new(kind, "a failure of the simulated host");
                let failure = Failure {
                    reason: reason.clone(),
                    force,
                    ..Failure::new(resource.clone(), error, attempt)
                };
                if let Err(fault) = policy.retry(&context, &failure) {
                    return Ok(Err(fault));
                }
                asked += 1;
            }
        }
        Ok(Ok(asked))
    };
    in_background(asking).await
}

/// A simulated host.
async fn simulated() -> Result<Arc<Inventory>, Error> {
    let request = OpenRequest {
        name: "sample".into(),
        config: serde_json::json!({ "resources": SAMPLE_SIZE }),
        environment: Arc::default(),
        now: SAMPLE_TIME,
    };
    let host = open("memory", request)?;
    let options = DiscoverOptions {
        sizes: true,
        disks: false,
        call_timeout: Duration::from_secs(60),
        page_size: SAMPLE_SIZE,
        account_of_nothing: true,
        follow: false,
        until: None,
        clock: RunClock::starting_at(SAMPLE_TIME),
    };
    let owners = Owners::embedded().map_err(|error| Error::config(error.to_string()))?;
    let providers = vec![(host.name.clone(), host.kind.clone())];
    let mut inventory = discover(&[host], &Scope::default(), options).await;
    let by = Recognition {
        owners: Arc::new(owners),
        memory: Arc::new(NoMemory),
    };
    inventory.recognise(providers, by);
    Ok(Arc::new(inventory))
}

/// The same inventory, listed the other way round.
fn reversed(inventory: &Inventory) -> Inventory {
    let resources = inventory.resources.iter().rev().cloned();
    Inventory::new(
        inventory.accounts.clone(),
        resources.collect(),
        inventory.failures.clone(),
    )
    .with_kinds(inventory.kinds.clone())
}

/// Lets a policy evaluate an inventory.
async fn judge(
    policy: Arc<dyn Policy>,
    inventory: &Arc<Inventory>,
    run: &str,
) -> (Decisions, Duration) {
    let context = PolicyContext {
        dry_run: true,
        ..PolicyContext::new(SAMPLE_TIME, run)
    };
    let (facts, scope) = (Facts::default(), Scope::default());
    let start = Instant::now();
    let decisions = decide(policy, context, inventory.clone(), facts, scope).await;
    (decisions, start.elapsed())
}

/// What is to be done, by id. Reasons may differ: which of several users one names is not part of the decision.
fn verdicts(inventory: &Inventory, decisions: &Decisions) -> BTreeMap<String, String> {
    let made = decisions.made.iter().map(|decision| {
        let mut decision = decision.clone();
        let (Verdict::Keep { reason }
        | Verdict::Stop { reason, .. }
        | Verdict::Archive { reason, .. }
        | Verdict::Delete { reason, .. }) = &mut decision.verdict;
        reason.clear();
        let id = inventory.resources[decision.resource].identity.id();
        (id.to_string(), Said::text(Some(&Said::new(&decision))))
    });
    // To keep something and to have no opinion come to the same.
    made.filter(|(_, text)| text != "keep: ").collect()
}

/// What is wrong if a policy decides otherwise about this inventory.
fn complaint(
    inventory: &Inventory,
    first: &BTreeMap<String, String>,
    other: &BTreeMap<String, String>,
    when: &str,
    why: &str,
) -> Option<String> {
    let ids = first.keys().chain(other.keys());
    let differing: BTreeSet<&String> = ids.filter(|id| first.get(*id) != other.get(*id)).collect();
    let example = *differing.first()?;
    let mut resources = inventory.resources.iter();
    let named = resources.find(|resource| resource.identity.id().to_string() == *example);
    let name = named.map_or("", |resource| &*resource.name);
    let said = |verdicts: &BTreeMap<String, String>| {
        let verdict = verdicts
            .get(example)
            .map(|text| text.trim_end_matches(": "));
        verdict.unwrap_or("keep").to_owned()
    };
    Some(format!(
        "{when} it decides otherwise about {} of the resources, like {example} ({name}), once `{}` and once `{}`: {why}",
        differing.len(),
        said(first),
        said(other)
    ))
}
