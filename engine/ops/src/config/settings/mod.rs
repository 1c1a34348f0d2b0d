//! What can be set, and what is in force: file < variable < flag, and where each value came from.
//!
//! - `rows`: the table of settings
//! - [`table`]: what a row is, and what follows from all of them
//! - [`value`]: how values are written
//! - `setting`: a value with where it came from
//! - `retry`: what the settings of retries come to together

mod retry;
mod rows;
mod setting;
pub mod table;
pub mod value;

use tbengine_engine::apply::{ApplyOptions, ErrorMode, RetrySchedule};
use tbengine_engine::plan::{Limits, Own, Safeguards};

pub use retry::contradiction;
pub use rows::{GROUPS, Layer, Settings, heading, rows_below, rows_of};
pub use setting::{Setting, Source};

impl Settings {
    /// The safeguards in force.
    pub fn safeguards(&self, own: Own) -> Safeguards {
        let defaults = Safeguards::default();
        Safeguards {
            min_age: self.min_age.value,
            unknown_lease_age: self.unknown_lease_age.value,
            max_delete: self.max_delete.value,
            max_unproven_running: self.max_unknown_running.value,
            own,
            default_grace: self.stop_timeout.value.unwrap_or(defaults.default_grace),
            ..defaults
        }
    }

    /// The same with the limits of a run that is resumed, where nobody says otherwise for this time.
    #[must_use]
    pub fn under(&self, limits: Option<&Limits>) -> Self {
        let mut settings = self.clone();
        let Some(limits) = limits else {
            return settings;
        };
        let Limits {
            min_age,
            unknown_lease_age,
            max_delete,
            max_unproven_running,
        } = limits;
        settings.min_age.unless_said(min_age);
        settings.unknown_lease_age.unless_said(unknown_lease_age);
        settings.max_delete.unless_said(max_delete);
        settings
            .max_unknown_running
            .unless_said(max_unproven_running);
        settings
    }

    /// How to apply a plan.
    pub fn apply(&self, error_mode: ErrorMode) -> ApplyOptions {
        let schedule = self.schedule().value;
        let fixed = matches!(schedule, Some(RetrySchedule::Fixed { .. }));
        ApplyOptions {
            retry: schedule.unwrap_or_default(),
            ask_policy: !fixed,
            error_mode,
            concurrency: self.concurrency.value.map(usize::from),
            outage_deadline: self.outage_deadline.value,
            deadline: self.deadline.value,
            step_deadline: self.step_deadline.value,
            stuck_after: self.stuck_after.value,
            ..ApplyOptions::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::rows::ROWS;
    use super::*;

    #[test]
    fn rows_are_complete_and_agree_with_themselves() {
        for row in ROWS {
            let (group, name) = row.group_and_name();
            let known = GROUPS.iter().any(|one| Some(one.name) == group);
            assert!(known || group.is_none(), "{}", row.key);
            assert!(!row.doc.is_empty() && !name.contains('.'), "{}", row.key);
            let Some(flag) = row.flag else { continue };
            assert_eq!(row.field, flag.name.replace('-', "_"));
            let variable = format!("TBENGINE_{}", row.field.to_uppercase());
            assert_eq!(flag.variable, variable);
        }
        let unique = |of: fn(&table::Row) -> &str| {
            let all: std::collections::BTreeSet<&str> = ROWS.iter().map(of).collect();
            assert_eq!(all.len(), ROWS.len());
        };
        unique(|row| row.key);
        unique(|row| row.field);
        let headings = [
            heading::POLICY,
            heading::SAFEGUARDS,
            heading::RETRIES,
            heading::GLOBAL,
        ];
        let flags = headings.into_iter().flat_map(rows_below).count();
        assert_eq!(flags, ROWS.iter().filter(|row| row.flag.is_some()).count());
        let groups = GROUPS.iter().map(|group| Some(group.name)).chain([None]);
        assert_eq!(groups.flat_map(rows_of).count(), ROWS.len());
    }

    #[test]
    fn upper_layers_hide_lower_ones() {
        let row = |key: &str| ROWS.iter().find(|row| row.key == key).unwrap();
        let layer = |key, text: &str, source| {
            let mut layer = Layer::default();
            layer.take(row(key), text.as_ref(), source).unwrap();
            layer
        };
        let flag = layer("safeguards.min-age", "1m", Source::Flag);
        let file = layer("safeguards.min-age", "2m", Source::File);
        let other = layer("retry.retries", "4", Source::Variable);
        let settings = Settings::new(flag.over(&other).over(&file));
        assert_eq!(settings.min_age.source, Source::Flag);
        assert_eq!(settings.min_age.value.as_secs(), 60);
        assert_eq!(settings.retries.value, Some(4));
        assert_eq!(settings.concurrency.source, Source::Default);
        assert_eq!(settings.all().count(), ROWS.len());
    }

    #[test]
    fn what_is_no_value_of_a_setting_is_an_error() {
        for row in ROWS.iter().filter(|row| !row.is_path) {
            assert!((row.check)("".as_ref(), row.limits).is_err(), "{}", row.key);
        }
    }

    /// Everything between these lines of docs/configuration.md is written by a test.
    const BEGIN: &str =
        "<!-- settings: written by `UPDATE_DOCS=1 cargo test -p tbengine-ops config` -->\n";
    const END: &str = "<!-- end of settings -->\n";

    fn documented() -> String {
        let mut table = "| Key | Flag, variable | Meaning |\n|---|---|---|\n".to_owned();
        for row in ROWS {
            let flag = row.flag.map_or_else(String::new, |flag| {
                format!("`--{}`, `{}`", flag.name, flag.variable)
            });
            let doc = row.with_default(row.doc).replace('\n', " ");
            table += &format!("| `{}` | {flag} | {doc} |\n", row.key);
        }
        table
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch that only this test reads"
    )]
    fn the_settings_are_documented_as_they_are() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap();
        let (table, after) = rest.split_once(END).unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let text = [before, BEGIN, "\n", &documented(), "\n", END, after].concat();
            return std::fs::write(path, text).unwrap();
        }
        assert_eq!(
            table.trim(),
            documented().trim(),
            "the settings have changed; run `UPDATE_DOCS=1 cargo test -p tbengine-ops config`"
        );
    }
}
