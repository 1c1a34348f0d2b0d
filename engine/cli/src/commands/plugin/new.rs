//! `tbengine plugin new`: writes a working plugin to begin with.

use std::path::PathBuf;

use tbengine_ops::scaffold::{self, Sdk, plugin};

use crate::app::App;
use crate::args::plugin::Language;
use crate::exit::{Code, Error};
use crate::output::span::plain;

/// Writes the template.
pub(crate) fn run(
    app: &App,
    language: Language,
    kind: &str,
    folder: Option<PathBuf>,
    sdk: Option<PathBuf>,
) -> Result<Code, Error> {
    let folder = folder.unwrap_or_else(|| kind.into());
    let (language, next) = match language {
        Language::Rust => (
            scaffold::Language::Rust,
            format!(
                "cargo test && cargo build --release && tbengine plugin check target/release/libtbengine_{}.so",
                kind.replace('-', "_")
            ),
        ),
        Language::C => (
            scaffold::Language::C,
            format!("make && tbengine plugin check ./lib{kind}.so"),
        ),
        Language::Python => (
            scaffold::Language::Python,
            format!("tbengine plugin check ./{kind}.py"),
        ),
    };
    if let Some(Sdk::Version(_)) = plugin(language, kind, &folder, sdk.as_deref())? {
        app.console.warning(
            "Cargo.toml depends on tbengine-sdk by version; to use a copy of the repository, pass --sdk DIR",
        );
    }
    let folder = folder.display();
    app.console.line(&[plain(format!("wrote {folder}"))]);
    app.console
        .line(&[plain(format!("next: cd {folder} && {next}"))]);
    Ok(Code::Done)
}
