//! Manifests of WebAssembly artifacts: what `wkg`, `oras` and tbengine write, and nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::about::About;
use crate::error::Error;
use crate::reference::{Digest, Reference};

/// The media type of a manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of the configuration of a WebAssembly artifact.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The media type of a component.
const WASM: &str = "application/wasm";
/// The newest schema of manifests, and the only one with layers by digest.
const SCHEMA: u64 = 2;

/// A manifest as far as it is looked at. An index of manifests has neither configuration nor layers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    schema_version: u64,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

impl Descriptor {
    fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes).to_string(),
            size: bytes.len() as u64,
        }
    }
}

/// The digest of the one layer, which is the policy, and has at most `largest` bytes.
///
/// # Errors
/// If this is not a manifest, or one of something else.
pub(crate) fn layer(bytes: &[u8], largest: usize, reference: &Reference) -> Result<Digest, Error> {
    let other = |what: String| Error::NoPolicy {
        reference: reference.to_string(),
        what,
    };
    let read: Read =
        serde_json::from_slice(bytes).map_err(|_| other("the answer is not a manifest".into()))?;
    if read.schema_version != SCHEMA {
        return Err(other(format!(
            "its manifest has schema {}; expected {SCHEMA}",
            read.schema_version
        )));
    }
    if !read.manifests.is_empty() {
        return Err(other("it is an index of several artifacts".into()));
    }
    let [layer] = &read.layers[..] else {
        return Err(other(format!(
            "it has {} layers; expected 1",
            read.layers.len()
        )));
    };
    if layer.media_type != WASM {
        return Err(other(format!(
            "its layer is {}; expected {WASM}",
            shortened(&layer.media_type)
        )));
    }
    if layer.size > largest as u64 {
        return Err(other(format!(
            "its layer has {} bytes; the maximum is {largest}",
            layer.size
        )));
    }
    layer
        .digest
        .parse()
        .map_err(|_| other("its layer has no SHA-256 digest".into()))
}

/// What others wrote, as far as it fits into a sentence.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A configuration and the manifest above it. The same policy makes the same bytes, so that pushing it again
/// changes no digest.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) config: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [String; 1],
    component: Component<'a>,
}

#[derive(Debug, Serialize)]
struct Component<'a> {
    exports: &'a [String],
    imports: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u64,
    media_type: &'static str,
    config: Descriptor,
    layers: [Descriptor; 1],
    annotations: BTreeMap<&'static str, &'a str>,
}

/// Writes the manifest of a policy.
///
/// # Errors
/// Never, but the compiler cannot know.
pub(crate) fn write(wasm: &[u8], about: &About) -> Result<Written, serde_json::Error> {
    let config = serde_json::to_vec(&Config {
        // The time of the push would be another digest each time, and what reads this demands one.
        created: "1970-01-01T00:00:00Z",
        architecture: "wasm",
        os: "wasip2",
        layer_digests: [Digest::of(wasm).to_string()],
        component: Component {
            exports: &about.exports,
            imports: &about.imports,
        },
    })?;
    let annotations = [
        ("org.opencontainers.image.title", &about.name),
        ("org.opencontainers.image.version", &about.version),
        ("org.opencontainers.image.description", &about.summary),
    ];
    let manifest = serde_json::to_vec(&Manifest {
        schema_version: SCHEMA,
        media_type: MANIFEST,
        config: Descriptor::of(CONFIG, &config),
        layers: [Descriptor::of(WASM, wasm)],
        annotations: annotations
            .into_iter()
            .map(|(key, value)| (key, value.as_str()))
            .collect(),
    })?;
    Ok(Written { config, manifest })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_LAYER: usize = 64 << 20;

    fn refused(text: &str) -> String {
        let reference = "registry.example/nightly:1".parse().unwrap();
        layer(text.as_bytes(), MAX_LAYER, &reference)
            .unwrap_err()
            .to_string()
    }

    fn manifest(media_type: &str, digest: &str, size: u64) -> String {
        let layer = format!(
            "{{\"mediaType\": \"{media_type}\", \"digest\": \"{digest}\", \"size\": {size}}}"
        );
        format!("{{\"schemaVersion\": 2, \"layers\": [{layer}]}}")
    }

    #[test]
    fn what_is_written_is_read_and_does_not_change() {
        let about = About {
            name: "nightly".into(),
            version: "1.0.0".into(),
            summary: "Sweeps.".into(),
            exports: vec!["tbengine:policy/hooks@2.0.0".into()],
            imports: Vec::new(),
        };
        let written = write(b"wasm", &about).unwrap();
        let reference: Reference = "registry.example/nightly".parse().unwrap();
        assert_eq!(
            layer(&written.manifest, MAX_LAYER, &reference).unwrap(),
            Digest::of(b"wasm")
        );
        assert_eq!(written.manifest, write(b"wasm", &about).unwrap().manifest);
        let config: serde_json::Value = serde_json::from_slice(&written.config).unwrap();
        assert_eq!(config["layerDigests"][0], Digest::of(b"wasm").to_string());
        assert_eq!(
            config["component"]["exports"][0],
            "tbengine:policy/hooks@2.0.0"
        );
    }

    #[test]
    fn anything_else_is_refused_with_the_difference() {
        let digest = Digest::of(b"wasm").to_string();
        for (text, says) in [
            ("<html>", "not a manifest"),
            ("{}", "not a manifest"),
            ("{\"schemaVersion\": 1}", "schema 1"),
            ("{\"schemaVersion\": 2, \"manifests\": [{}]}", "an index"),
            ("{\"schemaVersion\": 2, \"layers\": []}", "0 layers"),
            (
                &manifest("application/x-tar", &digest, 4),
                "application/x-tar",
            ),
            (&manifest(WASM, &digest, 1 << 40), "the maximum is"),
            (&manifest(WASM, "sha512:00", 4), "no SHA-256"),
            (&manifest(WASM, "sha256:../../etc/passwd", 4), "no SHA-256"),
        ] {
            assert!(refused(text).contains(says), "{text}: {}", refused(text));
        }
        let two = manifest(WASM, &digest, 4)
            .replace("}]", "},{\"mediaType\":\"a\",\"digest\":\"b\",\"size\":1}]");
        assert!(refused(&two).contains("2 layers"), "{}", refused(&two));
    }
}
