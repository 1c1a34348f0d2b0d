//! The JSON schema beside the protocol is that of the types.

use tbengine_sdk::wire::schema::schema;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/protocol/v2.schema.json");

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a variable of the person who runs the tests says that they write"
)]
fn the_schema_is_that_of_the_types() {
    let mut text = serde_json::to_string_pretty(&schema()).expect("it can be written");
    text.push('\n');
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(FILE, &text).expect("the file can be written");
    }
    let written = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        written == text,
        "the documents have changed; run `UPDATE_DOCS=1 cargo test --workspace schema`"
    );
}
