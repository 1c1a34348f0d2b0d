//! `tbengine policy new`: a policy from a template.

use std::path::Path;

use tbengine_ops::scaffold::policy;

use crate::app::App;
use crate::exit::{Code, Error};

/// Writes a template into a new folder.
pub(super) fn new(app: &mut App, language: &str, name: &str) -> Result<Code, Error> {
    let files = policy(language, name, Path::new(name))?;
    app.out.page().text(&format!(
        "wrote {files} files to {name}; {name}/README.md says how to build and test it"
    ));
    Ok(Code::Done)
}
