//! `tbengine policy diff`: where two policies differ on one inventory.

use std::sync::Arc;

use serde::Serialize;
use tbengine_engine::discover::Inventory;
use tbengine_engine::policy::PolicyContext;
use tbengine_engine::report::Event;
use tbengine_engine::scope::Scope;
use tbengine_ops::discover::discover;
use tbengine_ops::policy_tests::{self, Differs, Said, recorded};

use crate::app::{App, block_on};
use crate::args::policy::PolicyDiffArgs;
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::obstacles::print_failures;
use crate::output::page::Page;
use crate::output::plan::print_fault;
use crate::output::span::{Tone, plain, toned};
use crate::output::view::{Lines, View};
use crate::output::watcher::Watcher;

/// Shows what changes from one policy to another.
pub(super) fn diff(app: &mut App, args: &PolicyDiffArgs) -> Result<Code, Error> {
    let policies = policy_tests::both(&app.context, &args.before, &args.after, &args.set)?;
    let scope = args.scope.scope();
    let (inventory, context) = inventory(app, args, &scope)?;
    let inventory = Arc::new(inventory);
    let comparing = policy_tests::diff(policies, &inventory, &scope, &context);
    let differences = match block_on(async { Ok::<_, Error>(comparing.await) })? {
        Ok(differences) => differences,
        Err(fault) => {
            print_fault(&app.console, &fault);
            return Ok(Code::Usage);
        }
    };
    let (differ, all) = (differences.len(), inventory.resources.len());
    app.out.show(app.global.output, &Differences(differences));
    app.out.flush();
    print_failures(&app.console, &inventory.failures);
    app.console.line(&[toned(
        Tone::Dim,
        format!("{differ} of {all} decisions differ"),
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

fn inventory(
    app: &mut App,
    args: &PolicyDiffArgs,
    scope: &Scope,
) -> Result<(Inventory, PolicyContext), Error> {
    let claimed = scope.claims_running();
    if let Some(path) = &args.inventory {
        let record = recorded::read(path, app.context.world.operator())?;
        let context = recorded::context(record.recorded, claimed);
        return Ok((record.inventory(), context));
    }
    let inventory = block_on(async {
        let engine = app.lister(scope.clone(), args.sizes).await?;
        let mut watcher = Watcher::new(
            &mut app.out,
            app.console.clone(),
            false,
            app.global.verbose > 0,
        );
        let settings = app.context.settings();
        let world = &app.context.world;
        let mut see = |event: &Event| watcher.on_event(event);
        Ok::<_, Error>(discover(&engine, &settings, world, &mut see).await)
    })?;
    Ok((inventory, recorded::context(app.context.world.now, claimed)))
}
