//! What goes wrong, and when: by chance from a seed, by a script, or for a span of time.
//!
//! - [`plan`]: what a test or the admin interface asks for
//! - `drawing`: what meets one request
//! - `damage`: what a fault does to a reply

pub(crate) mod damage;
pub(crate) mod drawing;
pub mod plan;
