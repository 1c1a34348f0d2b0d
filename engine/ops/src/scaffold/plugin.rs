//! A plugin from a template.

use std::fs;
use std::path::{Path, PathBuf};

use tbengine_sdk::Registration;

use crate::error::Error;

/// A language that there is a template of a plugin for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// A dynamic library with tbengine-sdk.
    Rust,
    /// A dynamic library with the C header.
    C,
    /// A program, with nothing but the standard library.
    Python,
}

/// How a plugin names the sdk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sdk {
    /// By the directory in which it lies.
    Path(PathBuf),
    /// By the version of this program, since nobody knows where it lies.
    Version(&'static str),
}

macro_rules! template {
    ($($name:literal: $path:literal,)*) => {
        &[$(($name, include_str!(concat!("../../../../", $path)))),*]
    };
}

/// The files of a template: their names and texts, in which `example` stands for the kind.
type Template = &'static [(&'static str, &'static str)];

const RUST: Template = template! {
    "Cargo.toml": "plugins/templates/rust/Cargo.toml",
    "src/lib.rs": "plugins/templates/rust/src/lib.rs",
    "src/cloud.rs": "plugins/templates/rust/src/cloud.rs",
    "tests/conformance.rs": "plugins/templates/rust/tests/conformance.rs",
};
const C: Template = template! {
    "example.c": "plugins/templates/c/example.c",
    "json.h": "plugins/templates/c/json.h",
    "Makefile": "plugins/templates/c/Makefile",
    "tbengine_plugin.h": "sdk/include/tbengine_plugin.h",
};
const PYTHON: Template = template! {
    "example.py": "plugins/templates/python/example.py",
};

/// Where the sdk is in the repository that this program was built from.
const SDK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk");

/// Writes a plugin for a kind of backend into a folder that is not there yet. Gives how it names the sdk, which lies
/// in the directory `sdk` if that is given; `None` if it does without.
///
/// # Errors
/// If the kind is built in, the sdk is not where it should be, or the folder is there or cannot be written to.
pub fn plugin(
    language: Language,
    kind: &str,
    folder: &Path,
    sdk: Option<&Path>,
) -> Result<Option<Sdk>, Error> {
    if Registration::all().iter().any(|known| known.kind == kind) {
        return Err(
            Error::config(format!("the kind `{kind}` is built in")).hint("choose another name")
        );
    }
    if folder.exists() {
        return Err(Error::config(format!("{} exists", folder.display()))
            .hint("write it elsewhere with --dir"));
    }
    let (template, sdk) = match language {
        Language::Rust => (RUST, Some(dependency(sdk)?)),
        Language::C => (C, None),
        Language::Python => (PYTHON, None),
    };
    let dependency = match &sdk {
        Some(Sdk::Path(path)) => format!("path = {:?}", path.display().to_string()),
        Some(Sdk::Version(version)) => format!("version = \"{version}\""),
        None => String::new(),
    };
    for (name, text) in template {
        let path = folder.join(renamed(name, kind));
        let text = match *name {
            "Cargo.toml" => {
                let text = renamed(text, kind).replace("path = \"../../../sdk\"", &dependency);
                // It may be written into the directory of another workspace.
                format!("{text}\n[workspace]\n")
            }
            // The header is the same for all.
            "tbengine_plugin.h" => (*text).to_owned(),
            _ => renamed(text, kind),
        };
        write(&path, &text, name.ends_with(".py"))?;
    }
    Ok(sdk)
}

/// How a crate in Rust names the sdk, without a path by the version of this program.
fn dependency(sdk: Option<&Path>) -> Result<Sdk, Error> {
    let path = sdk.unwrap_or(Path::new(SDK));
    match path.canonicalize() {
        Ok(path) if path.join("Cargo.toml").is_file() => Ok(Sdk::Path(path)),
        _ if sdk.is_some() => Err(Error::config(format!(
            "{} is not the directory of tbengine-sdk: it has no Cargo.toml",
            path.display()
        ))),
        _ => Ok(Sdk::Version(env!("CARGO_PKG_VERSION"))),
    }
}

/// A text of a template with the kind in place of the example.
fn renamed(text: &str, kind: &str) -> String {
    let (snake, upper) = (
        kind.replace('-', "_"),
        kind.replace('-', "_").to_uppercase(),
    );
    let camel: String = kind
        .split('-')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_uppercase() + rest
        })
        .collect();
    let pairs = [
        ("tbengine-example", format!("tbengine-{kind}")),
        ("tbengine_example", format!("tbengine_{snake}")),
        ("libexample", format!("lib{kind}")),
        ("example.", format!("{kind}.")),
        ("\"example", format!("\"{kind}")),
        ("example\\\"", format!("{kind}\\\"")),
        ("`example`", format!("`{kind}`")),
        ("EXAMPLE", upper),
        ("Example", camel),
    ];
    pairs
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn write(path: &Path, text: &str, executable: bool) -> Result<(), Error> {
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)?;
    #[cfg(unix)]
    if executable {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_example_is_left_but_words_for_people() {
        for (name, text) in [RUST, C, PYTHON].concat() {
            let renamed = renamed(text, "my-cloud");
            for left in [
                "tbengine_example",
                "tbengine-example",
                "libexample",
                "Example",
                "EXAMPLE",
                "\"example\"",
            ] {
                assert!(!renamed.contains(left), "{left} is left in {name}");
            }
            assert!(
                name == "json.h"
                    || renamed != text
                    || name.ends_with("plugin.h")
                    || name.ends_with("cloud.rs"),
                "{name}"
            );
        }
        assert_eq!(renamed("impl Example {}", "my-cloud"), "impl MyCloud {}");
    }

    #[test]
    fn the_templates_name_the_sdk_where_it_is_replaced() {
        let (_, cargo) = RUST[0];
        assert_eq!(cargo.matches("path = \"../../../sdk\"").count(), 2);
    }
}
