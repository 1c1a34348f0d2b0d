//! `tbengine policy diff`: where two policies differ on one inventory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use tbengine_engine::discover::Inventory;
use tbengine_engine::policy::{CompiledPolicy, Limits, Policy, PolicyContext};
use tbengine_engine::scope::Scope;

use crate::app::{App, block_on};
use crate::args::policy::PolicyDiffArgs;
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::obstacles::tell_failures;
use crate::output::page::Page;
use crate::output::plan::tell_fault;
use crate::output::span::{Tone, plain, toned};
use crate::output::view::{Lines, View};
use crate::output::watcher::Watcher;
use tbengine_ops::policies;
use tbengine_ops::policy_tests::{Said, recorded};

#[derive(Debug, Serialize)]
struct Differs {
    id: String,
    name: String,
    before: Option<Said>,
    after: Option<Said>,
}

/// Shows what changes from one policy to another.
pub(super) fn diff(app: &mut App, args: &PolicyDiffArgs) -> Result<Code, Error> {
    let policies = policies(app, args)?;
    let scope = args.scope.scope();
    let (inventory, context) = inventory(app, args, &scope)?;
    let inventory = Arc::new(inventory);
    let mut said = Vec::new();
    for policy in policies {
        let judging = recorded::judge(policy, inventory.clone(), scope.clone(), context.clone());
        let decisions = block_on(async { Ok::<_, Error>(judging.await) })?;
        if let Some(fault) = &decisions.fault {
            tell_fault(&app.console, fault);
            return Ok(Code::Usage);
        }
        let by_place: BTreeMap<usize, Said> = decisions
            .made
            .iter()
            .map(|decision| (decision.resource, Said::new(decision)))
            .collect();
        said.push(by_place);
    }
    let differences: Vec<Differs> = inventory
        .resources
        .iter()
        .enumerate()
        .filter(|(place, _)| said[0].get(place) != said[1].get(place))
        .map(|(place, resource)| Differs {
            id: resource.identity.id().to_string(),
            name: resource.name.clone(),
            before: said[0].get(&place).cloned(),
            after: said[1].get(&place).cloned(),
        })
        .collect();
    let (differ, all) = (differences.len(), inventory.resources.len());
    app.out.show(app.global.output, &Differences(differences));
    app.out.flush();
    tell_failures(&app.console, &inventory.failures);
    app.console.line(&[toned(
        Tone::Dim,
        format!("{differ} of {all} resources are judged differently"),
    )]);
    Ok(if inventory.failures.is_empty() {
        Code::Done
    } else {
        Code::Incomplete
    })
}

/// What two policies say differently.
struct Differences(Vec<Differs>);

impl View for Differences {
    fn document(&self) -> impl Serialize {
        &self.0
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        lines.each(&self.0);
    }

    fn columns(&self) -> &'static [&'static str] {
        &["id", "name", "before", "after"]
    }

    fn rows(&self, rows: &mut Rows) {
        for one in &self.0 {
            rows.row([
                &one.id,
                &one.name,
                &Said::text(one.before.as_ref()),
                &Said::text(one.after.as_ref()),
            ]);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        for one in &self.0 {
            page.line(&[
                toned(Tone::Strong, &one.id),
                plain(format!("  {}", one.name)),
            ]);
            page.line(&[
                toned(Tone::Bad, "  - "),
                plain(Said::text(one.before.as_ref())),
            ]);
            page.line(&[
                toned(Tone::Good, "  + "),
                plain(Said::text(one.after.as_ref())),
            ]);
        }
    }
}

/// Both policies, each with those of the parameters that it has.
fn policies(app: &App, args: &PolicyDiffArgs) -> Result<[Arc<dyn Policy>; 2], Error> {
    let (before, before_found) = policies::load(&app.context, &args.before)?;
    let (after, after_found) = policies::load(&app.context, &args.after)?;
    let knows = |policy: &CompiledPolicy, key: &str| {
        let params = &policy.description().params;
        params.iter().any(|param| param.name == key)
    };
    let configure = |policy: &CompiledPolicy,
                     other: &CompiledPolicy,
                     mut params: BTreeMap<String, String>,
                     limits: Limits|
     -> Result<Arc<dyn Policy>, Error> {
        for (key, value) in &args.set {
            // What neither of them has is refused as unknown.
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

fn inventory(
    app: &mut App,
    args: &PolicyDiffArgs,
    scope: &Scope,
) -> Result<(Inventory, PolicyContext), Error> {
    let claimed = scope.claims_running();
    if let Some(path) = &args.inventory {
        let record = recorded::read(path)?;
        let context = recorded::context(record.recorded, claimed);
        return Ok((record.inventory(), context));
    }
    let inventory = block_on(async {
        let engine = app.lister(scope.clone(), args.sizes)?;
        let mut watcher = Watcher::new(
            &mut app.out,
            app.console.clone(),
            false,
            app.global.verbose > 0,
        );
        Ok::<_, Error>(engine.discover(&mut |event| watcher.see(event)).await)
    })?;
    Ok((inventory, recorded::context(app.context.world.now, claimed)))
}
