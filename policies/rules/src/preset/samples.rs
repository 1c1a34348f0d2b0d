//! Units and settings for the tests.

use tbengine_policy::types::{Action, Owner, Resource, State};

use super::judge::PresetJudge;
use super::profile::{HARBOR, Preset, SERVICE};
use super::settings::{PresetSettings, description};
use crate::samples::{HOUR, Kind, NOW, container, context, linked, params, used_by};

pub(crate) const MINUTE: u64 = HOUR / 60;
pub(crate) const UNIT: &str = "solve__abc1234__env";

pub(crate) fn settings(preset: Preset, given: &[(&str, &str)]) -> PresetSettings {
    PresetSettings::read(preset, &params(description(&preset), given)).unwrap()
}

pub(crate) fn judge(preset: Preset, given: &[(&str, &str)]) -> PresetJudge {
    PresetJudge::new(settings(preset, given))
}

/// A container of a Harbor trial that was made three hours ago and is called as its service is.
pub(crate) fn member(service: &str, change: impl FnOnce(&mut Resource)) -> Resource {
    let mut one = container(service);
    one.owner = Owner::Benchmark("harbor".to_owned());
    one.unit = Some(UNIT.to_owned());
    one.labels = vec![(SERVICE.to_owned(), service.to_owned())];
    change(&mut one);
    one
}

/// It has ended with 137 so many minutes ago.
pub(crate) fn killed(service: &str, minutes: u64) -> Resource {
    member(service, |one| {
        (one.exit_code, one.finished) = (Some(137), Some(NOW - minutes * MINUTE));
    })
}

/// It runs and was made so many minutes ago.
pub(crate) fn running(service: &str, minutes: u64) -> Resource {
    member(service, |one| {
        (one.state, one.exit_code, one.finished) = (State::Running, None, None);
        one.created = Some(NOW - minutes * MINUTE);
    })
}

/// A network or volume of the trial that these containers use.
pub(crate) fn used(kind: Kind, dependents: &[&str]) -> Resource {
    member("net", |one| {
        kind.put(one);
        one.state = State::Present;
        (one.exit_code, one.finished, one.labels) = (None, None, Vec::new());
        one.id = format!("docker/{}/{}", kind.word(), kind.word());
        one.name = format!("{UNIT}_default");
        let ids = dependents
            .iter()
            .map(|name| format!("docker/container/{name}"));
        used_by(one, &ids.collect::<Vec<_>>());
    })
}

/// A running sandbox of the trial that was made so many minutes ago and has not been active since.
pub(crate) fn sandbox(name: &str, minutes: u64, change: impl FnOnce(&mut Resource)) -> Resource {
    let mut one = running(name, minutes);
    Kind::Sandbox.put(&mut one);
    one.labels = Vec::new();
    one.id = format!("daytona/sandbox/{name}");
    one.backend = 1;
    change(&mut one);
    one
}

/// What a policy answers, by the ends of the ids, in their order.
pub(crate) fn answers(
    preset: Preset,
    given: &[(&str, &str)],
    resources: &[Resource],
) -> Vec<(String, String)> {
    let verdicts = judge(preset, given).decide(&context(), &linked(resources));
    let mut answers: Vec<_> = verdicts
        .into_iter()
        .map(|verdict| {
            let text = match verdict.action {
                Action::Keep(reason) => format!("keep: {reason}"),
                Action::Delete(options) => format!("delete: {}", options.reason),
                Action::Archive(options) => format!("archive: {}", options.reason),
                Action::Stop(_) => "neither kept nor deleted".to_owned(),
            };
            (verdict.id.rsplit('/').next().unwrap().to_owned(), text)
        })
        .collect();
    answers.sort();
    answers
}

/// What `harbor` answers about the first of these, or an empty text.
pub(crate) fn of_first(given: &[(&str, &str)], resources: &[Resource]) -> String {
    let id = resources[0].id.rsplit('/').next().unwrap();
    let answers = answers(HARBOR, given, resources);
    let found = answers.into_iter().find(|(have, _)| have == id);
    found.map(|(_, text)| text).unwrap_or_default()
}

/// Which of them `harbor` deletes.
pub(crate) fn goes(given: &[(&str, &str)], resources: &[Resource]) -> Vec<String> {
    answers(HARBOR, given, resources)
        .into_iter()
        .filter(|(_, text)| text.starts_with("delete"))
        .map(|(id, _)| id)
        .collect()
}
