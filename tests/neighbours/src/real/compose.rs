//! `docker compose up`, as harnesses call it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};
use tbengine_sdk::Kind;

use crate::draft::Draft;

/// The labels whose values compose chooses as the drafts do.
const ALIKE: [&str; 6] = [
    "com.docker.compose.project",
    "com.docker.compose.service",
    "com.docker.compose.container-number",
    "com.docker.compose.oneoff",
    "com.docker.compose.network",
    "com.docker.compose.volume",
];
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
/// The compose files of a project.
pub(super) const FILES: &str = "com.docker.compose.project.config_files";

/// The program that is `docker compose`.
#[derive(Clone, Debug)]
pub struct Compose {
    program: PathBuf,
}

impl Compose {
    /// The program at a path.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
        }
    }

    /// Brings up the project that these drafts describe, with its files below a directory.
    ///
    /// # Errors
    /// What compose says.
    pub fn up(
        &self,
        host: &str,
        below: &Path,
        image: &str,
        drafts: &[Draft],
    ) -> Result<(), String> {
        let words = |error: std::io::Error| error.to_string();
        let containers = drafts.iter().filter(|one| one.kind == Kind::CONTAINER);
        let services: Map<String, Value> = containers
            .map(|one| {
                let service = json!({
                    "image": image,
                    "container_name": one.name,
                    "command": ["sleep", "100000"],
                    "stop_signal": "SIGKILL",
                    "volumes": ["data:/data"],
                });
                (label(one, SERVICE).to_owned(), service)
            })
            .collect();
        let first = drafts.last().ok_or("nothing to bring up")?;
        let mut command = Command::new(&self.program);
        command.args(["--project-name", label(first, PROJECT)]);
        // Each of the files that the harness names says something; JSON is YAML.
        let names: Vec<&str> = label(first, FILES).split(',').collect();
        let mut parts = vec![
            json!({"services": services}),
            json!({"volumes": {"data": {}}}),
        ];
        if names.len() == 1 {
            parts = vec![json!({"services": services, "volumes": {"data": {}}})];
        }
        for (name, part) in names.iter().zip(parts) {
            let file = placed(below, name);
            std::fs::create_dir_all(file.parent().unwrap_or(below)).map_err(words)?;
            std::fs::write(&file, part.to_string()).map_err(words)?;
            command.arg("--file").arg(file);
        }
        let output = command
            .args(["up", "--detach", "--quiet-pull"])
            .env_clear()
            .env("HOME", below)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DOCKER_HOST", host)
            .current_dir(below)
            .stdin(Stdio::null())
            .output()
            .map_err(words)?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

/// Where a file is that a draft names from the root.
fn placed(below: &Path, name: &str) -> PathBuf {
    below.join(name.trim_start_matches('/'))
}

fn label<'a>(draft: &'a Draft, key: &str) -> &'a str {
    let mut labels = draft.labels.iter();
    let found = labels.find_map(|(one, value)| (*one == key).then_some(value.as_str()));
    found.unwrap_or_default()
}

/// In what the labels that compose gave differ from those of a draft: then the simulated provider shows something that
/// compose does not.
pub fn difference(draft: &Draft, below: &Path, given: &Value) -> Option<String> {
    draft.labels.iter().find_map(|(key, value)| {
        let has = given[*key].as_str();
        let expected = match *key {
            FILES => {
                let files = value.split(',');
                let files = files.map(|one| placed(below, one).display().to_string());
                files.collect::<Vec<_>>().join(",")
            }
            key if ALIKE.contains(&key) => value.clone(),
            // It only has to be there.
            _ => has.unwrap_or_default().to_owned(),
        };
        let is_alike = has.is_some_and(|has| has == expected);
        (!is_alike).then(|| format!("{}: {key} is {has:?} in place of `{expected}`", draft.name))
    })
}
