//! What a call through a plugin costs beside the same call of what is linked in.
//!
//! `cargo bench -p tbengine-plugin-tests --bench plugin`
fn main() {}
