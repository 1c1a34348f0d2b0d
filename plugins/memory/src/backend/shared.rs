//! What the clones of one backend share.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tbengine_sdk::{Error, Page};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::call::Call;
use super::script::Scripted;
use crate::chaos::MISSED_IN_LIST;
use crate::chaos::{Chaos, RateLimit};
use crate::faults::{self, Fault, FaultRates};
use crate::provider::Provider;
use crate::record::{Met, REFUSALS, Request};

/// What the clones of one [`Memory`](super::Memory) share: the provider, and what goes wrong on the way to it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) provider: Provider,
    pub(super) latency: Duration,
    pub(super) server: Option<Arc<str>>,
    pub(super) scripts: Vec<Scripted>,
    pub(super) rates: FaultRates,
    pub(super) random: fastrand::Rng,
    pub(super) outages: Vec<Range<Duration>>,
    pub(super) chaos: Option<(Chaos, fastrand::Rng)>,
    pub(super) limit: Option<RateLimit>,
    pub(super) workers: Option<(Arc<Semaphore>, Duration)>,
}

impl Shared {
    /// Leaves out of a listing what it misses.
    pub(super) fn miss(&mut self, page: &mut Page) {
        if let Some((chaos, random)) = &mut self.chaos
            && chaos.missed_in_list > 0.0
        {
            let before = page.resources.len();
            page.resources
                .retain(|_| random.f64() >= chaos.missed_in_list);
            if page.resources.len() < before {
                self.provider.record.meet(Met::Chaos, MISSED_IN_LIST);
            }
        }
    }

    /// Records a call and answers where.
    pub(super) fn record(&mut self, call: &Call<'_>, met_fault: bool) -> Option<usize> {
        let since_opened = self.provider.since_opened();
        let record = &mut self.provider.record;
        record.on.then(|| {
            record.requests.push(Request {
                at: Instant::now(),
                since_opened,
                operation: call.operation,
                kind: call.kind,
                target: call.target.cloned(),
                force: call.force,
                met_fault,
                served: None,
                answer: None,
            });
            record.requests.len() - 1
        })
    }

    /// What will go wrong with a call: first what was scripted, then what chance brings.
    pub(super) fn meet(&mut self, call: &Call<'_>) -> Vec<Fault> {
        let native = call.target.map(|target| target.native.as_str());
        let mut faults: Vec<_> = self
            .scripts
            .iter_mut()
            .filter_map(|script| script.meet(call.operation, call.kind, native))
            .collect();
        for fault in &faults {
            self.provider.record.meet(Met::Fault, fault.word());
        }
        faults.extend(self.rates.draw(call.operation, &mut self.random));
        if let Some((chaos, random)) = &mut self.chaos
            && let Some((name, fault)) = chaos.draw(call.operation, random)
        {
            self.provider.record.meet(Met::Chaos, name);
            faults.push(fault);
        }
        faults
    }

    /// Whether the provider takes no request now.
    pub(super) fn refusal(&mut self) -> Option<Error> {
        let since_opened = self.provider.since_opened();
        if self.outages.iter().any(|span| span.contains(&since_opened)) {
            self.provider.record.meet(Met::Refusal, REFUSALS[0]);
            return Some(faults::nobody_listens());
        }
        let refusal = self.limit.as_mut()?.take(Instant::now()).err()?;
        self.provider.record.meet(Met::Refusal, REFUSALS[1]);
        Some(refusal)
    }
}
