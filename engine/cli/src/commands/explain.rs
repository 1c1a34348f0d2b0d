//! `tbengine explain`: what is known about one resource, and what the policy and the guards say to it.

use serde::Serialize;
use tbengine_engine::Planned;
use tbengine_engine::decide::Decision;
use tbengine_engine::discover::Inventory;
use tbengine_engine::facts::{Quarantine, Trouble};
use tbengine_engine::plan::{Refusal, Step};
use tbengine_engine::policy::{LogLine, Verdict};
use tbengine_engine::scope::Scope;
use tbengine_sdk::{Labels, Resource, Timestamp};

use super::plan;
use crate::app::{App, block_on};
use crate::args::ExplainArgs;
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::human::{age, short_id, size, state};
use crate::output::json::ResourceDocument;
use crate::output::obstacles::{tell_failures, tell_obstacles};
use crate::output::page::Page;
use crate::output::span::{Span, Tone, plain, toned};
use crate::output::view::View;

/// Explains one resource.
pub(crate) fn run(app: &mut App, args: &ExplainArgs) -> Result<Code, Error> {
    let planned = plan::make(app, &args.scope, &args.policy, &args.guards)?;
    let inventory = &planned.inventory;
    let place = match find(inventory, &args.id) {
        Ok(place) => place,
        Err(error) => {
            tell_failures(&app.console, &inventory.failures);
            return Err(error);
        }
    };
    let settings = app.settings(&args.policy, &args.guards, &Default::default());
    let quarantine = block_on(async { Ok::<_, Error>(app.quarantine(&settings).await) })?;
    let explained = Explained::new(
        &planned,
        &quarantine,
        place,
        &args.scope.scope(),
        app.context.world.now,
    );
    app.out.show(app.global.output, &explained);
    app.out.flush();
    tell_obstacles(
        &app.console,
        &planned.plan,
        &planned.inventory.failures,
        planned.decisions.fault.as_ref(),
    );
    Ok(Code::of_plan(
        &planned.plan,
        &inventory.failures,
        planned.decisions.fault.as_ref(),
    ))
}

