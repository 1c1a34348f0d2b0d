//! `tbengine policy`.

mod compiling;
mod failing;
mod naming;
mod showing;
mod testing;
mod vetoing;
mod writing;

/// The policy that the templates have in every language, as text.
const MAX_AGE: &str = include_str!("../../../../policies/templates/wat/max-age.wat");
