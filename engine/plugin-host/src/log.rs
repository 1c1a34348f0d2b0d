//! Messages of plugins, in the log.

/// The longest text of a plugin that is logged, in characters.
const MAX_MESSAGE_CHARS: usize = 4000;

/// Writes a message of a plugin to the log.
pub(crate) fn log_message(plugin: &str, level: u32, target: &[u8], message: &[u8], fields: &[u8]) {
    let text = |bytes: &[u8]| -> String {
        // Cut before it is read, because it can be of any length.
        let cut = &bytes[..bytes.len().min(4 * MAX_MESSAGE_CHARS)];
        String::from_utf8_lossy(cut)
            .chars()
            .take(MAX_MESSAGE_CHARS)
            .collect()
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
