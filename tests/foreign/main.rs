//! tbengine in the hands of other languages, each with its own tools, which are installed once below the target
//! directory.
//!
//! - `python`: the Python package, by its own tests
//! - `languages`: a policy in every language, made as its page says

mod languages;
mod python;
