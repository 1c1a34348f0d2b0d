//! `tbengine policy check`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tbengine_engine::decide::{Decisions, decide};
use tbengine_engine::discover::{DiscoverOptions, Inventory, discover};
use tbengine_engine::policy::{Judging, Limits, Policy, PolicyContext, Verdict};
use tbengine_engine::scope::Scope;
use tbengine_plugin_host::open;
use tbengine_sdk::{OpenRequest, Timestamp};

use crate::app::{App, block_on};
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::plan::tell_fault;
use crate::output::span::{Tone, plain, toned};
use crate::output::view::View;
use tbengine_ops::policies;

/// How many resources the simulated host has that a policy is checked against.
const SAMPLE: usize = 1000;
/// When the simulated host is looked at, so that every check judges the same.
const SAMPLE_TIME: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Checked {
    policy: String,
    version: String,
    digest: String,
    contract: String,
    imports: Vec<String>,
    limits: Limits,
    params: BTreeMap<String, String>,
    resources: usize,
    keeps: usize,
    stops: usize,
    archives: usize,
    deletes: usize,
    milliseconds: f64,
    resources_per_second: f64,
    /// Where it came from.
    #[serde(skip)]
    origin: String,
    #[serde(skip)]
    judging: Judging,
    /// How many parameters it has.
    #[serde(skip)]
    accepts: usize,
}

/// Loads a policy, and lets it judge a simulated host.
pub(super) fn check(app: &mut App, name: &str, set: Vec<(String, String)>) -> Result<Code, Error> {
    let (compiled, found) = policies::load(&app.context, name)?;
    let mut params = found.params;
    params.extend(set);
    let limits = found.limits.clone();
    let policy: Arc<dyn Policy> = Arc::new(compiled.configure(&params, found.limits)?);
    let (inventory, decisions, took) = block_on(judge(policy.clone()))?;
    if let Some(fault) = &decisions.fault {
        tell_fault(&app.console, fault);
        return Ok(Code::Usage);
    }
    let count = |matches: fn(&Verdict) -> bool| {
        decisions
            .made
            .iter()
            .filter(|decision| matches(&decision.verdict))
            .count()
    };
    let (stops, archives, deletes) = (
        count(|verdict| matches!(verdict, Verdict::Stop { .. })),
        count(|verdict| matches!(verdict, Verdict::Archive { .. })),
        count(|verdict| matches!(verdict, Verdict::Delete { .. })),
    );
    let resources = inventory.resources.len();
    let checked = Checked {
        policy: compiled.description().name.clone(),
        version: compiled.description().version.clone(),
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
        judging: compiled.description().judging,
        accepts: compiled.description().params.len(),
    };
    app.out.show(app.global.output, &checked);
    Ok(Code::Done)
}

impl View for Checked {
    fn document(&self) -> impl Serialize {
        self
    }

    fn columns(&self) -> &'static [&'static str] {
        &[
            "policy",
            "version",
            "digest",
            "contract",
            "imports",
            "resources",
            "keeps",
            "stops",
            "archives",
            "deletes",
            "milliseconds",
            "resources-per-second",
        ]
    }

    fn rows(&self, rows: &mut Rows) {
        rows.row([
            self.policy.clone(),
            self.version.clone(),
            self.digest.clone(),
            self.contract.clone(),
            self.imports.join(" "),
            self.resources.to_string(),
            self.keeps.to_string(),
            self.stops.to_string(),
            self.archives.to_string(),
            self.deletes.to_string(),
            self.milliseconds.to_string(),
            self.resources_per_second.to_string(),
        ]);
    }

    fn page(&self, page: &mut Page<'_>) {
        let mut ok = |text: String| page.line(&[toned(Tone::Good, "ok "), plain(text)]);
        ok(format!("loads: {}", self.origin));
        ok(format!("fits the contract {}", self.contract));
        ok(format!("imports only what is granted: {}", imports(self)));
        ok(format!(
            "describes itself: {} {}, {} parameters, judges {}",
            self.policy,
            self.version,
            self.accepts,
            match self.judging {
                Judging::Each => "each resource alone",
                Judging::Units => "whole units",
                Judging::All => "everything at once",
            }
        ));
        ok(format!(
            "judged {} simulated resources in {:.1} ms ({:.0} resources/s): {} to keep, {} to stop, {} to archive, {} to delete",
            self.resources,
            self.milliseconds,
            self.resources_per_second,
            self.keeps,
            self.stops,
            self.archives,
            self.deletes
        ));
        let limits = &self.limits;
        page.text(&format!(
            "its limits: {} MiB of memory; decide {}, fuel {} and {} for each resource",
            limits.memory >> 20,
            humantime::format_duration(limits.decide_timeout),
            limits.fuel,
            limits.fuel_per_resource
        ));
    }
}

fn imports(checked: &Checked) -> String {
    let wasi = checked.imports.iter().any(|name| name.starts_with("wasi:"));
    let own = checked
        .imports
        .iter()
        .filter(|name| !name.starts_with("wasi:"));
    let mut names: Vec<&str> = own.map(String::as_str).collect();
    if wasi {
        names.push("a frozen WASI 0.2");
    }
    if names.is_empty() {
        names.push("nothing");
    }
    names.join(", ")
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
    };
    let inventory = Arc::new(discover(&[host], &Scope::default(), options).await);
    let context = PolicyContext {
        now: SAMPLE_TIME,
        run_id: "check".into(),
        dry_run: true,
        claimed: false,
    };
    let start = Instant::now();
    let decisions = decide(policy, context, inventory.clone(), Scope::default()).await;
    Ok((inventory, decisions, start.elapsed()))
}
