//! `docker build`, as harnesses call it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::docker::BASE;

/// The `docker` command, which builds with BuildKit: an image then has the time of creation of its last layer, which may
/// be years old.
#[derive(Clone, Debug)]
pub struct DockerCommand {
    program: PathBuf,
}

impl DockerCommand {
    /// The program at a path.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
        }
    }

    /// Builds an image with a name, which differs from others by a number, with files below a directory, and gives its id.
    ///
    /// # Errors
    /// What docker says.
    pub fn build(
        &self,
        host: &str,
        below: &Path,
        name: &str,
        number: u32,
    ) -> Result<String, String> {
        let words = |error: std::io::Error| error.to_string();
        let context = below.join(format!("build-{number}"));
        std::fs::create_dir_all(&context).map_err(words)?;
        let lines = format!("FROM {BASE}\nLABEL made={number}\n");
        std::fs::write(context.join("Dockerfile"), lines).map_err(words)?;
        let id = context.join("id");
        let output = Command::new(&self.program)
            .args(["build", "--quiet", "--tag", name, "--iidfile"])
            .args([&id, &context])
            .env_clear()
            .env("HOME", below)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DOCKER_HOST", host)
            .env("DOCKER_BUILDKIT", "1")
            .stdin(Stdio::null())
            .output()
            .map_err(words)?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(text.lines().last().unwrap_or_default().to_owned());
        }
        let id = std::fs::read_to_string(id).map_err(words)?;
        Ok(id.trim().to_owned())
    }
}
