//! `tbengine explain`: what is known about one resource, and what the policy and the safeguards say to it.

use serde::Serialize;
use tbengine_engine::policy::Verdict;
use tbengine_ops::explain::{Explanation, find};
use tbengine_ops::lease::PlannedSweep;
use tbengine_sdk::{Labels, Timestamp};

use super::owners::OwnerDocument;
use super::plan;
use crate::app::{App, block_on};
use crate::args::ExplainArgs;
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::human::{age, short_id, size, state};
use crate::output::json::ResourceDocument;
use crate::output::obstacles::{print_failures, print_obstacles};
use crate::output::page::Page;
use crate::output::span::{Span, Tone, plain, toned};
use crate::output::view::View;

/// Explains one resource.
pub(crate) fn run(app: &mut App, args: &ExplainArgs) -> Result<Code, Error> {
    let plan::Made { planned, sweeps } =
        plan::make(app, &args.scope, &args.policy, &args.safeguards)?;
    let (inventory, fault) = (&planned.inventory, planned.decisions.fault.as_ref());
    let index = match find(inventory, &args.id) {
        Ok(index) => index,
        Err(error) => {
            print_failures(&app.console, &inventory.failures);
            return Err(error.into());
        }
    };
    let settings = app.settings(&args.policy, &args.safeguards, &Default::default());
    let quarantine = block_on(async { Ok::<_, Error>(app.quarantine(&settings).await) })?;
    let now = inventory.now_of(&inventory.resources[index], app.context.world.now);
    let explanation = Explanation::new(&planned, &quarantine, index, &args.scope.scope(), now);
    let owner = inventory.explain_owner(index);
    let explained = Explained {
        proof: owner.as_ref().map(OwnerDocument::new),
        document: ResourceDocument::new(explanation.resource, &quarantine),
        sweep: sweeps
            .iter()
            .find(|sweep| sweep.step(&explanation.resource.identity).is_some()),
        explanation,
        now,
    };
    app.out.show(app.global.output, &explained);
    app.out.flush();
    print_obstacles(&app.console, &planned.plan, &inventory.failures, fault);
    Ok(Code::of_plan(&planned.plan, &inventory.failures, fault))
}

#[derive(Debug, Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    document: ResourceDocument<'a>,
    #[serde(flatten)]
    explanation: Explanation<'a>,
    /// Whose it is, and why.
    proof: Option<OwnerDocument<'a>>,
    /// The sweep of an expired lease that a run would delete it in.
    #[serde(serialize_with = "lease_of")]
    sweep: Option<&'a PlannedSweep>,
    #[serde(skip)]
    now: Timestamp,
}

/// Of a sweep that is about more than the resource, which one it is.
fn lease_of<S: serde::Serializer>(
    sweep: &Option<&PlannedSweep>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    sweep.map(|sweep| &sweep.lease).serialize(serializer)
}

impl Explained<'_> {
    fn facts(&self) -> Vec<[String; 2]> {
        let explanation = &self.explanation;
        let resource = explanation.resource;
        let mut facts: Vec<[String; 2]> = Vec::new();
        let mut fact = |name: &str, value: Option<String>| {
            facts.extend(value.map(|value| [name.to_owned(), value]));
        };
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        fact("id", Some(resource.identity.id().to_string()));
        fact("name", Some(resource.name.clone()));
        fact("account", Some(resource.identity.account.to_string()));
        fact("state", Some(state(resource)));
        fact("age", Some(age(resource, self.now)));
        fact("created", time(resource.identity.created));
        fact("arrived", time(resource.arrived));
        fact("started", time(resource.started));
        fact("finished", time(resource.finished));
        fact("last activity", time(resource.last_activity));
        fact("owner", Some(resource.owner.to_string()));
        for [name, value] in self.proof.iter().flat_map(OwnerDocument::lines) {
            fact(&name, Some(value));
        }
        fact("unit", resource.unit.as_ref().map(|unit| unit.0.clone()));
        fact("size", resource.usage.disk_bytes.map(size));
        let pairs = |labels: &Labels, not_sent: &[&str]| {
            let pairs = labels.iter().map(|(key, value)| {
                let mark = match not_sent.contains(&key) {
                    true => " (not sent to the policy)",
                    false => "",
                };
                format!("{key}={value}{mark}")
            });
            pairs.collect::<Vec<_>>()
        };
        for label in pairs(&resource.labels, &explanation.labels_not_sent) {
            fact("label", Some(label));
        }
        for attr in pairs(&resource.attrs, &explanation.attrs_not_sent) {
            fact("attribute", Some(attr));
        }
        for other in &resource.relations {
            let id = other.target(&resource.identity.backend);
            let along = match other.bond.takes_along() {
                true => " (deleted along with it)",
                false => "",
            };
            fact("uses", Some(format!("{id}{along}")));
        }
        for dependent in &explanation.used_by {
            fact("used by", Some(dependent.clone()));
        }
        fact(
            "quarantine",
            explanation.quarantined.map(ToString::to_string),
        );
        fact("policy", Some(self.opinion()));
        fact(
            "safeguard",
            explanation
                .refusal
                .map(|refusal| format!("{}: {}", refusal.safeguard, refusal.detail)),
        );
        fact("result", Some(self.result()));
        facts
    }

    fn opinion(&self) -> String {
        match self.explanation.verdict {
            None if !self.explanation.in_scope => "not evaluated: out of scope".into(),
            None if self.explanation.failed => "it failed, so everything is kept".into(),
            None => "no opinion, so it is kept".into(),
            Some(Verdict::Keep { reason }) => format!("keep: {reason}"),
            Some(Verdict::Stop { reason, .. }) => format!("stop: {reason}"),
            Some(Verdict::Archive { reason, .. }) => format!("archive: {reason}"),
            Some(Verdict::Delete { reason, .. }) => format!("delete: {reason}"),
        }
    }

    fn result(&self) -> String {
        if let Some(sweep) = self.sweep {
            return format!(
                "`tbengine run` would delete it: it was created under lease {}, which has expired",
                sweep.lease
            );
        }
        match (self.explanation.step, self.explanation.refusal) {
            (Some(step), _) => format!("`tbengine run` would {} it", step.action.kind()),
            (None, Some(refusal)) => format!(
                "kept: safeguard {} refuses to {} it",
                refusal.safeguard, refusal.action
            ),
            (None, None) => "kept".into(),
        }
    }
}

impl View for Explained<'_> {
    fn document(&self) -> impl Serialize {
        self
    }

    fn columns(&self) -> &'static [&'static str] {
        &["fact", "value"]
    }

    fn rows(&self, rows: &mut Rows) {
        for fact in self.facts() {
            rows.row(fact);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        for [name, value] in self.facts() {
            let tone = match name.as_str() {
                "policy" | "safeguard" | "result" => Tone::Strong,
                _ => Tone::Plain,
            };
            let value: Span<'_> = toned(tone, value);
            page.line(&[toned(Tone::Dim, format!("{name:<14}")), value]);
        }
        let native = &self.explanation.resource.identity.native;
        let id = short_id(native);
        let log = self.explanation.log.iter();
        let about = log.filter(|line| line.message.contains(native) || line.message.contains(&id));
        for line in about {
            page.line(&[
                toned(Tone::Dim, format!("{:<14}", "log")),
                plain(format!("{}: {}", line.level, line.message)),
            ]);
        }
    }
}
