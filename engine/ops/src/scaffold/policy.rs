//! A policy from a template.

use std::fs;
use std::path::Path;

use tbengine_sdk::host::closest;

use super::templates::{TEMPLATES, Template};
use crate::error::Error;

/// The longest name of a policy.
const MAX_NAME: usize = 64;

/// Writes a policy in this language into a folder that is not there yet, and gives the number of its files.
///
/// # Errors
/// If there is no template for the language, the name is not one of a policy, or the folder is there or cannot be
/// written to.
pub fn policy(language: &str, name: &str, folder: &Path) -> Result<usize, Error> {
    let Some(template) = TEMPLATES
        .iter()
        .find(|template| template.language == language)
    else {
        let known = || TEMPLATES.iter().map(|template| template.language);
        let error = Error::config(format!("there is no template for `{language}`"));
        return Err(match closest(language, known()) {
            Some(meant) => error.hint(format!("did you mean `{meant}`?")),
            None => error,
        }
        .hint(format!(
            "templates: {}",
            known().collect::<Vec<_>>().join(", ")
        ))
        .hint(
            "any language that compiles to WebAssembly works: see `tbengine policy pack --help`",
        ));
    };
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let good = name.len() <= MAX_NAME
        && name.bytes().all(plain)
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-');
    if !good {
        return Err(Error::config(format!(
            "invalid policy name `{name}`: use a-z, 0-9 and -, starting with a letter"
        )));
    }
    write(template, name, folder)?;
    Ok(template.files.len())
}

fn write(template: &Template, name: &str, folder: &Path) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write { path, source }
    };
    if folder.exists() {
        return Err(Error::config(format!("{} exists", folder.display()))
            .hint("choose a folder that does not exist yet"));
    }
    for (path, text) in template.files {
        let path = folder.join(named(path, name));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        fs::write(&path, named(text, name)).map_err(failed(&path))?;
    }
    Ok(())
}

/// The templates are of a policy `max-age`; where they say so, the new name stands.
fn named(text: &str, name: &str) -> String {
    let camel: String = name
        .split('-')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        })
        .collect();
    text.replace("max-age", name)
        .replace("max_age", &name.replace('-', "_"))
        .replace("MaxAge", &camel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_the_name_is_replaced() {
        assert_eq!(
            named("max-age max_age MaxAge max age", "disk-full-2"),
            "disk-full-2 disk_full_2 DiskFull2 max age"
        );
    }
}
