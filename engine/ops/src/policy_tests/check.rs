//! A policy against the contract and a simulated host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tbengine_engine::Facts;
use tbengine_engine::decide::{Decisions, decide};
use tbengine_engine::discover::{DiscoverOptions, Inventory, Recognition, discover};
use tbengine_engine::owners::{NoMemory, Owners};
use tbengine_engine::policy::{Fault, Judging, Limits, Policy, PolicyContext, Verdict};
use tbengine_engine::scope::Scope;
use tbengine_plugin_host::open;
use tbengine_sdk::{OpenRequest, Timestamp};

use crate::context::Context;
use crate::error::Error;
use crate::policies;

/// How many resources the simulated host has that a policy is checked against.
const SAMPLE: usize = 1000;
/// When the simulated host is looked at, so that every check judges the same.
const SAMPLE_TIME: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

/// What a policy is, and how it judges.
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
    /// How long it took to judge all of them.
    pub milliseconds: f64,
    /// How many were judged in a second.
    pub resources_per_second: f64,
    /// Where it came from.
    #[serde(skip)]
    pub origin: String,
    /// What it judges at once.
    #[serde(skip)]
    pub judging: Judging,
    /// How many parameters it has.
    #[serde(skip)]
    pub accepts: usize,
}

/// How a check ended.
#[derive(Clone, Debug)]
pub enum CheckEnd {
    /// The policy judged the simulated host.
    Judged(Box<Checked>),
    /// It failed.
    Failed(Fault),
}

/// Loads a policy, and lets it judge a simulated host, which takes the backend `memory`.
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
    let policy: Arc<dyn Policy> = Arc::new(compiled.configure(&params, found.limits)?);
    let (inventory, decisions, took) = judge(policy.clone()).await?;
    if let Some(fault) = decisions.fault {
        return Ok(CheckEnd::Failed(fault));
    }
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
        limits,
        params: policy.source().params.clone(),
        resources,
        keeps: resources - stops - archives - deletes,
        stops,
        archives,
        deletes,
        milliseconds: took.as_secs_f64() * 1e3,
        resources_per_second: resources as f64 / took.as_secs_f64().max(1e-9),
        origin: compiled.origin().to_owned(),
        judging: description.judging,
        accepts: description.params.len(),
    })))
}

/// Lets a policy judge a simulated host.
async fn judge(policy: Arc<dyn Policy>) -> Result<(Arc<Inventory>, Decisions, Duration), Error> {
    let request = OpenRequest {
        name: "sample".into(),
        config: serde_json::json!({ "resources": SAMPLE }),
        environment: Arc::default(),
        now: SAMPLE_TIME,
    };
    let host = open("memory", request)?;
    let options = DiscoverOptions {
        sizes: true,
        call_timeout: Duration::from_secs(60),
        page_size: SAMPLE,
        account_of_nothing: true,
        follow: false,
    };
    let owners = Owners::embedded().map_err(|error| Error::config(error.to_string()))?;
    let providers = vec![(host.name.clone(), host.kind.clone())];
    let mut inventory = discover(&[host], &Scope::default(), options).await;
    let by = Recognition {
        owners: Arc::new(owners),
        memory: Arc::new(NoMemory),
    };
    inventory.recognise(providers, by);
    let inventory = Arc::new(inventory);
    let context = PolicyContext {
        dry_run: true,
        ..PolicyContext::new(SAMPLE_TIME, "check")
    };
    let start = Instant::now();
    let decisions = decide(
        policy,
        context,
        inventory.clone(),
        Facts::default(),
        Scope::default(),
    )
    .await;
    Ok((inventory, decisions, start.elapsed()))
}
