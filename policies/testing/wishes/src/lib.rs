//! The policies that users ask for, each a few lines; for the tests of the host.

use std::cmp::Reverse;
use std::collections::HashMap;

use tbengine_policy::params::describe;
use tbengine_policy::prelude::*;

struct Wishes(String);

impl Policy for Wishes {
    fn describe() -> Description {
        let summary = "What users ask for.";
        describe("wishes", "1.0.0", summary, Judging::All).required_param(
            "wish",
            ParamType::Text,
            "Which wish comes true.",
        )
    }

    fn configure(params: &Params) -> Result<Self, ParamError> {
        params.required("wish").map(Self)
    }

    fn interest(&self) -> Interest {
        Interest::only(Selection::Nothing, Selection::Nothing).wanting(Costly::SIZES)
    }

    fn decide(&self, context: &Context, resources: &[Resource]) -> Result<Vec<Verdict>, String> {
        match self.0.as_str() {
            "newest-5-per-unit" => Ok(newest_of_each_unit(5, resources)),
            "free-20-gb" => Ok(free(20_000_000_000, resources)),
            "at-most-50-sandboxes" => Ok(at_most(50, context, resources)),
            "unused-volumes" => Ok(unused_volumes(resources)),
            "archive-idle" => Ok(archive_idle(context, resources)),
            other => Err(format!("no such wish: {other}")),
        }
    }
}

fn newest_of_each_unit(newest: usize, resources: &[Resource]) -> Vec<Verdict> {
    let mut units: HashMap<&str, Vec<&Resource>> = HashMap::new();
    for one in resources {
        if let (Some(unit), Some(_)) = (&one.unit, one.created) {
            units.entry(unit).or_default().push(one);
        }
    }
    let mut verdicts = Vec::new();
    for unit in units.values_mut() {
        unit.sort_by_key(|one| Reverse(one.created));
        let old = unit.iter().skip(newest);
        verdicts.extend(old.map(|one| one.delete("newer ones of its unit are there")));
    }
    verdicts.sort_by(|a, b| a.id.cmp(&b.id));
    verdicts
}

fn free(wanted: u64, resources: &[Resource]) -> Vec<Verdict> {
    let mut largest: Vec<(u64, &Resource)> = resources
        .iter()
        .filter_map(|one| Some((one.usage.disk_bytes?, one)))
        .collect();
    largest.sort_by_key(|(size, _)| Reverse(*size));
    let mut freed = 0;
    let enough = |(size, _): &(u64, &Resource)| {
        let more = freed < wanted;
        freed += size;
        more
    };
    largest
        .into_iter()
        .take_while(enough)
        .map(|(size, one)| {
            let priority = i32::try_from(size / 1_000_000).unwrap_or(i32::MAX);
            one.delete("it takes much space").priority(priority)
        })
        .collect()
}

fn at_most(most: usize, context: &Context, resources: &[Resource]) -> Vec<Verdict> {
    let sandboxes = resources
        .iter()
        .filter(|one| one.kind(context) == "sandbox");
    let mut idlest: Vec<(Option<u64>, &Resource)> = sandboxes
        .map(|one| {
            (
                one.last_used.and_then(|at| context.now.checked_sub(at)),
                one,
            )
        })
        .collect();
    let too_many = idlest.len().saturating_sub(most);
    // What nobody knows of is not idle.
    idlest.sort_by_key(|(idle, _)| Reverse(*idle));
    let idlest = idlest.into_iter().take(too_many);
    idlest
        .filter_map(|(idle, one)| {
            let hours = i32::try_from(idle? / 3_600_000).unwrap_or(i32::MAX);
            Some(one.delete("there are too many").priority(hours))
        })
        .collect()
}

fn unused_volumes(resources: &[Resource]) -> Vec<Verdict> {
    let unused = |one: &&Resource| one.class == Class::Storage && !one.is_used();
    let unused = resources.iter().filter(unused);
    unused.map(|one| one.delete("nothing uses it")).collect()
}

fn archive_idle(context: &Context, resources: &[Resource]) -> Vec<Verdict> {
    let idle = |one: &&Resource| {
        let since = one.last_used.and_then(|at| context.now.checked_sub(at));
        one.class == Class::Compute && since.is_some_and(|idle| idle > 48 * 3_600_000)
    };
    let idle = resources.iter().filter(idle);
    idle.map(|one| one.archive("idle for two days")).collect()
}

tbengine_policy::export!(Wishes);
