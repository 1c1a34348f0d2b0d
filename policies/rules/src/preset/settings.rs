//! The parameters of the policies for one benchmark, and their values.

use std::time::Duration;

use tbengine_policy::params::{ParamError, Params, describe};
use tbengine_policy::types::{Description, Judging, ParamType};

use super::profile::Preset;
use crate::effort::{self, Effort};
use crate::ended::Ended;

/// Trials of up to nine hours are known that never touch their sandbox in between.
const RUNNING_OLDER_THAN: &str = "12h";

/// The values in force.
#[derive(Clone, Debug)]
pub struct PresetSettings {
    /// What the parameters do not change.
    pub preset: Preset,
    /// For how long a unit must have been over.
    pub dead_older_than: Duration,
    /// How long ago what runs must have been made.
    pub running_older_than: Duration,
    /// For how long a doubled sandbox must have been alone.
    pub duplicates_older_than: Duration,
    /// What is done with sandboxes that were stopped.
    pub ended: Ended,
    /// Whether images are deleted.
    pub images: bool,
    /// Whether snapshots are deleted.
    pub snapshots: bool,
    /// How long ago images must have been made and snapshots last used.
    pub image_older_than: Duration,
    /// How hard is tried.
    pub effort: Effort,
}

/// Name, version and parameters of the policy for one benchmark.
pub fn description(preset: &Preset) -> Description {
    use ParamType::{Boolean, Duration};
    let mut own = describe(preset.name, env!("CARGO_PKG_VERSION"), preset.summary, Judging::Units)
        .param("dead-older-than", Duration, Some("10m"),
            "Deletes a unit (a trial's containers, networks and volumes) of which nothing has run for longer than \
             this, or whose main container ended longer ago; and what is left of one without containers. Also \
             sandboxes that failed, were stopped or archived longer ago.")
        .param("running-older-than", Duration, Some(RUNNING_OLDER_THAN),
            "Deletes a unit that still runs, and was made longer ago than this: its harness was killed. Age is the \
             only sign of that, so it must be longer than the longest trial; `3650d` says never.");
    if preset.in_clouds {
        own = own.param("duplicates-older-than", Duration, Some("5m"),
            "Of several sandboxes of one session that run, deletes all but the newest, once that was made longer \
             ago than this and the others were not active for as long: the harness lost the reply to their creation.");
        own = Ended::described(own);
    }
    let images = format!(
        "Deletes unused images {} as well. The trials of a task share them, so the next one has to build them again.",
        preset.images
    );
    own = own.param("images", Boolean, Some("false"), &images);
    let (shared, age) = if preset.in_clouds {
        own = own.param("snapshots", Boolean, Some("false"),
            "Deletes snapshots `harbor__<digest>__snapshot` as well. The trials of a task share them; what was made \
             from one keeps a disk of its own.");
        (
            "`images` and `snapshots`",
            "images, and time since the last use of snapshots",
        )
    } else {
        ("`images`", "images")
    };
    own = own.param(
        "image-older-than",
        Duration,
        Some("7d"),
        &format!("The least age of {age} that {shared} delete."),
    );
    effort::described(own, None, None, None)
}

impl PresetSettings {
    /// Reads the values.
    ///
    /// # Errors
    /// Names the parameter that makes no sense.
    pub fn read(preset: Preset, params: &Params) -> Result<Self, ParamError> {
        Ok(Self {
            preset,
            dead_older_than: params.required("dead-older-than")?,
            running_older_than: params.required("running-older-than")?,
            duplicates_older_than: params.get("duplicates-older-than")?.unwrap_or_default(),
            ended: params.get(Ended::PARAM)?.unwrap_or(Ended::Delete),
            images: params.required("images")?,
            snapshots: params.get("snapshots")?.unwrap_or_default(),
            image_older_than: params.required("image-older-than")?,
            effort: Effort::read(params, None)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::profile::{HARBOR, TERMINAL_BENCH};
    use crate::preset::samples::settings;

    #[test]
    fn every_parameter_is_described_and_read() {
        let set = settings(
            HARBOR,
            &[
                ("dead-older-than", "1000"),
                ("running-older-than", "2000"),
                ("duplicates-older-than", "3000"),
                ("images", "true"),
                ("snapshots", "true"),
                ("image-older-than", "4000"),
                ("attempts", "4"),
            ],
        );
        let seconds = [
            set.dead_older_than,
            set.running_older_than,
            set.duplicates_older_than,
            set.image_older_than,
        ]
        .map(|limit| limit.as_secs());
        assert_eq!(seconds, [1, 2, 3, 4]);
        assert!(set.images && set.snapshots);
        assert_eq!(set.effort.attempts, Some(4));
        assert_eq!(description(&HARBOR).params.len(), 12);
    }

    #[test]
    fn what_runs_in_no_cloud_has_no_parameters_for_clouds() {
        let names: Vec<String> = description(&TERMINAL_BENCH)
            .params
            .into_iter()
            .map(|param| param.name)
            .collect();
        assert_eq!(
            names[..4],
            [
                "dead-older-than",
                "running-older-than",
                "images",
                "image-older-than"
            ]
        );
        assert_eq!(names.len(), 9);
        let set = settings(TERMINAL_BENCH, &[]);
        assert!(!set.snapshots && !set.images);
    }
}
