//! Which container tbengine itself runs in, so that it never deletes that.

use tbengine_engine::plan::Own;

/// The files that a container engine mounts into each container from a folder named by its id.
const MOUNTED: [&str; 3] = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

/// Reads what Linux says about this process. Elsewhere there is nothing to read.
pub fn detect() -> Own {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    Own {
        containers: containers(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo")),
    }
}

/// The full container ids in the texts of `/proc/self/cgroup` and `/proc/self/mountinfo`.
pub fn containers(cgroup: &str, mountinfo: &str) -> Vec<String> {
    let from_cgroup = cgroup
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2))
        .flat_map(ids);
    // A host's own list has a mount point for each container that runs on it, so only the files that
    // are mounted into this process' own /etc count, and of those the source.
    let from_mounts = mountinfo
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let root = fields.nth(3)?;
            let point = fields.next()?;
            MOUNTED.contains(&point).then_some(root)
        })
        .flat_map(ids);
    let mut found: Vec<String> = from_cgroup.chain(from_mounts).collect();
    found.sort();
    found.dedup();
    found
}

/// The container ids in a path: 64 hexadecimal digits that are a whole name or follow `docker-`,
/// `libpod-` and the like.
fn ids(path: &str) -> impl Iterator<Item = String> {
    path.split(['/', '-', '.', ':'])
        .filter(|part| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "4f3a1c5d9e8b7a6f4f3a1c5d9e8b7a6f4f3a1c5d9e8b7a6f4f3a1c5d9e8b7a6f";
    const B: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn cgroup_v1_names_it() {
        let cgroup = format!(
            "12:pids:/docker/{A}\n11:memory:/docker/{A}\n0::/system.slice/containerd.service\n"
        );
        assert_eq!(containers(&cgroup, ""), [A]);
    }

    #[test]
    fn systemd_cgroups_and_podman_name_it() {
        assert_eq!(
            containers(&format!("0::/system.slice/docker-{A}.scope\n"), ""),
            [A]
        );
        assert_eq!(
            containers(&format!("0::/user.slice/libpod-{B}.scope/container\n"), ""),
            [B]
        );
        let pod = format!("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{A}.scope\n");
        assert_eq!(containers(&pod, ""), [A]);
    }

    #[test]
    fn with_a_cgroup_namespace_the_mounts_name_it() {
        let mountinfo = format!(
            "601 580 0:44 / /proc rw,nosuid - proc proc rw\n\
             612 580 8:1 /var/lib/docker/containers/{A}/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda1 rw\n\
             613 580 8:1 /var/lib/docker/containers/{A}/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n\
             614 580 8:1 /var/lib/docker/containers/{A}/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n"
        );
        assert_eq!(containers("0::/\n", &mountinfo), [A]);
    }

    #[test]
    fn other_peoples_containers_on_this_host_do_not_count() {
        let mountinfo = format!(
            "90 30 0:50 / /var/lib/docker/containers/{B}/mounts/shm rw - tmpfs shm rw\n\
             91 30 0:51 / /var/lib/docker/overlay2/{A}/merged rw - overlay overlay rw\n"
        );
        assert_eq!(
            containers("0::/init.scope\n", &mountinfo),
            Vec::<String>::new()
        );
    }

    #[test]
    fn short_and_other_names_are_no_ids() {
        assert!(containers("0::/docker/4f3a1c5d9e8b\n0::/user@1000.service\n", "").is_empty());
        assert!(containers("", "nonsense\n").is_empty());
    }
}
