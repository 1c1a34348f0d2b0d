//! What every store does, whatever it keeps its things in. [`suite!`] makes a test of each trial for one.

pub(crate) mod claims;
pub(crate) mod leases;
pub(crate) mod parked;
pub(crate) mod proven;
pub(crate) mod returns;
pub(crate) mod runs;
pub(crate) mod sightings;

use std::sync::Arc;
use std::time::Duration;

use tbengine_store::Store;

/// A store to try, with nothing in it, and what only its maker can do to it.
pub(crate) trait Subject {
    /// The store as a process of this host uses it.
    fn store_of(&self, pid: u32) -> Arc<dyn Store>;

    /// The store as the first process uses it.
    fn store(&self) -> Arc<dyn Store> {
        self.store_of(1)
    }

    /// Lets so much time pass, by the clock that leases count by.
    fn pass(&self, time: Duration);

    /// Makes the record of a lease unreadable.
    fn damage(&self, lease: &str);

    /// Adds a field to the record of a lease, as a later version may write it.
    fn write_later(&self, lease: &str);
}

/// Tries a store: `suite!(Memory::new())`, where the expression makes a new [`Subject`].
macro_rules! suite {
    ($subject:expr) => {
        suite! {
            $subject;
            runs:
                an_intent_goes_before_every_request_and_an_outcome_after
                a_large_plan_is_recorded_in_parts
                what_crashed_is_read_again_and_goes_on
                two_runs_never_work_on_one_resource
                who_lost_its_lease_does_nothing_more
                a_run_has_one_record_and_one_process
                a_new_plan_takes_the_place_of_a_run
                a_run_whose_place_is_not_taken_is_not_lost
                runs_are_found_by_the_beginning_of_their_ids
                what_is_long_over_is_forgotten
                nothing_is_intended_once_the_claims_are_lost
                what_is_not_in_the_plan_is_not_intended;
            parked:
                what_fails_in_run_after_run_is_parked;
            proven:
                what_was_proven_is_remembered_for_a_while;
            returns:
                what_is_deleted_again_is_counted_for_a_while;
            sightings:
                the_first_sight_is_remembered_while_it_is_seen;
            claims:
                a_lock_that_was_handed_over_is_the_lease
                renewing_lets_it_hold_for_its_full_time_again
                only_a_lease_by_time_can_be_renewed
                releasing_ends_its_time_at_once_and_for_good
                of_many_that_want_to_sweep_it_one_may
                looking_at_a_lease_does_not_keep_anyone_from_sweeping_it
                who_looks_at_a_lease_is_not_taken_for_its_holder
                a_lease_by_time_tells_how_long_it_holds
                another_process_sees_who_holds_it;
            leases:
                what_was_taken_is_found_as_it_was_written
                an_id_is_taken_once
                of_many_that_take_an_id_at_once_one_gets_it
                an_id_that_leads_elsewhere_is_none
                where_none_was_ever_taken_there_are_none
                what_was_seen_being_created_outlives_its_holder
                what_counts_as_made_under_it_can_be_changed
                a_lease_that_cannot_be_read_hides_no_other
                what_is_held_is_not_set_aside
                what_a_later_version_wrote_is_left_to_it;
        }
    };
    ($subject:expr; $($module:ident: $($trial:ident)*;)*) => {
        $(mod $module {
            $(#[tokio::test(start_paused = true)]
            async fn $trial() {
                crate::suite::$module::$trial(&$subject).await;
            })*
        })*
    };
}
