//! The naming of known benchmarks, so that every backend recognises them alike.
//!
//! The rules were read off Harbor 0.25 and Terminal-Bench 0.2.18; each needs a pattern that people
//! do not hit by chance. What does not match is not recognised: unknown means keep.

/// What [`Owner::Benchmark`](crate::Owner) says for Harbor's resources.
pub const HARBOR: &str = "harbor";
/// What [`Owner::Benchmark`](crate::Owner) says for Terminal-Bench's resources.
pub const TERMINAL_BENCH: &str = "terminal-bench";

/// Harbor's labels on cloud sandboxes.
pub mod harbor_labels {
    /// `true` on everything Harbor manages.
    pub const MANAGED: &str = "harbor.managed";
    /// The trial's environment, `<task>__<7 characters>__env`: one live sandbox each.
    pub const SESSION_ID: &str = "harbor.session_id";
}

/// Whether a compose project is the environment of a Harbor trial:
/// `<task>__<7 characters>__env`, or `<task>__<7 characters>__verifier__<key>`, in lower case.
///
/// The name alone is weak; combine it with a second fact, like the compose files Harbor writes.
pub fn is_harbor_project(project: &str) -> bool {
    if let Some(trial) = project.strip_suffix("__env") {
        return is_harbor_trial(trial);
    }
    project
        .split_once("__verifier__")
        .is_some_and(|(trial, key)| !key.is_empty() && is_harbor_trial(trial))
}

/// The compose project that Harbor and Terminal-Bench make of a name: lower case, with `-` for what a
/// project's name must not hold, and a `0` before a sign that it must not begin with.
pub fn project_name(name: &str) -> String {
    let mut project: String = name
        .chars()
        .map(|sign| match sign.to_ascii_lowercase() {
            sign @ ('a'..='z' | '0'..='9' | '_' | '-') => sign,
            _ => '-',
        })
        .collect();
    if project.starts_with(['_', '-']) {
        project.insert(0, '0');
    }
    project
}

/// The trial that a project belongs to: Harbor adds `__env` or `__verifier__<key>` to a trial's name, and
/// Terminal-Bench adds nothing.
pub fn trial_of(project: &str) -> &str {
    if let Some(trial) = project.strip_suffix("__env") {
        return trial;
    }
    project
        .split_once("__verifier__")
        .map_or(project, |(trial, _)| trial)
}

