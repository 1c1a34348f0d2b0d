//! What writes log records to the standard error.

use std::fmt::Write as _;
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::console::Console;
use super::span::{Tone, plain, toned};

/// Starts logging, as loud as `-v` was given.
pub(crate) fn start(verbose: u8, console: Arc<Console>) {
    let (ours, others) = match verbose {
        // The reports say what failed.
        0 => return,
        1 => (LevelFilter::INFO, LevelFilter::ERROR),
        2 => (LevelFilter::DEBUG, LevelFilter::WARN),
        _ => (LevelFilter::TRACE, LevelFilter::DEBUG),
    };
    let filter = Targets::new()
        .with_target("tbengine", ours)
        // It writes whole answers, and with them the passwords in options of volumes.
        .with_target("bollard", others.min(LevelFilter::WARN))
        .with_default(others);
    // Only a second start in one process could fail.
    tracing_subscriber::registry()
        .with(Records { console }.with_filter(filter))
        .try_init()
        .ok();
}

struct Records {
    console: Arc<Console>,
}

impl<S: Subscriber> Layer<S> for Records {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        let tone = match level {
            Level::ERROR => Tone::Bad,
            Level::WARN => Tone::Warn,
            Level::INFO => Tone::Good,
            _ => Tone::Dim,
        };
        self.console.always(&[
            toned(tone, format!("{level:>5}")),
            plain(" "),
            plain(fields.message),
            toned(Tone::Dim, fields.others),
        ]);
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        match field.name() {
            "message" => write!(self.message, "{value:?}").ok(),
            name => write!(self.others, " {name}={value:?}").ok(),
        };
    }
}
