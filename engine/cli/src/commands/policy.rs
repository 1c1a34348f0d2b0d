//! `tbengine policy`: look at policies.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tbengine_engine::backend::open;
use tbengine_engine::decide::decide;
use tbengine_engine::discover::{DiscoverOptions, Inventory, discover};
use tbengine_engine::policy::{CompiledPolicy, Description, Policy, PolicyContext, Verdict};
use tbengine_engine::scope::Scope;
use tbengine_sdk::{OpenRequest, Timestamp};

use crate::app::{App, block_on};
use crate::args::PolicyCommand;
use crate::args::global::Format;
use crate::exit::{Code, Error};
use crate::output::csv;
use crate::output::plan::tell_fault;
use crate::output::span::{Tone, plain, toned};
use crate::output::table::Table;
use crate::policies;

/// Runs a command on policies.
pub(crate) fn run(app: &mut App, command: PolicyCommand) -> Result<Code, Error> {
    match command {
        PolicyCommand::List => list(app),
        PolicyCommand::Inspect { policy } => inspect(app, &policy),
        PolicyCommand::Check { policy, set } => check(app, &policy, set),
        PolicyCommand::Export { name, file, force } => export(app, &name, &file, force),
    }
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    origin: String,
    version: String,
    digest: String,
    summary: String,
}

fn list(app: &mut App) -> Result<Code, Error> {
    let builtins = tbengine_builtins::ALL
        .iter()
        .map(|builtin| (builtin.name.to_owned(), "built in"));
    let configured = app
        .config
        .file
        .policies
        .keys()
        .map(|name| (name.clone(), "configured"));
    let names: BTreeMap<String, &str> = builtins.chain(configured).collect();
    let engine = policies::engine(&app.world)?;
    let mut rows = Vec::new();
    let mut code = Code::Done;
    for (name, origin) in names {
        let loaded = policies::find(&app.config, &name)
            .and_then(|found| Ok(engine.load(&found.bytes, &found.origin)?));
        match loaded {
            Ok(policy) => rows.push(Row {
                name,
                origin: origin.to_owned(),
                version: policy.description().version.clone(),
                digest: policy.digest().to_owned(),
                summary: policy.description().summary.clone(),
            }),
            Err(error) => {
                app.console
                    .error(&format!("policy `{name}`: {error}"), &error.hints());
                code = error.code();
            }
        }
    }
    let out = &mut app.out;
    match app.global.output {
        Format::Json => out.json(&rows),
        Format::Jsonl => rows.iter().for_each(|row| out.json_line(row)),
        Format::Csv => {
            let rows = rows
                .into_iter()
                .map(|row| [row.name, row.origin, row.version, row.digest, row.summary]);
            csv::write(
                out,
                ["name", "origin", "version", "digest", "summary"],
                rows,
            );
        }
        Format::Table => {
            let mut table = Table::new(&["NAME", "ORIGIN", "VERSION", "DIGEST", "SUMMARY"]);
            for row in rows {
                let digest: String = row.digest.chars().take(12).collect();
                table.row(
                    [row.name, row.origin, row.version, digest, row.summary]
                        .map(plain)
                        .into(),
                );
            }
            table.write(out);
        }
    }
    Ok(code)
}

#[derive(Debug, Serialize)]
struct Inspected<'a> {
    #[serde(flatten)]
    description: &'a Description,
    digest: &'a str,
    origin: &'a str,
    imports: &'a [String],
}

