//! Making containers, networks, volumes and images in the daemon.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::daemon::Dockerd;
use crate::error::{CommandError, StartError};

const IMAGE: &str = "busybox:latest";
/// The commands of busybox that exist in the image.
const APPLETS: [&str; 7] = ["sh", "sleep", "true", "false", "cat", "ls", "echo"];

impl Dockerd {
    /// The image that every container here is made from: a static busybox.
    pub fn image(&self) -> &'static str {
        IMAGE
    }

    /// Creates a container without starting it, and gives its id. `options` go before the image,
    /// `command` after it.
    pub fn create(&self, options: &[&str], command: &[&str]) -> String {
        self.docker(&[&["create"], options, &[IMAGE], command].concat())
    }

    /// Starts a container in the background, and gives its id.
    pub fn run(&self, options: &[&str], command: &[&str]) -> String {
        self.docker(&[&["run", "--detach"], options, &[IMAGE], command].concat())
    }

    /// Starts a container that sleeps until it is killed. Its sleep is process 1 and so ignores SIGTERM.
    pub fn run_sleeper(&self, options: &[&str]) -> String {
        self.run(options, &["sleep", "100000"])
    }

    /// Starts a container that sleeps and ends at SIGTERM.
    pub fn run_obedient(&self, options: &[&str]) -> String {
        self.run(
            options,
            &["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"],
        )
    }

    /// Runs a container until it ends with this exit code, and gives its id.
    pub fn run_to_end(&self, options: &[&str], exit_code: u8) -> String {
        let id = self.run(options, &["sh", "-c", &format!("exit {exit_code}")]);
        self.docker(&["wait", &id]);
        id
    }

    /// Creates a bridge network, and gives its id.
    pub fn create_network(&self, name: &str, options: &[&str]) -> String {
        self.docker(&[&["network", "create"], options, &[name]].concat())
    }

    /// Creates a volume, and gives its name.
    pub fn create_volume(&self, name: &str, options: &[&str]) -> String {
        self.docker(&[&["volume", "create"], options, &[name]].concat())
    }

    /// Makes an image of its own content under a tag, and gives its id.
    pub fn create_image(&self, tag: &str) -> String {
        let container = self.run_to_end(&[], 0);
        let message = format!("image {tag}");
        let id = self.docker(&[
            "commit",
            "--message",
            &message,
            "--change",
            &format!("LABEL made-for={tag}"),
            &container,
            tag,
        ]);
        self.docker(&["rm", "--force", &container]);
        id
    }

    /// The lines that docker answers, in order.
    pub fn names(&self, arguments: &[&str]) -> Vec<String> {
        let names = self.docker(arguments);
        let mut names: Vec<String> = names.lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// The names of the containers that exist, in order.
    pub fn containers(&self) -> Vec<String> {
        self.names(&["ps", "-a", "--format", "{{.Names}}"])
    }

    /// One field of `docker inspect`, by a Go template.
    ///
    /// # Errors
    /// If there is no such thing.
    pub fn inspect(&self, id: &str, template: &str) -> Result<String, CommandError> {
        self.try_docker(&["inspect", "--format", template, id])
    }

    /// Makes an image of what lies under a directory. `changes` are lines of a Dockerfile.
    ///
    /// # Errors
    /// If the directory cannot be read, or the daemon refuses it.
    pub fn import(&self, root: &Path, image: &str, changes: &[&str]) -> Result<(), StartError> {
        let pack = || -> std::io::Result<Stdio> {
            let mut tar = Command::new("tar")
                .arg("-C")
                .arg(root)
                .args(["-c", "."])
                .stdout(Stdio::piped())
                .spawn()?;
            let archive = tar.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
            // It ends by itself once docker has read everything; its exit is not of interest.
            std::thread::spawn(move || drop(tar.wait()));
            Ok(archive.into())
        };
        let archive = pack().map_err(|source| StartError::Io {
            what: "pack an image",
            source,
        })?;
        let changes = changes.iter().flat_map(|change| ["--change", change]);
        let arguments: Vec<&str> = ["import"]
            .into_iter()
            .chain(changes)
            .chain(["-", image])
            .collect();
        self.docker_with_input(&arguments, archive)?;
        Ok(())
    }

    pub(crate) fn import_image(&self) -> Result<(), StartError> {
        let root = self.directory().join("image");
        let lay_out = || -> std::io::Result<()> {
            let bin = root.join("bin");
            fs::create_dir_all(&bin)?;
            fs::create_dir_all(root.join("tmp"))?;
            fs::copy(busybox(), bin.join("busybox"))?;
            for applet in APPLETS {
                symlink("busybox", bin.join(applet))?;
            }
            Ok(())
        };
        lay_out().map_err(|source| StartError::Io {
            what: "lay out the image",
            source,
        })?;
        self.import(&root, IMAGE, &["ENV PATH=/bin"])
    }
}

fn busybox() -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join("busybox"))
        .find(|file| file.is_file())
        .unwrap_or_else(|| "/bin/busybox".into())
}
