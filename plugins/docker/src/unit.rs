//! The unit of a resource, and the labels of images. Whose it is, the host finds out.

use std::collections::HashMap;

use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Labels, Unit};

/// The label that carries the id of a run on an image. A container inherits the labels of its image, so
/// that [`RUN_ID_LABEL`] on an image would claim whatever anyone runs from it.
pub const IMAGE_RUN_ID_LABEL: &str = "tbengine.image-run-id";

const PROJECT: &str = "com.docker.compose.project";

/// Labels that compose gives to each container it makes. A container inherits the labels of its image, and
/// compose names project and service on the images it builds: those alone prove nothing.
const OF_CONTAINERS: [&str; 4] = [
    "com.docker.compose.container-number",
    "com.docker.compose.oneoff",
    "com.docker.compose.config-hash",
    "com.docker.compose.project.config_files",
];

/// The compose project of a container, if compose made it.
pub(crate) fn of_container(labels: &Labels) -> Option<Unit> {
    let mut made = OF_CONTAINERS.iter();
    of_others(labels).filter(|_| made.any(|label| labels.get(label).is_some()))
}

/// The compose project of what inherits no labels.
pub(crate) fn of_others(labels: &Labels) -> Option<Unit> {
    let project = labels.get(PROJECT).filter(|project| !project.is_empty())?;
    Some(Unit(project.to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn what_a_container_inherits_from_its_image_is_no_unit() {
        let inherited = [
            (PROJECT, "shop"),
            ("com.docker.compose.service", "main"),
            ("com.docker.compose.version", "2.40.0"),
        ];
        assert_eq!(of_container(&labels(&inherited)), None);
        for label in OF_CONTAINERS {
            let made = labels(&[inherited[0], inherited[1], (label, "x")]);
            assert_eq!(of_container(&made), Some(Unit("shop".into())), "{label}");
        }
    }

    #[test]
    fn the_unit_is_the_compose_project() {
        assert_eq!(
            of_others(&labels(&[(PROJECT, "shop")])),
            Some(Unit("shop".into()))
        );
        assert_eq!(of_others(&labels(&[(PROJECT, "")])), None);
        assert_eq!(of_others(&labels(&[])), None);
    }
}