/// Finds the one resource that is meant: by its id, by a unique beginning of its native id, or by name.
fn find(inventory: &Inventory, wanted: &str) -> Result<usize, Error> {
    let places = |matches: &dyn Fn(&Resource) -> bool| -> Vec<usize> {
        let all = inventory.resources.iter().enumerate();
        all.filter(|(_, resource)| matches(resource))
            .map(|(place, _)| place)
            .collect()
    };
    let by_id = places(&|resource| {
        resource.identity.native == wanted || resource.identity.id().to_string() == wanted
    });
    let by_name = || places(&|resource| resource.name == wanted);
    let by_prefix = || {
        places(&|resource| {
            let native = &resource.identity.native;
            native.starts_with(wanted)
                || native
                    .strip_prefix("sha256:")
                    .is_some_and(|hex| hex.starts_with(wanted))
        })
    };
    let mut found = by_id;
    for search in [&by_name as &dyn Fn() -> Vec<usize>, &by_prefix] {
        if found.is_empty() && !wanted.is_empty() {
            found = search();
        }
    }
    match found[..] {
        [place] => Ok(place),
        [] => Err(
            Error::config(format!("no resource has the id or name `{wanted}`"))
                .hint("`tbengine list` shows what there is"),
        ),
        _ => {
            let ids = found
                .iter()
                .take(5)
                .map(|place| inventory.resources[*place].identity.id().to_string());
            let ids = ids.collect::<Vec<_>>().join(", ");
            Err(
                Error::config(format!("`{wanted}` may mean {} resources", found.len()))
                    .hint(format!("write one of their ids in full: {ids}")),
            )
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Explained<'a> {
    #[serde(flatten)]
    resource: ResourceDocument<'a>,
    #[serde(skip)]
    now: Timestamp,
    #[serde(skip)]
    facts: &'a Resource,
    #[serde(skip)]
    trouble: Option<&'a Trouble>,
    holders: Vec<String>,
    in_scope: bool,
    #[serde(skip)]
    decision: Option<&'a Decision>,
    verdict: Option<&'a Verdict>,
    refusal: Option<&'a Refusal>,
    step: Option<&'a Step>,
    log: &'a [LogLine],
}

impl<'a> Explained<'a> {
    fn new(
        planned: &'a Planned,
        quarantine: &'a Quarantine,
        place: usize,
        scope: &Scope,
        now: Timestamp,
    ) -> Self {
        let resource = &planned.inventory.resources[place];
        let decision = planned
            .decisions
            .made
            .iter()
            .find(|decision| decision.resource == place);
        Self {
            resource: ResourceDocument::new(resource, quarantine),
            trouble: quarantine.trouble(&resource.identity),
            now,
            facts: resource,
            holders: planned
                .inventory
                .holders(place)
                .map(|holder| holder.id().to_string())
                .collect(),
            in_scope: scope.admits(resource, now),
            decision,
            verdict: decision.map(|decision| &decision.verdict),
            refusal: planned
                .plan
                .refusals
                .iter()
                .find(|refusal| refusal.target == resource.identity),
            step: planned
                .plan
                .steps
                .iter()
                .find(|step| step.target == resource.identity)
                .map(|step| &**step),
            log: &planned.decisions.log,
        }
    }

    fn facts(&self) -> Vec<[String; 2]> {
        let resource = self.facts;
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
        fact("started", time(resource.started));
        fact("finished", time(resource.finished));
        fact("last activity", time(resource.last_activity));
        fact("owner", Some(resource.owner.to_string()));
        fact("unit", resource.unit.as_ref().map(|unit| unit.0.clone()));
        fact("size", resource.usage.disk_bytes.map(size));
        let pairs = |labels: &Labels| {
            labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect::<Vec<_>>()
        };
        for label in pairs(&resource.labels) {
            fact("label", Some(label));
        }
        for attr in pairs(&resource.attrs) {
            fact("attribute", Some(attr));
        }
        for used in &resource.uses {
            let id = used.target(&resource.identity.backend);
            let along = if used.cascade {
                " (deleted along with it)"
            } else {
                ""
            };
            fact("uses", Some(format!("{id}{along}")));
        }
        for holder in &self.holders {
            fact("used by", Some(holder.clone()));
        }
        fact("quarantine", self.trouble.map(ToString::to_string));
        fact("policy", Some(self.opinion()));
        fact(
            "guard",
            self.refusal
                .map(|refusal| format!("{}: {}", refusal.guard, refusal.detail)),
        );
        fact("result", Some(self.result()));
        facts
    }

    fn opinion(&self) -> String {
        match self.decision.map(|decision| &decision.verdict) {
            None if !self.in_scope => "not asked: it lies outside the scope".into(),
            None => "no opinion, so it is kept".into(),
            Some(Verdict::Keep { reason }) => format!("keep: {reason}"),
            Some(Verdict::Stop { reason, .. }) => format!("stop: {reason}"),
            Some(Verdict::Archive { reason, .. }) => format!("archive: {reason}"),
            Some(Verdict::Delete { reason, .. }) => format!("delete: {reason}"),
        }
    }

    fn result(&self) -> String {
        match (self.step, self.refusal) {
            (Some(step), _) => format!("`tbengine run` would {} it", step.action.kind()),
            (None, Some(refusal)) => format!(
                "it stays: guard {} refuses to {} it",
                refusal.guard, refusal.action
            ),
            (None, None) => "it stays".into(),
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
                "policy" | "guard" | "result" => Tone::Strong,
                _ => Tone::Plain,
            };
            let value: Span<'_> = toned(tone, value);
            page.line(&[toned(Tone::Dim, format!("{name:<14}")), value]);
        }
        let id = short_id(&self.facts.identity.native);
        let about = self.log.iter().filter(|line| {
            line.message.contains(&self.facts.identity.native) || line.message.contains(&id)
        });
        for line in about {
            page.line(&[
                toned(Tone::Dim, format!("{:<14}", "log")),
                plain(format!("{}: {}", line.level, line.message)),
            ]);
        }
    }
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::{Identity, Kind, State};

    use super::*;

    fn inventory(names: &[(&str, &str)]) -> Inventory {
        let resource = |(native, name): &(&str, &str)| {
            let identity = Identity {
                backend: "docker".into(),
                account: "a".into(),
                kind: Kind::CONTAINER,
                native: (*native).into(),
                created: None,
            };
            Resource::new(identity, *name, State::Exited)
        };
        let resources = names.iter().map(resource).collect();
        Inventory::new(Default::default(), resources, Vec::new())
    }

    #[test]
    fn ids_prefixes_and_names_are_found_if_unique() {
        let inventory = inventory(&[
            ("abcd", "web"),
            ("abef", "db"),
            ("sha256:77", "db2"),
            ("web2", "abc"),
        ]);
        for (wanted, place) in [
            ("abcd", 0),
            ("docker/container/abef", 1),
            ("db", 1),
            ("abe", 1),
            ("77", 2),
            ("abc", 3),
        ] {
            assert_eq!(find(&inventory, wanted).unwrap(), place, "{wanted}");
        }
        assert!(
            find(&inventory, "ab")
                .unwrap_err()
                .to_string()
                .contains("may mean 2 resources")
        );
        for nothing in ["", "zz", "docker/volume/abcd"] {
            assert!(find(&inventory, nothing).is_err(), "{nothing}");
        }
    }
}
