//! Plugins that are linked in, and backends of theirs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};
use tbengine_plugin_host::plugins::Opening;
use tbengine_plugin_host::remote::Channel;
use tbengine_plugin_host::{Plugin, Timeouts};
use tbengine_sdk::abi::Entry;
use tbengine_sdk::{Backend, Error, OpenRequest, Timestamp};

use crate::listening::listen;
use crate::rude;

/// Longer than any answer takes. Under Miri time goes by the work that is done.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(if cfg!(miri) { 100_000 } else { 60 });

/// Links a plugin in. It stays until the process ends, where a checker for leaks finds it.
fn linked(name: &str, entry: Entry, call: Duration) -> &'static Plugin {
    static LINKED: Mutex<Vec<&Plugin>> = Mutex::new(Vec::new());
    listen();
    let timeouts = Timeouts {
        open: TIMEOUT,
        call,
    };
    // SAFETY: the functions of both plugins behave as the header demands of memory.
    let plugin = unsafe { Plugin::linked(name, entry, timeouts) }.expect("it takes this host");
    let plugin: &'static Plugin = Box::leak(Box::new(plugin));
    LINKED.lock().unwrap().push(plugin);
    plugin
}

/// One of the plugins that break the rules. Each test has its own.
pub(crate) fn rude<const N: usize>(call: Duration) -> &'static Plugin {
    linked("rude", rude::entry::<N>, call)
}

/// The plugin that the sdk makes out of what is registered in this program.
#[expect(
    clippy::print_stderr,
    reason = "a test that fails has to say why, and its panics would go to the log"
)]
pub(crate) fn honest() -> &'static Plugin {
    static HONEST: OnceLock<&Plugin> = OnceLock::new();
    HONEST.get_or_init(|| {
        let entry = tbengine_sdk::export::tbengine_plugin_v2;
        let plugin = linked("honest", entry, TIMEOUT);
        // The plugin sends the panics of this whole program to the log, where nobody reads why a test failed.
        let forward = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            eprintln!("{info}");
            forward(info);
        }));
        plugin
    })
}

fn opening(plugin: &Plugin, kind: &str, config: Value) -> Result<Opening, Error> {
    let request = OpenRequest {
        name: "here".into(),
        config,
        environment: Arc::new(BTreeMap::new()),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    };
    plugin.open_channel(&plugin.request(kind, &request))
}

/// Opens a backend that breaks the rules in this way.
pub(crate) fn open_rude(plugin: &Plugin, mode: &str) -> Result<Opening, Error> {
    opening(plugin, "rude", json!({ "mode": mode }))
}

/// Opens the rough backend of the sdk's plugin.
pub(crate) fn open_honest(config: Value) -> Result<Opening, Error> {
    opening(honest(), "rough", config)
}

/// The channel and the backend of one opening.
pub(crate) fn both(opening: Opening) -> (Arc<dyn Channel>, Arc<dyn Backend>) {
    (opening.channel.clone(), opening.into_backend("here".into()))
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    // Looking costs time under Miri, so it looks less often and gives up sooner.
    let (pause, patience) = if cfg!(miri) { (20, 100) } else { (1, 60) };
    let begun = std::time::Instant::now();
    while !holds() {
        let patience = Duration::from_secs(patience);
        assert!(begun.elapsed() < patience, "never: {what}");
        std::thread::sleep(Duration::from_millis(pause));
    }
}