fn is_harbor_trial(trial: &str) -> bool {
    trial.rsplit_once("__").is_some_and(|(task, suffix)| {
        !task.is_empty()
            && suffix.len() == 7
            && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// The label in which compose names the service that a container is of.
pub const COMPOSE_SERVICE: &str = "com.docker.compose.service";

/// Whether a container is the one of a Harbor trial in which the agent works: when it has ended, so has
/// the trial. `service` is the value of [`COMPOSE_SERVICE`].
pub fn is_harbor_main(project: &str, service: Option<&str>) -> bool {
    service == Some("main") && is_harbor_project(project)
}

/// Whether a compose project is a trial of Terminal-Bench with the default run id:
/// `<task>-<n>-of-<N>-YYYY-MM-DD__HH-MM-SS`.
pub fn is_terminal_bench_project(project: &str) -> bool {
    const STAMP: &[u8] = b"-dddd-dd-dd__dd-dd-dd";
    let bytes = project.as_bytes();
    let Some(split) = bytes.len().checked_sub(STAMP.len()) else {
        return false;
    };
    let (trial, stamp) = bytes.split_at(split);
    let stamped = stamp.iter().zip(STAMP).all(|(have, want)| match want {
        b'd' => have.is_ascii_digit(),
        other => have == other,
    });
    stamped && ends_in_n_of_m(trial)
}

fn ends_in_n_of_m(trial: &[u8]) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Ok(trial) = std::str::from_utf8(trial) else {
        return false;
    };
    trial.rsplit_once("-of-").is_some_and(|(before, total)| {
        number(total)
            && before
                .rsplit_once('-')
                .is_some_and(|(task, nth)| !task.is_empty() && number(nth))
    })
}

/// Whether an image reference is one that Terminal-Bench builds: `tb__<task>__client`.
pub fn is_terminal_bench_image(reference: &str) -> bool {
    repository(reference)
        .strip_prefix("tb__")
        .and_then(|rest| rest.strip_suffix("__client"))
        .is_some_and(|task| !task.is_empty())
}

/// Whether an image reference is one that Harbor builds: `hb__<task>`, shared by the trials of a task.
pub fn is_harbor_image(reference: &str) -> bool {
    repository(reference)
        .strip_prefix("hb__")
        .is_some_and(|task| !task.is_empty())
}

/// Whether a snapshot of a cloud is one that Harbor makes: `harbor__<12 hex>[__<target>]__snapshot`.
/// The trials of a task share it, and Harbor never deletes it.
pub fn is_harbor_snapshot(name: &str) -> bool {
    let digest = name
        .strip_prefix("harbor__")
        .and_then(|rest| rest.strip_suffix("__snapshot"))
        .map(|rest| rest.split_once("__").map_or(rest, |(digest, _)| digest));
    digest.is_some_and(|digest| {
        digest.len() == 12 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The repository of an image reference, without tag and digest.
fn repository(reference: &str) -> &str {
    let reference = reference
        .split_once('@')
        .map_or(reference, |(name, _)| name);
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => reference,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harbor_projects() {
        for yes in [
            "hello__dqmfgz2__env",
            "a__b__abcdefg__env",
            "hello__dqmfgz2__verifier__main",
        ] {
            assert!(is_harbor_project(yes), "{yes}");
        }
        for no in [
            "",
            "hello",
            "hello__env",
            "__dqmfgz2__env",
            "hello__dqmfgz__env",
            "hello__dqm-gz2__env",
            "my_env",
            "hello__dqmfgz2__verifier__",
        ] {
            assert!(!is_harbor_project(no), "{no}");
        }
    }

    #[test]
    fn a_project_leads_to_its_trial() {
        assert_eq!(project_name("Hello__DqmfGz2__env"), "hello__dqmfgz2__env");
        assert_eq!(
            project_name("x.1-of-1.2026-01-02__03-04-05"),
            "x-1-of-1-2026-01-02__03-04-05"
        );
        assert_eq!(project_name("_x/é"), "0_x--");
        assert_eq!(trial_of("hello__dqmfgz2__env"), "hello__dqmfgz2");
        assert_eq!(trial_of("hello__dqmfgz2__verifier__main"), "hello__dqmfgz2");
        assert_eq!(
            trial_of("x-1-of-1-2026-01-02__03-04-05"),
            "x-1-of-1-2026-01-02__03-04-05"
        );
    }

    #[test]
    fn terminal_bench_projects() {
        for yes in [
            "hello-world-1-of-1-2026-01-02__03-04-05",
            "x-12-of-100-2026-01-02__03-04-05",
        ] {
            assert!(is_terminal_bench_project(yes), "{yes}");
        }
        for no in [
            "",
            "hello-1-of-1",
            "hello-2026-01-02__03-04-05",
            "-1-of-1-2026-01-02__03-04-05",
            "hello-1-of-x-2026-01-02__03-04-05",
            "é-1-of-1-2026-01-02__03-04-0é",
        ] {
            assert!(!is_terminal_bench_project(no), "{no}");
        }
    }

    #[test]
    fn harbor_snapshots() {
        for yes in [
            "harbor__0123456789ab__snapshot",
            "harbor__0123456789ab__us__snapshot",
        ] {
            assert!(is_harbor_snapshot(yes), "{yes}");
        }
        for no in [
            "",
            "harbor__snapshot",
            "harbor__0123456789a__snapshot",
            "harbor__0123456789ag__snapshot",
            "harbor__0123456789ab",
            "my-harbor__0123456789ab__snapshot",
        ] {
            assert!(!is_harbor_snapshot(no), "{no}");
        }
    }

    #[test]
    fn built_images() {
        assert!(is_terminal_bench_image("tb__hello__client:latest"));
        assert!(is_harbor_image("hb__hello"));
        for no in [
            "tb____client",
            "registry:5000/tb__x__client",
            "hb__",
            "postgres:16",
        ] {
            assert!(!is_terminal_bench_image(no) && !is_harbor_image(no), "{no}");
        }
    }
}
