//! What plugins log, heard by the host. A plugin that is linked in logs past the host.

use std::sync::{Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// What was logged under the target of plugins, and by the one under test.
pub(crate) fn logged() -> &'static Mutex<Vec<String>> {
    static LOGGED: OnceLock<Mutex<Vec<String>>> = OnceLock::new();
    LOGGED.get_or_init(Mutex::default)
}

/// Begins to listen.
pub(crate) fn listen() {
    struct Record(String);
    impl Visit for Record {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            self.0.push_str(&format!(" {field}={value:?}"));
        }
    }
    struct Listen;
    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Listen {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            let target = event.metadata().target();
            if target == "tbengine::plugin" || target == "tbengine_plugin_tests::rough" {
                let mut record = Record(event.metadata().level().to_string());
                event.record(&mut record);
                logged().lock().unwrap().push(record.0);
            }
        }
    }
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| tracing_subscriber::registry().with(Listen).init());
}

/// Whether something with this part was logged.
pub(crate) fn was_logged(part: &str) -> bool {
    logged()
        .lock()
        .unwrap()
        .iter()
        .any(|line| line.contains(part))
}
