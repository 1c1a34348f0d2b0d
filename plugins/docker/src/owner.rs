//! The unit and the owner of a resource, as far as labels and names prove them.

use std::collections::HashMap;

use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::recognise::{
    HARBOR, TERMINAL_BENCH, is_harbor_image, is_harbor_project, is_terminal_bench_image,
    is_terminal_bench_project,
};
use tbengine_sdk::{Labels, Owner, Unit};

/// The label that carries the id of a run on an image. A container inherits the labels of its image, so
/// that [`RUN_ID_LABEL`] on an image would claim whatever anyone runs from it.
pub const IMAGE_RUN_ID_LABEL: &str = "tbengine.image-run-id";

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
/// The service in which Harbor runs the agent.
const HARBOR_SERVICE: &str = "main";
/// The end of the name of the compose file that Harbor writes for each trial.
const HARBOR_FILE: &str = "docker-compose-resources.json";

/// Labels by which other products claim what they made, with the products' names.
const OTHERS: [(&str, &str); 5] = [
    ("org.testcontainers", "testcontainers"),
    ("devcontainer.local_folder", "devcontainer"),
    ("io.kubernetes.pod.name", "kubernetes"),
    ("io.x-k8s.kind.cluster", "kind"),
    ("com.docker.swarm.service.name", "swarm"),
];

/// Labels that compose gives to each container it makes. A container inherits the labels of its image, and
/// compose names project and service on the images it builds: those alone prove nothing.
const OF_CONTAINERS: [&str; 4] = [
    "com.docker.compose.container-number",
    "com.docker.compose.oneoff",
    "com.docker.compose.config-hash",
    CONFIG_FILES,
];

/// The compose project of a container, if compose made it.
pub(crate) fn unit_of_container(labels: &Labels) -> Option<Unit> {
    unit(labels).filter(|_| is_composes(labels))
}

fn is_composes(labels: &Labels) -> bool {
    OF_CONTAINERS
        .iter()
        .any(|label| labels.get(label).is_some())
}

/// The compose project.
pub(crate) fn unit(labels: &Labels) -> Option<Unit> {
    let project = labels.get(PROJECT).filter(|project| !project.is_empty())?;
    Some(Unit(project.to_owned()))
}

/// Whose container it is. Harbor's project names alone are weak, so a second fact is needed.
pub(crate) fn of_container(labels: &Labels) -> Owner {
    let project = labels.get(PROJECT).filter(|_| is_composes(labels));
    proven(labels, project, || {
        labels.get(SERVICE) == Some(HARBOR_SERVICE)
            || labels
                .get(CONFIG_FILES)
                .is_some_and(|files| files.split(',').any(|file| file.ends_with(HARBOR_FILE)))
    })
}

/// Whose network or volume it is. Compose does not label these any further.
pub(crate) fn of_network_or_volume(labels: &Labels) -> Owner {
    proven(labels, labels.get(PROJECT), || true)
}

/// The labels of an image, with the run's where the engine looks for it.
pub(crate) fn labels_of_image(mut labels: HashMap<String, String>) -> Labels {
    if let Some(run) = labels.get(IMAGE_RUN_ID_LABEL).cloned() {
        let label = labels.entry(RUN_ID_LABEL.to_owned()).or_default();
        if label.is_empty() {
            *label = run;
        }
    }
    labels.into_iter().collect()
}

/// Whose image it is: by its labels, or by its tags if every one of them is such a name.
pub(crate) fn of_image<'t>(labels: &Labels, tags: impl Iterator<Item = &'t str> + Clone) -> Owner {
    let by_label = proven(labels, labels.get(PROJECT), || false);
    if by_label != Owner::Unknown || tags.clone().next().is_none() {
        return by_label;
    }
    if tags.clone().all(is_harbor_image) {
        return Owner::Benchmark(HARBOR.to_owned());
    }
    if tags.clone().all(is_terminal_bench_image) {
        return Owner::Benchmark(TERMINAL_BENCH.to_owned());
    }
    Owner::Unknown
}

