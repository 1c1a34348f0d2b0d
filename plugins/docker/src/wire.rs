//! The daemon's JSON, as far as we read it. Go writes `null` for empty lists and maps and leaves
//! fields out, so every field may be absent or null.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use tbengine_sdk::{Timestamp, Unreadable};

fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Declares structs whose fields may all be absent or null.
macro_rules! json {
    ($($(#[$doc:meta])* struct $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Default, Deserialize)]
            #[serde(rename_all = "PascalCase")]
            pub(crate) struct $name {
                $($(#[$attr])* #[serde(default, deserialize_with = "lenient")] pub(crate) $field: $type,)*
            }
        )*
    };
}

json! {
    /// `GET /version`.
    struct Version {
        api_version: String,
    }

    /// `GET /info`.
    struct Info {
        #[serde(rename = "ID")]
        id: String,
        name: String,
        server_version: String,
        docker_root_dir: String,
        kernel_version: String,
        /// Pairs of texts about the storage driver.
        driver_status: Vec<Vec<String>>,
        /// The daemon's clock.
        system_time: String,
    }

    /// One container of `GET /containers/json`.
    struct ContainerSummary {
        id: String,
        names: Vec<String>,
        image: String,
        #[serde(rename = "ImageID")]
        image_id: String,
        /// Seconds since 1970.
        created: i64,
        state: String,
        labels: HashMap<String, String>,
        mounts: Vec<Mount>,
        network_settings: NetworkSettings,
        /// -1 if unknown.
        size_rw: Option<i64>,
    }

    /// `GET /containers/{id}/json`. Its environment and the arguments of its command are left out on
    /// purpose: they hold secrets.
    struct Container {
        id: String,
        created: String,
        name: String,
        /// The program that it runs, without the arguments.
        path: String,
        image: String,
        state: ContainerState,
        config: ContainerConfig,
        host_config: HostConfig,
        mounts: Vec<Mount>,
        network_settings: NetworkSettings,
    }

    struct ContainerState {
        status: String,
        exit_code: Option<i64>,
        started_at: String,
        finished_at: String,
    }

    struct ContainerConfig {
        image: String,
        labels: HashMap<String, String>,
        stop_signal: String,
        working_dir: String,
    }

    struct HostConfig {
        auto_remove: bool,
        restart_policy: RestartPolicy,
        binds: Vec<String>,
        mounts: Vec<MountRequest>,
    }

    struct RestartPolicy {
        name: String,
    }

    /// A mount as it was asked for.
    struct MountRequest {
        source: String,
    }

    /// A mount as it is.
    struct Mount {
        r#type: String,
        name: String,
    }

    struct NetworkSettings {
        networks: HashMap<String, Option<Attachment>>,
    }

    struct Attachment {
        #[serde(rename = "NetworkID")]
        network_id: String,
    }

    /// One network, of `GET /networks` or `GET /networks/{id}`.
    struct Network {
        id: String,
        name: String,
        created: String,
        driver: String,
        scope: String,
        internal: bool,
        ingress: bool,
        labels: HashMap<String, String>,
    }

    /// `GET /volumes`.
    struct VolumeList {
        volumes: Items<Volume>,
        warnings: Vec<String>,
    }

    /// One volume, of `GET /volumes`, `GET /volumes/{name}` or `GET /system/df`.
    struct Volume {
        name: String,
        driver: String,
        created_at: String,
        labels: HashMap<String, String>,
        usage_data: VolumeUsage,
    }

    struct VolumeUsage {
        /// -1 if unknown.
        size: Option<i64>,
    }

    /// `GET /system/df`.
    struct DiskUsage {
        volumes: Items<Volume>,
    }

    /// One image of `GET /images/json`.
    struct ImageSummary {
        id: String,
        parent_id: String,
        repo_tags: Vec<String>,
        repo_digests: Vec<String>,
        /// Seconds since 1970.
        created: i64,
        /// -1 if unknown.
        size: Option<i64>,
        labels: HashMap<String, String>,
    }

    /// `GET /images/{id}/json`.
    struct Image {
        id: String,
        parent: String,
        repo_tags: Vec<String>,
        repo_digests: Vec<String>,
        created: String,
        config: ImageConfig,
        metadata: ImageMetadata,
    }

    struct ImageMetadata {
        /// When it was given a tag here last; never, for what was pulled.
        last_tag_time: String,
    }

    struct ImageConfig {
        labels: HashMap<String, String>,
    }
}

/// A list of which each item is read by itself: an odd one spoils none of the others. `null` is an empty list.
#[derive(Debug)]
pub(crate) struct Items<T> {
    pub(crate) read: Vec<T>,
    /// Those that do not fit.
    pub(crate) odd: Vec<Unreadable>,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self {
            read: Vec::new(),
            odd: Vec::new(),
        }
    }
}

impl<T> Items<T> {
    /// Sets those aside that have no usable id: nothing can be asked about them. `name` is what each is shown by.
    pub(crate) fn set_aside(&mut self, is_usable: impl Fn(&T) -> bool, name: impl Fn(&T) -> &str) {
        let odd = &mut self.odd;
        self.read.retain(|item| {
            let is_usable = is_usable(item);
            if !is_usable {
                odd.push(Unreadable {
                    shown: name(item).chars().take(80).collect(),
                    message: "docker shows it without a full id".into(),
                });
            }
            is_usable
        });
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts: Option<Vec<Box<RawValue>>> = Option::deserialize(deserializer)?;
        let mut items = Self::default();
        for text in texts.unwrap_or_default() {
            match serde_json::from_str(text.get()) {
                Ok(item) => items.read.push(item),
                Err(error) => items.odd.push(Unreadable {
                    shown: shown(text.get()),
                    message: format!("unexpected response format: {error}"),
                }),
            }
        }
        Ok(items)
    }
}

/// As much of an id or a name as there is.
fn shown(text: &str) -> String {
    let item: Value = serde_json::from_str(text).unwrap_or_default();
    let named = ["Id", "Name"]
        .iter()
        .find_map(|key| item.get(key)?.as_str());
    named.unwrap_or("(no id)").chars().take(80).collect()
}

/// A size; the daemon says -1 for what it does not know.
pub(crate) fn size(bytes: Option<i64>) -> Option<u64> {
    bytes?.try_into().ok()
}

/// A time, or `None` for Docker's `0001-01-01T00:00:00Z`, which means never, and for text that is not a time.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>()
        .ok()
        .filter(|time| time.as_unix_ms() > 0)
}

/// Whether a text is there and is not a time.
pub(crate) fn is_odd_time(text: &str) -> bool {
    !text.is_empty() && text.parse::<Timestamp>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_never_or_missing_is_not_odd() {
        for (text, is_odd) in [
            ("", false),
            ("0001-01-01T00:00:00Z", false),
            ("2027-01-01T00:00:00.5Z", false),
            ("2027-01-01T00:0", true),
            ("yesterday", true),
        ] {
            assert_eq!(is_odd_time(text), is_odd, "{text}");
        }
    }

    #[test]
    fn fields_may_be_absent_or_null() {
        for text in [
            "{}",
            r#"{"Id":null,"State":null,"Config":null,"HostConfig":null,"Mounts":null,"NetworkSettings":null}"#,
            r#"{"State":{"ExitCode":null},"Config":{"Labels":null},"HostConfig":{"Binds":null,"RestartPolicy":null},
                "NetworkSettings":{"Networks":{"n":null}}}"#,
        ] {
            let container: Container = serde_json::from_str(text).unwrap();
            assert_eq!(container.id, "");
        }
    }

    #[test]
    fn an_odd_item_spoils_none_of_the_others() {
        let text = r#"[{"Id":"a","SizeRw":-1},{"Id":"b","Labels":7},"c",{"Id":"d"}]"#;
        let items: Items<ContainerSummary> = serde_json::from_str(text).unwrap();
        let ids: Vec<&str> = items.read.iter().map(|one| &*one.id).collect();
        assert_eq!(ids, ["a", "d"]);
        assert_eq!(size(items.read[0].size_rw), None);
        let odd: Vec<&str> = items.odd.iter().map(|one| &*one.shown).collect();
        assert_eq!(odd, ["b", "(no id)"]);
        let none: Items<ContainerSummary> = serde_json::from_str("null").unwrap();
        assert!(none.read.is_empty() && none.odd.is_empty());
    }

    #[test]
    fn never_is_no_time() {
        assert_eq!(time("0001-01-01T00:00:00Z"), None);
        assert_eq!(time(""), None);
        assert_eq!(time("yesterday"), None);
        assert!(time("2026-01-02T03:04:05.678901234+01:00").is_some());
    }
}
