//! The disk that the daemon's data lies on, where this process sees the same one.

use std::path::Path;

use tbengine_sdk::{Disk, Kind};

use crate::context::{Address, Endpoint};
use crate::wire::Info;

/// The disk of the daemon's data directory. `None` unless the daemon is on this machine and in this view of its file
/// systems, as far as is known: a socket may lead into a virtual machine, or out of a container.
pub(crate) fn disk(endpoint: &Endpoint, info: &Info) -> Option<Disk> {
    if !matches!(endpoint.address, Address::Unix(_)) {
        return None;
    }
    let is_here = kernel_value("hostname").is_some_and(|name| name == info.name)
        && kernel_value("osrelease").is_some_and(|release| release == info.kernel_version);
    let directory = Path::new(&info.docker_root_dir);
    if !is_here || !directory.is_absolute() || !directory.is_dir() {
        return None;
    }
    let found = rustix::fs::statvfs(directory).ok()?;
    let files = |count: u64| (found.f_files > 0).then_some(count);
    Some(Disk {
        name: info.docker_root_dir.clone(),
        total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        // What is kept for root does not count as free.
        free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        total_files: files(found.f_files),
        free_files: files(found.f_favail),
        kinds: kinds(info),
    })
}

/// What the kernel of this machine says of itself.
fn kernel_value(what: &str) -> Option<String> {
    let text = std::fs::read_to_string(Path::new("/proc/sys/kernel").join(what)).ok()?;
    Some(text.trim().to_owned())
}

/// Images and the layers of containers lie elsewhere where containerd keeps them.
fn kinds(info: &Info) -> Vec<Kind> {
    let mut driver = info.driver_status.iter().flatten();
    match driver.any(|text| text.starts_with("io.containerd.snapshotter")) {
        true => vec![Kind::VOLUME],
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a daemon on this machine says of itself.
    fn info(directory: &Path) -> Info {
        Info {
            name: kernel_value("hostname").unwrap(),
            kernel_version: kernel_value("osrelease").unwrap(),
            docker_root_dir: directory.display().to_string(),
            ..Info::default()
        }
    }

    fn unix() -> Endpoint {
        endpoint(Address::Unix("/run/docker.sock".into()))
    }

    fn endpoint(address: Address) -> Endpoint {
        Endpoint {
            address,
            tls: None,
            shown: "here".into(),
        }
    }

    #[test]
    fn the_disk_of_a_local_daemon_is_shown() {
        let directory = tempfile::tempdir().unwrap();
        let disk = disk(&unix(), &info(directory.path())).expect("a disk");
        assert_eq!(disk.name, directory.path().display().to_string());
        assert!(disk.total_bytes > 0 && disk.free_bytes <= disk.total_bytes);
        assert_eq!(disk.kinds, []);
        let containerd = Info {
            driver_status: vec![vec![
                "driver-type".into(),
                "io.containerd.snapshotter.v1".into(),
            ]],
            ..info(directory.path())
        };
        let disk = super::disk(&unix(), &containerd).expect("a disk");
        assert_eq!(disk.kinds, [Kind::VOLUME]);
    }

    #[test]
    fn nothing_is_shown_for_a_daemon_that_may_be_remote() {
        let directory = tempfile::tempdir().unwrap();
        let here = || info(directory.path());
        let tcp = endpoint(Address::Tcp {
            host: "localhost".into(),
            port: 2375,
        });
        assert_eq!(disk(&tcp, &here()), None);
        for elsewhere in [
            Info {
                name: "docker-desktop".into(),
                ..here()
            },
            Info {
                kernel_version: "5.10.0-linuxkit".into(),
                ..here()
            },
            Info {
                docker_root_dir: "/no/such/directory".into(),
                ..here()
            },
            Info {
                docker_root_dir: "tmp".into(),
                ..here()
            },
            Info {
                docker_root_dir: String::new(),
                ..here()
            },
        ] {
            assert_eq!(disk(&unix(), &elsewhere), None, "{elsewhere:?}");
        }
    }
}
