//! `tbengine policy check`.

use serde::Serialize;
use tbengine_engine::policy::Judging;
use tbengine_ops::policy_tests::{self, CheckEnd, Checked};

use crate::app::{App, block_on};
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::plan::print_fault;
use crate::output::span::{Tone, plain, toned};
use crate::output::view::View;

/// Loads a policy, and lets it evaluate a simulated host.
pub(super) fn check(app: &mut App, name: &str, set: Vec<(String, String)>) -> Result<Code, Error> {
    match block_on(policy_tests::check(&app.context, name, set))? {
        CheckEnd::Judged(checked) => {
            app.out.show(app.global.output, &*checked);
            Ok(match checked.complaints.is_empty() {
                true => Code::Done,
                false => Code::Failed,
            })
        }
        CheckEnd::Failed(fault) => {
            print_fault(&app.console, &fault);
            Ok(Code::Usage)
        }
    }
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
            "fuel",
            "fuel-limit",
            "retry-fuel",
            "memory",
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
            self.fuel.to_string(),
            self.fuel_limit.to_string(),
            self.retry_fuel.to_string(),
            self.memory.to_string(),
        ]);
    }

    fn page(&self, page: &mut Page<'_>) {
        let mut ok = |text: String| page.line(&[toned(Tone::Good, "ok "), plain(text)]);
        ok(format!("loads: {}", self.origin));
        ok(format!("fits the contract {}", self.contract));
        ok(format!("imports only what is allowed: {}", imports(self)));
        ok(format!(
            "describes itself: {} {}, {} parameters, evaluates {}",
            self.policy,
            self.version,
            self.accepts,
            match self.judging {
                Judging::Each => "each resource alone",
                Judging::Units => "whole units",
                Judging::Backend => "each backend as a whole",
                Judging::All => "everything at once",
            }
        ));
        ok(format!(
            "evaluated {} simulated resources in {:.1} ms ({:.0} resources/s): {} to keep, {} to stop, {} to archive, {} to delete",
            self.resources,
            self.milliseconds,
            self.resources_per_second,
            self.keeps,
            self.stops,
            self.archives,
            self.deletes
        ));
        ok(format!(
            "advised after {} failed attempts of all kinds",
            self.retries
        ));
        for complaint in &self.complaints {
            page.line(&[toned(Tone::Bad, "bad "), plain(complaint)]);
        }
        for fact in self.missing_facts {
            page.text(&format!("    missing: {fact}"));
        }
        let limits = &self.limits;
        page.text(&format!(
            "it used at most {:.1} of {} MiB of memory; decide {} of {} units of fuel, retry {} of {}",
            self.memory as f64 / f64::from(1 << 20),
            limits.memory >> 20,
            self.fuel,
            self.fuel_limit,
            self.retry_fuel,
            limits.retry_fuel
        ));
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