fn proven(labels: &Labels, project: Option<&str>, harbor_evidence: impl FnOnce() -> bool) -> Owner {
    if let Some(run) = labels.get(RUN_ID_LABEL).filter(|run| !run.is_empty()) {
        return Owner::Run(run.to_owned());
    }
    if let Some(project) = project {
        if is_terminal_bench_project(project) {
            return Owner::Benchmark(TERMINAL_BENCH.to_owned());
        }
        if is_harbor_project(project) && harbor_evidence() {
            return Owner::Benchmark(HARBOR.to_owned());
        }
    }
    let other = OTHERS.iter().find(|(label, _)| labels.get(label).is_some());
    other.map_or(Owner::Unknown, |(_, product)| {
        Owner::Other((*product).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARBOR_PROJECT: (&str, &str) = (PROJECT, "hello__dqmfgz2__env");
    const TB_PROJECT: (&str, &str) = (PROJECT, "hello-1-of-1-2026-01-02__03-04-05");

    /// On every container that compose makes.
    const NUMBER: (&str, &str) = ("com.docker.compose.container-number", "1");

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    fn benchmark(name: &str) -> Owner {
        Owner::Benchmark(name.into())
    }

    #[test]
    fn containers_of_harbor_need_two_facts() {
        let file = (
            CONFIG_FILES,
            "/t/environment/docker-compose.yaml,/tmp/hello__DqmfGz2__env-docker-compose-resources.json",
        );
        for proof in [(SERVICE, "main"), file] {
            assert_eq!(
                of_container(&labels(&[HARBOR_PROJECT, NUMBER, proof])),
                benchmark(HARBOR)
            );
            assert_eq!(
                of_container(&labels(&[(PROJECT, "my_env"), NUMBER, proof])),
                Owner::Unknown
            );
        }
        assert_eq!(
            of_container(&labels(&[HARBOR_PROJECT, NUMBER])),
            Owner::Unknown
        );
        assert_eq!(
            of_container(&labels(&[HARBOR_PROJECT, NUMBER, (SERVICE, "db")])),
            Owner::Unknown
        );
    }

    #[test]
    fn what_a_container_inherits_from_its_image_proves_nothing() {
        let version = ("com.docker.compose.version", "2.40.0");
        for project in [HARBOR_PROJECT, TB_PROJECT] {
            let inherited = labels(&[project, (SERVICE, "main"), version]);
            assert_eq!(of_container(&inherited), Owner::Unknown);
            assert_eq!(unit_of_container(&inherited), None);
            for label in OF_CONTAINERS {
                let made = labels(&[project, (SERVICE, "main"), version, (label, "x")]);
                assert_ne!(of_container(&made), Owner::Unknown, "{label}");
                assert_eq!(unit_of_container(&made), Some(Unit(project.1.into())));
            }
        }
    }

    #[test]
    fn networks_and_volumes_go_by_the_project() {
        assert_eq!(
            of_network_or_volume(&labels(&[HARBOR_PROJECT])),
            benchmark(HARBOR)
        );
        assert_eq!(
            of_network_or_volume(&labels(&[TB_PROJECT])),
            benchmark(TERMINAL_BENCH)
        );
        assert_eq!(
            of_network_or_volume(&labels(&[(PROJECT, "shop")])),
            Owner::Unknown
        );
        assert_eq!(of_network_or_volume(&labels(&[])), Owner::Unknown);
    }

    #[test]
    fn images_go_by_names_if_all_agree() {
        let owner = |tags: &[&str]| of_image(&Labels::default(), tags.iter().copied());
        assert_eq!(owner(&["hb__task:latest"]), benchmark(HARBOR));
        assert_eq!(
            owner(&["tb__task__client", "tb__other__client:2"]),
            benchmark(TERMINAL_BENCH)
        );
        assert_eq!(owner(&["hb__task", "company/release:1"]), Owner::Unknown);
        assert_eq!(owner(&[]), Owner::Unknown);
        assert_eq!(
            of_image(&labels(&[HARBOR_PROJECT]), ["x"].into_iter()),
            Owner::Unknown
        );
    }

    #[test]
    fn a_run_of_ours_wins_and_other_products_are_named() {
        assert_eq!(
            of_container(&labels(&[TB_PROJECT, NUMBER, (RUN_ID_LABEL, "r1")])),
            Owner::Run("r1".into())
        );
        assert_eq!(
            of_container(&labels(&[TB_PROJECT, NUMBER, (RUN_ID_LABEL, "")])),
            benchmark(TERMINAL_BENCH)
        );
        assert_eq!(
            of_container(&labels(&[("org.testcontainers", "true")])),
            Owner::Other("testcontainers".into())
        );
    }

    #[test]
    fn the_unit_is_the_compose_project() {
        assert_eq!(
            unit(&labels(&[(PROJECT, "shop")])),
            Some(Unit("shop".into()))
        );
        assert_eq!(unit(&labels(&[(PROJECT, "")])), None);
        assert_eq!(unit(&labels(&[])), None);
    }
}
