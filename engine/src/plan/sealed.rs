//! A plan with the digest of everything in it.

use std::io::{BufWriter, Write as _};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::{BlastRadius, Plan, PlanHeader, Refusal, Step};
use crate::digest::Digest;

/// A plan as it is written where it may be kept: with its digest, so that a change by hand or by accident
/// shows. It is not a signature: someone can still write another plan with its digest.
#[derive(Clone, Copy, Debug)]
pub struct Sealed<'a>(pub(super) &'a Plan);

impl Serialize for Sealed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Plan {
            header,
            steps,
            refusals,
            blast_radius,
            digest: _,
            following: _,
            changed: _,
        } = self.0;
        thread::scope(|scope| {
            // Takes about as long as the writing, so both go on at once.
            let digest = scope.spawn(|| digest(self.0));
            let fields = 4 + usize::from(blast_radius.is_some());
            let mut plan = serializer.serialize_struct("Plan", fields)?;
            plan.serialize_field("header", header)?;
            plan.serialize_field("steps", steps)?;
            plan.serialize_field("refusals", refusals)?;
            match blast_radius {
                Some(blast_radius) => plan.serialize_field("blast-radius", blast_radius)?,
                None => plan.skip_field("blast-radius")?,
            }
            let digest = digest.join().unwrap_or_else(|panic| resume_unwind(panic));
            plan.serialize_field("digest", &digest)?;
            plan.end()
        })
    }
}

/// The digest of everything in a plan but the digest it was read with.
pub(super) fn digest(plan: &Plan) -> String {
    #[derive(Serialize)]
    struct Content<'a>(
        &'a PlanHeader,
        &'a [Arc<Step>],
        &'a [Refusal],
        &'a Option<BlastRadius>,
    );
    let content = Content(
        &plan.header,
        &plan.steps,
        &plan.refusals,
        &plan.blast_radius,
    );
    let mut digest = Digest::default();
    // In large portions: JSON is written a few bytes at a time.
    let mut portion = BufWriter::with_capacity(64 << 10, &mut digest);
    // It has string keys and finite numbers only, so it can be written, and a digest takes all of it.
    serde_json::to_writer(&mut portion, &content).ok();
    portion.flush().ok();
    drop(portion);
    digest.hex()
}
