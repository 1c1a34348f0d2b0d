//! The names of trials, as Harbor and Terminal-Bench make units of them.

/// The label in which compose names the service that a container is of.
pub const COMPOSE_SERVICE: &str = "com.docker.compose.service";

/// The label in which Harbor names the session of a cloud sandbox, `<task>__<7 characters>__env`.
pub const HARBOR_SESSION: &str = "harbor.session_id";

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

/// Whether a container of a unit is the one of a Harbor trial in which the agent works: when it has ended, so has
/// the trial. `service` is the value of [`COMPOSE_SERVICE`]. Says nothing of whose the unit is.
pub fn is_harbor_main(project: &str, service: Option<&str>) -> bool {
    service == Some("main") && is_harbor_project(project)
}

/// Whether a project is named as the environment of a Harbor trial is: `<task>__<7 characters>__env`, or
/// `<task>__<7 characters>__verifier__<key>`. Many a project may be.
fn is_harbor_project(project: &str) -> bool {
    let is_trial = |trial: &str| {
        trial.rsplit_once("__").is_some_and(|(task, suffix)| {
            !task.is_empty()
                && suffix.len() == 7
                && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    };
    if let Some(trial) = project.strip_suffix("__env") {
        return is_trial(trial);
    }
    project
        .split_once("__verifier__")
        .is_some_and(|(trial, key)| !key.is_empty() && is_trial(trial))
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
            assert!(is_harbor_main(yes, Some("main")), "{yes}");
            assert!(!is_harbor_main(yes, Some("db")), "{yes}");
            assert!(!is_harbor_main(yes, None), "{yes}");
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
            assert!(!is_harbor_main(no, Some("main")), "{no}");
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
}
