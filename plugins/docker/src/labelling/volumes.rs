//! The volumes that a container would make along with it, from the JSON of its creation.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tbengine_sdk::Kind;
use tbengine_sdk::owner::RUN_ID_LABEL;

use super::creation::Created;

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
    volumes_from: Option<Vec<String>>,
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    id: String,
}

/// The path at which the container can be inspected that a reply says was created. `creation` is the path
/// at which it was.
pub(super) fn inspection(creation: &str, reply: &[u8]) -> Option<String> {
    let Made { id } = serde_json::from_slice(reply).ok()?;
    let base = creation.strip_suffix("create")?;
    id.bytes()
        .all(|byte| byte.is_ascii_alphanumeric())
        .then(|| format!("{base}{id}/json"))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    mounts: Vec<Mounted>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mounted {
    r#type: String,
    #[serde(default)]
    name: String,
}

/// The volumes of a container that its creation did not name, so that the daemon made them for it alone.
pub(super) fn anonymous_in(inspected: &[u8], named: &[Value]) -> Vec<Created> {
    let mounts =
        serde_json::from_slice(inspected).map_or_else(|_| Vec::new(), |it: Inspected| it.mounts);
    let is_anonymous = |mount: &Mounted| {
        // The names that the daemon makes up.
        mount.r#type == "volume"
            && mount.name.len() == 64
            && mount.name.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !named.iter().any(|volume| volume["Name"] == *mount.name)
    };
    let mounts = mounts.into_iter().filter(is_anonymous);
    mounts
        .map(|mount| Created {
            kind: Kind::VOLUME,
            native: mount.name,
            created: None,
        })
        .collect()
}

/// Whether a container takes over the volumes of another one: those are not made along with it.
pub(super) fn takes_over(container: &[u8]) -> bool {
    let host = serde_json::from_slice(container).ok();
    let host = host.and_then(|container: Container| container.host_config);
    host.is_some_and(|host| host.volumes_from.is_some_and(|from| !from.is_empty()))
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
    fn anonymous_volumes_are_those_that_nobody_named() {
        let (made, reused) = ("a".repeat(64), "b".repeat(64));
        let inspected = json!({ "Mounts": [
            { "Type": "volume", "Name": made }, { "Type": "volume", "Name": reused },
            { "Type": "volume", "Name": "data" }, { "Type": "bind", "Source": "/x" },
        ]});
        let named = [json!({ "Name": reused }), json!({ "Name": "data" })];
        let found = anonymous_in(inspected.to_string().as_bytes(), &named);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, &found[0].native), (Kind::VOLUME, &made));
        assert_eq!(anonymous_in(b"{}", &named), []);
        assert_eq!(
            inspection("/v1.41/containers/create", br#"{"Id":"abc"}"#).as_deref(),
            Some("/v1.41/containers/abc/json")
        );
        for reply in [&b"{}"[..], br#"{"Id":"../x"}"#] {
            assert_eq!(inspection("/containers/create", reply), None);
        }
        assert!(takes_over(br#"{"HostConfig":{"VolumesFrom":["x"]}}"#));
        assert!(!takes_over(br#"{"HostConfig":{"VolumesFrom":null}}"#));
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
