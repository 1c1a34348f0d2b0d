//! `tbengine policy export` and `pack`: what writes components to files.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;
use tbengine_engine::policy::load::MAX_COMPONENT;
use tbengine_engine::policy::{Version, pack};
use tbengine_ops::input::Input;

use crate::app::App;
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::span::plain;
use crate::output::view::View;

/// Writes a built-in policy to a file.
pub(super) fn export(app: &App, name: &str, file: &Path, overwrite: bool) -> Result<Code, Error> {
    let Some(builtin) = tbengine_builtins::get(name) else {
        let names: Vec<_> = tbengine_builtins::ALL
            .iter()
            .map(|builtin| builtin.name)
            .collect();
        return Err(Error::config(format!("no built-in policy named `{name}`"))
            .hint(format!("built-in policies: {}", names.join(", "))));
    };
    write(file, builtin.wasm, overwrite)?;
    app.console
        .line(&[plain(format!("wrote {}", file.display()))]);
    Ok(Code::Done)
}

#[derive(Debug, Serialize)]
struct Made {
    file: String,
    contract: String,
    bytes: usize,
    /// The functions of WASI preview 1 that the adapter stands in for.
    adapted: Vec<String>,
}

impl View for Made {
    fn document(&self) -> impl Serialize {
        self
    }

    fn columns(&self) -> &'static [&'static str] {
        &["file", "contract", "bytes", "adapted"]
    }

    fn rows(&self, rows: &mut Rows) {
        rows.row([
            &self.file,
            &self.contract,
            &self.bytes.to_string(),
            &self.adapted.join(" "),
        ]);
    }

    fn page(&self, page: &mut Page<'_>) {
        page.text(&format!(
            "wrote {}: {} bytes, implements {}",
            self.file, self.bytes, self.contract
        ));
        if !self.adapted.is_empty() {
            page.text(&format!(
                "WASI preview 1 is denied, except for standard error: {}",
                self.adapted.join(", ")
            ));
        }
    }
}

/// Makes a policy of a core module.
pub(super) fn make(
    app: &mut App,
    core: &Path,
    file: Option<&Path>,
    contract: Option<u64>,
    overwrite: bool,
) -> Result<Code, Error> {
    let version = match contract.map(|major| (major, Version::of_major(major))) {
        None => None,
        Some((_, Some(version))) => Some(version),
        Some((major, None)) => {
            let known = Version::ALL.map(|version| version.major().to_string());
            return Err(
                Error::config(format!("there is no version {major} of the contract"))
                    .hint(format!("this tbengine supports {}", known.join(" and "))),
            );
        }
    };
    let origin = core.display().to_string();
    let packed = pack(&read(core)?, &origin, version)?;
    let file = file.map_or_else(|| core.with_extension("policy.wasm"), Path::to_owned);
    // Packing in place is what build scripts do; other files are not lost by a slip.
    write(&file, &packed.component, overwrite || file == core)?;
    let made = Made {
        file: file.display().to_string(),
        contract: packed.version.to_string(),
        bytes: packed.component.len(),
        adapted: packed.adapted,
    };
    app.out.show(app.global.output, &made);
    Ok(Code::Done)
}

/// Reads a file that may be at most as large as a policy: what is larger is not read to its end.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed =
        |error: io::Error| Error::config(format!("failed to read {}: {error}", path.display()));
    let bytes = Input::open(path)
        .and_then(|input| input.beginning(MAX_COMPONENT + 1))
        .map_err(failed)?;
    if bytes.len() > MAX_COMPONENT {
        return Err(Error::config(format!(
            "{} is larger than {} MiB, the maximum for a policy",
            path.display(),
            MAX_COMPONENT >> 20
        )));
    }
    Ok(bytes)
}

/// Writes a file, and replaces one only if asked.
pub(super) fn write(file: &Path, bytes: &[u8], overwrite: bool) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(!overwrite)
        .create(true)
        .truncate(overwrite);
    match options
        .open(file)
        .and_then(|mut file| file.write_all(bytes))
    {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Error::config(format!("{} exists", file.display()))
                .hint("overwrite it with --force"))
        }
        Err(source) => Err(Error::write(file, source)),
        Ok(()) => Ok(()),
    }
}
