//! `tbengine policy pull` and `push`: components in registries.

use std::path::Path;

use serde::Serialize;
use tbengine_oci::{About, Digest, Reference};

use super::files;
use crate::app::App;
use crate::args::global::Format;
use crate::exit::{Code, Error};
use crate::output::csv;
use crate::policies;

/// What was fetched or pushed.
#[derive(Debug, Serialize)]
struct Moved {
    /// With the digest of the manifest, as `--policy` takes it.
    reference: String,
    /// The SHA-256 of the component, as plans record it.
    digest: String,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// Fetches a policy, and writes it to a file if one is named.
pub(super) fn pull(
    app: &mut App,
    reference: &str,
    file: Option<&Path>,
    overwrite: bool,
) -> Result<Code, Error> {
    let reference: Reference = reference.parse()?;
    let pulled = app.registries().pull(&reference);
    let artifact = pulled.map_err(|error| app.registry_error(error))?;
    if let Some(file) = file {
        files::write(file, &artifact.wasm, overwrite)?;
    }
    let moved = Moved {
        reference: reference.pinned(artifact.digest).to_string(),
        digest: Digest::of(&artifact.wasm).hex().to_owned(),
        bytes: artifact.wasm.len(),
        file: file.map(|file| file.display().to_string()),
    };
    tell(app, "pulled", moved);
    Ok(Code::Done)
}

/// Pushes a policy that can run here.
pub(super) fn push(app: &mut App, file: &Path, reference: &str) -> Result<Code, Error> {
    let reference: Reference = reference.parse()?;
    let wasm = files::read(file)?;
    let policy = policies::engine(&app.world)?.load(&wasm, &file.display().to_string())?;
    let description = policy.description();
    let about = About {
        name: description.name.clone(),
        version: description.version.clone(),
        summary: description.summary.clone(),
        exports: policy.exports().to_vec(),
        imports: policy.imports().to_vec(),
    };
    let (digest, bytes) = (policy.digest().to_owned(), wasm.len());
    let pushed = app.registries().push(&reference, wasm, &about);
    let pin = pushed.map_err(|error| app.registry_error(error))?;
    let moved = Moved {
        reference: reference.pinned(pin).to_string(),
        digest,
        bytes,
        file: Some(file.display().to_string()),
    };
    tell(app, "pushed", moved);
    Ok(Code::Done)
}

fn tell(app: &mut App, done: &str, moved: Moved) {
    let out = &mut app.out;
    match app.global.output {
        Format::Json => out.json(&moved),
        Format::Jsonl => out.json_line(&moved),
        Format::Csv => csv::write(
            out,
            ["reference", "digest", "bytes", "file"],
            [[
                moved.reference,
                moved.digest,
                moved.bytes.to_string(),
                moved.file.unwrap_or_default(),
            ]],
        ),
        Format::Table => {
            out.text(&format!("{done} {}", moved.reference));
            out.text(&format!("digest {}, {} bytes", moved.digest, moved.bytes));
            if let Some(file) = moved.file {
                out.text(&format!("file   {file}"));
            }
        }
    }
}
