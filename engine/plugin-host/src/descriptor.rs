//! What a plugin says about itself.

use std::path::Path;

use tbengine_sdk::wire::{Descriptor, PROTOCOL};

use crate::error::PluginError;

/// Reads and checks what a plugin says about itself.
pub(crate) fn descriptor(name: &str, path: &Path, bytes: &[u8]) -> Result<Descriptor, PluginError> {
    let wrong = |reason: String| PluginError::Descriptor {
        name: name.to_owned(),
        path: path.to_owned(),
        reason,
    };
    // The version first: another one may have another descriptor.
    #[derive(serde::Deserialize)]
    struct Version {
        protocol: u32,
        #[serde(default)]
        sdk: String,
    }
    let version: Version = serde_json::from_slice(bytes).map_err(|e| wrong(e.to_string()))?;
    if version.protocol != PROTOCOL {
        let by = match version.sdk.chars().take(80).collect::<String>() {
            sdk if sdk.is_empty() => String::new(),
            sdk => format!(" (built with {sdk})"),
        };
        return Err(PluginError::Version {
            name: name.to_owned(),
            path: path.to_owned(),
            plugin: format!("version {} of the protocol{by}", version.protocol),
        });
    }
    let descriptor: Descriptor =
        serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
    if descriptor.kinds.is_empty() {
        return Err(wrong(
            "it has no backend kind; in Rust, is the `backend!` line missing?".into(),
        ));
    }
    for kind in &descriptor.kinds {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if kind.kind.is_empty() || kind.kind.len() > 60 || !kind.kind.chars().all(plain) {
            return Err(wrong(format!(
                "invalid kind `{}`: use lowercase letters, digits and hyphens",
                kind.kind.chars().take(60).collect::<String>()
            )));
        }
    }
    Ok(descriptor)
}
