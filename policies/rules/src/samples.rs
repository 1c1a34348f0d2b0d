//! Resources and parameters for the tests.

use tbengine_policy::params::Params;
use tbengine_policy::types::{
    Context, Description, Failure, FailureKind, Kind, Owner, ParamType, Resource, State, Usage,
};

pub(crate) const NOW: u64 = 1_800_000_000_000;
pub(crate) const HOUR: u64 = 3_600_000;

pub(crate) fn context() -> Context {
    Context {
        now: NOW,
        run_id: "r".to_owned(),
        dry_run: false,
        attrs: Vec::new(),
    }
}

/// A container that exited two hours ago and was created three hours ago.
pub(crate) fn container(name: &str) -> Resource {
    Resource {
        id: format!("docker/container/{name}"),
        backend: "docker".to_owned(),
        kind: Kind::Container,
        name: name.to_owned(),
        state: State::Exited,
        exit_code: Some(0),
        created: Some(NOW - 3 * HOUR),
        started: None,
        finished: Some(NOW - 2 * HOUR),
        last_activity: None,
        unit: None,
        owner: Owner::Unknown,
        claimed: false,
        usage: Usage {
            cpu_millis: None,
            memory_bytes: None,
            disk_bytes: None,
        },
        holders: Vec::new(),
        labels: Vec::new(),
        attrs: Vec::new(),
    }
}

/// A failed deletion of it.
pub(crate) fn failure(attempt: u32) -> Failure {
    Failure {
        id: "docker/container/c".to_owned(),
        backend: "docker".to_owned(),
        kind: Kind::Container,
        operation: "delete".to_owned(),
        failure: FailureKind::Transient,
        message: "500".to_owned(),
        attempt,
        elapsed_ms: 0,
        retry_after_ms: None,
        attrs: Vec::new(),
    }
}

/// The values of a policy's parameters: those given are written as the host does.
pub(crate) fn params(description: Description, given: &[(&str, &str)]) -> Params {
    let ms = |text: &str| {
        let at = text.find(|c: char| !c.is_ascii_digit()).unwrap();
        let unit = match &text[at..] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => HOUR,
            "d" => 24 * HOUR,
            other => panic!("{other}"),
        };
        (text[..at].parse::<u64>().unwrap() * unit).to_string()
    };
    let defaults = description.params.into_iter().filter_map(|param| {
        let text = param.default?;
        let value = match param.type_ {
            ParamType::Duration => ms(&text),
            _ => text,
        };
        Some((param.name, value))
    });
    let given = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Params::new(given.chain(defaults).collect())
}