fn inspect(app: &mut App, name: &str) -> Result<Code, Error> {
    let (policy, _) = policies::load(&app.world, &app.config, name)?;
    let description = policy.description();
    let inspected = Inspected {
        description,
        digest: policy.digest(),
        origin: policy.origin(),
        imports: policy.imports(),
    };
    let default = |default: &Option<String>, required| match default {
        Some(default) => default.clone(),
        None if required => "required".into(),
        None => "unset".into(),
    };
    let word = |kind| {
        serde_json::to_value(kind)
            .ok()
            .and_then(|word| word.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let params = description.params.iter().map(|param| {
        [
            param.name.clone(),
            word(param.kind),
            default(&param.default, param.required),
            param.doc.clone(),
        ]
    });
    let out = &mut app.out;
    match app.global.output {
        Format::Json => out.json(&inspected),
        Format::Jsonl => out.json_line(&inspected),
        Format::Csv => csv::write(out, ["parameter", "type", "default", "doc"], params),
        Format::Table => {
            out.line(&[toned(
                Tone::Strong,
                format!("{} {}", description.name, description.version),
            )]);
            out.text(&description.summary);
            out.text(&format!("digest   {}", policy.digest()));
            out.text(&format!("origin   {}", policy.origin()));
            out.text(&format!("imports  {}", policy.imports().join(", ")));
            for [name, kind, default, doc] in params {
                out.text("");
                out.line(&[
                    toned(Tone::Strong, name),
                    plain(format!("  {kind}")),
                    toned(Tone::Dim, format!("  [{default}]")),
                ]);
                out.text(&format!("  {doc}"));
            }
        }
    }
    Ok(Code::Done)
}

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
    params: BTreeMap<String, String>,
    resources: usize,
    keeps: usize,
    stops: usize,
    archives: usize,
    deletes: usize,
    milliseconds: f64,
    resources_per_second: f64,
}

fn check(app: &mut App, name: &str, set: Vec<(String, String)>) -> Result<Code, Error> {
    let (compiled, found) = policies::load(&app.world, &app.config, name)?;
    let mut params = found.params;
    params.extend(set);
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
        params: policy.source().params.clone(),
        resources,
        keeps: resources - stops - archives - deletes,
        stops,
        archives,
        deletes,
        milliseconds: took.as_secs_f64() * 1e3,
        resources_per_second: resources as f64 / took.as_secs_f64().max(1e-9),
    };
    write_checked(app, &compiled, &checked);
    Ok(Code::Done)
}

fn write_checked(app: &mut App, compiled: &CompiledPolicy, checked: &Checked) {
    let judged = format!(
        "judged {} simulated resources in {:.1} ms ({:.0} resources/s): {} to keep, {} to stop, {} to archive, {} to delete",
        checked.resources,
        checked.milliseconds,
        checked.resources_per_second,
        checked.keeps,
        checked.stops,
        checked.archives,
        checked.deletes
    );
    let out = &mut app.out;
    match app.global.output {
        Format::Json => out.json(checked),
        Format::Jsonl => out.json_line(checked),
        Format::Csv | Format::Table => {
            let ok = |text: String| [toned(Tone::Good, "ok "), plain(text)];
            let description = compiled.description();
            out.line(&ok(format!("loads: {}", compiled.origin())));
            out.line(&ok(format!(
                "fits the contract: {} {}, {} parameters",
                description.name,
                description.version,
                description.params.len()
            )));
            out.line(&ok(judged));
        }
    }
}

/// Lets a policy judge a simulated host.
async fn judge(
    policy: Arc<dyn Policy>,
) -> Result<(Arc<Inventory>, tbengine_engine::decide::Decisions, Duration), Error> {
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

fn export(app: &App, name: &str, file: &Path, overwrite: bool) -> Result<Code, Error> {
    let Some(builtin) = tbengine_builtins::get(name) else {
        let names: Vec<_> = tbengine_builtins::ALL
            .iter()
            .map(|builtin| builtin.name)
            .collect();
        return Err(
            Error::config(format!("there is no built-in policy called `{name}`"))
                .hint(format!("built-in policies: {}", names.join(", "))),
        );
    };
    let mut options = std::fs::OpenOptions::new();
    options
        .write(true)
        .create_new(!overwrite)
        .create(true)
        .truncate(overwrite);
    let written = options
        .open(file)
        .and_then(|mut file| file.write_all(builtin.wasm));
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::config(format!("{} exists", file.display()))
                .hint("overwrite it with --force"))
        }
        Err(source) => Err(Error::Write {
            path: file.to_owned(),
            source,
        }),
        Ok(()) => {
            app.console
                .line(&[plain(format!("wrote {}", file.display()))]);
            Ok(Code::Done)
        }
    }
}
