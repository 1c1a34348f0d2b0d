//! The plugin as tbengine's configuration has it, and a backend of it at an address.

use std::sync::Arc;

use tbengine_plugin_host::{Code, PluginSpec};
use tbengine_sdk::{OpenRequest, Timestamp};

pub(crate) fn spec() -> PluginSpec {
    let mut library = std::env::current_exe().expect("this program has a path");
    library.set_file_name("libtbengine_e2b.so");
    PluginSpec {
        name: "e2b".into(),
        code: Code::Library(library),
        sha256: Some("any".into()),
        variables: vec!["E2B_API_KEY".into()],
    }
}

pub(crate) fn request(address: &str, key: &str) -> OpenRequest {
    let environment = [("E2B_API_KEY".to_owned(), key.to_owned())];
    OpenRequest {
        name: "cloud".into(),
        config: serde_json::json!({ "api-url": address }),
        environment: Arc::new(environment.into()),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    }
}
