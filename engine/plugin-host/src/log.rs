//! What plugins tell, in the log.

/// The longest text of a plugin that is logged, in characters.
const LOGGED: usize = 4000;

/// Writes what a plugin tells to the log.
pub(crate) fn told(plugin: &str, level: u32, target: &[u8], message: &[u8], fields: &[u8]) {
    let text = |bytes: &[u8]| -> String {
        // Cut before it is read, because it can be of any length.
        let cut = &bytes[..bytes.len().min(4 * LOGGED)];
        String::from_utf8_lossy(cut).chars().take(LOGGED).collect()
    };
    let (from, message, fields) = (text(target), text(message), text(fields));
    let fields = if fields == "{}" {
        String::new()
    } else {
        fields
    };
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(target: "tbengine::plugin", tracing::Level::$level, plugin, from, fields, "{message}")
        };
    }
    match level {
        0 | 1 => event!(ERROR),
        2 => event!(WARN),
        3 => event!(INFO),
        4 => event!(DEBUG),
        _ => event!(TRACE),
    }
}
