//! `tbengine policy pull` and `push`: components in registries.

use std::path::Path;

use serde::Serialize;
use tbengine_oci::{About, Digest, Reference};

use super::files;
use crate::app::App;
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::view::View;
use tbengine_ops::policies;

/// What was fetched or pushed.
#[derive(Debug, Serialize)]
struct Moved {
    /// `pulled` or `pushed`.
    #[serde(skip)]
    done: &'static str,
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
    let pulled = app.context.registries().pull(&reference);
    let artifact = pulled?;
    if let Some(file) = file {
        files::write(file, &artifact.wasm, overwrite)?;
    }
    let moved = Moved {
        done: "pulled",
        reference: reference.pinned(artifact.digest).to_string(),
        digest: Digest::of(&artifact.wasm).hex().to_owned(),
        bytes: artifact.wasm.len(),
        file: file.map(|file| file.display().to_string()),
    };
    app.out.show(app.global.output, &moved);
    Ok(Code::Done)
}

/// Pushes a policy that can run here.
pub(super) fn push(app: &mut App, file: &Path, reference: &str) -> Result<Code, Error> {
    let reference: Reference = reference.parse()?;
    let wasm = files::read(file)?;
    let found = policies::plain(wasm.clone().into(), file.display().to_string());
    let policy = policies::loader(&app.context)?.load(&found)?;
    let description = policy.description();
    let about = About {
        name: description.name.clone(),
        version: description.version.clone(),
        summary: description.summary.clone(),
        exports: policy.exports().to_vec(),
        imports: policy.imports().to_vec(),
    };
    let (digest, bytes) = (policy.digest().to_owned(), wasm.len());
    let pushed = app.context.registries().push(&reference, wasm, &about);
    let pin = pushed?;
    let moved = Moved {
        done: "pushed",
        reference: reference.pinned(pin).to_string(),
        digest,
        bytes,
        file: Some(file.display().to_string()),
    };
    app.out.show(app.global.output, &moved);
    Ok(Code::Done)
}

impl View for Moved {
    fn document(&self) -> impl Serialize {
        self
    }

    fn columns(&self) -> &'static [&'static str] {
        &["reference", "digest", "bytes", "file"]
    }

    fn rows(&self, rows: &mut Rows) {
        rows.row([
            &self.reference,
            &self.digest,
            &self.bytes.to_string(),
            self.file.as_deref().unwrap_or_default(),
        ]);
    }

    fn page(&self, page: &mut Page<'_>) {
        page.text(&format!("{} {}", self.done, self.reference));
        page.text(&format!("digest {}, {} bytes", self.digest, self.bytes));
        if let Some(file) = &self.file {
            page.text(&format!("file   {file}"));
        }
    }
}
