//! The volumes that a container would make along with it, from the JSON of its creation.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tbengine_sdk::owner::RUN_ID_LABEL;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    host_config: Option<HostConfig>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HostConfig {
    binds: Option<Vec<String>>,
    mounts: Option<Vec<Mount>>,
    volume_driver: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mount {
    r#type: String,
    source: Option<String>,
    volume_options: Option<VolumeOptions>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct VolumeOptions {
    labels: Option<BTreeMap<String, String>>,
    driver_config: Option<DriverConfig>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct DriverConfig {
    name: Option<String>,
    options: Option<BTreeMap<String, String>>,
}

/// The bodies of the requests that create the volumes which a container names, as the daemon would create them,
/// and labelled. The daemon answers such a request for a volume that exists with the volume as it is.
pub(super) fn named_in(container: &[u8], run: &str) -> Vec<Value> {
    let Ok(Container {
        host_config: Some(host),
    }) = serde_json::from_slice(container)
    else {
        return Vec::new();
    };
    let bound = host.binds.iter().flatten().filter_map(|bind| {
        let (name, _) = bind.split_once(':').filter(|(name, _)| is_name(name))?;
        let labels = BTreeMap::from([(RUN_ID_LABEL, run)]);
        Some(json!({ "Name": name, "Driver": host.volume_driver, "Labels": labels }))
    });
    let mounted = host.mounts.iter().flatten().filter_map(|mount| {
        let name = mount.source.as_deref().filter(|name| is_name(name))?;
        if mount.r#type != "volume" {
            return None;
        }
        let options = mount.volume_options.as_ref();
        let driver = options.and_then(|options| options.driver_config.as_ref());
        let mut labels = options
            .and_then(|options| options.labels.clone())
            .unwrap_or_default();
        let owner = labels.entry(RUN_ID_LABEL.to_owned()).or_default();
        if owner.is_empty() {
            run.clone_into(owner);
        }
        Some(json!({
            "Name": name,
            "Driver": driver.and_then(|driver| driver.name.as_ref()),
            "DriverOpts": driver.and_then(|driver| driver.options.as_ref()),
            "Labels": labels,
        }))
    });
    bound.chain(mounted).collect()
}

/// Whether the source of a bind is a volume and not a path, by the daemon's own rule for names.
fn is_name(source: &str) -> bool {
    source.len() > 1
        && source.starts_with(|first: char| first.is_ascii_alphanumeric())
        && source
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_volumes_are_found_and_paths_are_not() {
        let container = json!({
            "Image": "x", "Volumes": { "/anonymous": {} },
            "HostConfig": {
                "Binds": ["data:/data", "cache.1:/c:ro,nocopy", "/host:/h", "./x:/x", "/only"],
                "VolumeDriver": "nfs",
                "Mounts": [
                    { "Type": "volume", "Source": "mounted", "Target": "/m", "VolumeOptions": {
                        "Labels": { "a": "b" }, "DriverConfig": { "Name": "local", "Options": { "o": "ro" } } } },
                    { "Type": "volume", "Source": "theirs", "Target": "/t",
                      "VolumeOptions": { "Labels": { "tbengine.run-id": "r2" } } },
                    { "Type": "volume", "Target": "/anonymous" },
                    { "Type": "bind", "Source": "/host", "Target": "/h" },
                    { "Type": "tmpfs", "Target": "/t" },
                ],
            },
        });
        let ours = json!({ "tbengine.run-id": "r1" });
        assert_eq!(
            named_in(container.to_string().as_bytes(), "r1"),
            [
                json!({ "Name": "data", "Driver": "nfs", "Labels": ours }),
                json!({ "Name": "cache.1", "Driver": "nfs", "Labels": ours }),
                json!({ "Name": "mounted", "Driver": "local", "DriverOpts": { "o": "ro" },
                        "Labels": { "a": "b", "tbengine.run-id": "r1" } }),
                json!({ "Name": "theirs", "Driver": null, "DriverOpts": null, "Labels": { "tbengine.run-id": "r2" } }),
            ]
        );
    }

    #[test]
    fn what_the_daemon_will_refuse_names_none() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"HostConfig":null}"#,
            r#"{"HostConfig":{"Binds":"data:/data"}}"#,
            r#"{"HostConfig":{"Binds":null,"Mounts":null}}"#,
        ] {
            assert_eq!(named_in(body.as_bytes(), "r1"), [] as [Value; 0], "{body}");
        }
    }
}
