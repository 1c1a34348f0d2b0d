//! A policy with its parameters.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tbengine_sdk::Timestamp;

use super::answer::Answer;
use super::batch::batches;
use super::call::{Call, Instance};
use super::candidate::Candidate;
use super::compiled::Compiled;
use super::context::PolicyContext;
use super::convert::Asked;
use super::description::Judging;
use super::failure::{Failure, RetryAdvice};
use super::fault::Fault;
use super::guest::Guest;
use super::interest::Interest;
use super::interface::{Policy, PolicySource};
use super::limits::Limits;
use super::log_line::LogLine;
use super::params::{ConfigError, check};
use super::proposal::Proposal;
use super::spent::{Peak, Spent};
use super::state::State;
use super::veto::Review;
use super::wasi::Seed;

/// A policy that can evaluate. Cheap to clone, and callable from many threads at once.
#[derive(Clone)]
pub struct ConfiguredPolicy(Arc<Configured>);

struct Configured {
    compiled: Arc<Compiled>,
    source: PolicySource,
    /// Parameters as the guest gets them.
    params: Vec<(String, String)>,
    interest: Interest,
    seed: Seed,
    limits: Limits,
    decided: Peak,
    advised: Peak,
}

impl fmt::Debug for ConfiguredPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfiguredPolicy")
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl ConfiguredPolicy {
    pub(super) fn new(
        compiled: Arc<Compiled>,
        given: &BTreeMap<String, String>,
        limits: Limits,
    ) -> Result<Self, ConfigError> {
        let description = &compiled.description;
        let checked = check(description, given)?;
        let seed = Seed::of(&compiled.digest, &checked.normal);
        let call = Call {
            pre: &compiled.pre,
            policy: &description.name,
            function: "configure",
            limits: &limits,
            timeout: limits.describe_timeout,
            fuel: limits.fuel,
            output: limits.output,
            now: Timestamp::from_unix_ms(0),
            seed,
            peak: None,
        };
        // Its complaints are an answer here, and not a fault.
        let (said, _log) = call
            .run(|Instance { guest, store }| {
                guest.configure(store, &borrow(&checked.normal)).map(Ok)
            })
            .map_err(|fault| ConfigError::Fault(Box::new(fault)))?;
        let interest = said.map_err(|complaints| ConfigError::Refused {
            policy: description.name.clone(),
            complaints,
        })?;
        let source = PolicySource {
            name: description.name.clone(),
            version: description.version.clone(),
            digest: compiled.digest.clone(),
            params: checked.written,
        };
        Ok(Self(Arc::new(Configured {
            source,
            params: checked.normal,
            interest,
            seed,
            limits,
            compiled,
            decided: Peak::default(),
            advised: Peak::default(),
        })))
    }
}

impl ConfiguredPolicy {
    /// The same policy, which is sent all labels and attributes whatever it asks for.
    #[must_use]
    pub fn sent_everything(&self) -> Self {
        let Configured {
            compiled,
            source,
            params,
            interest,
            seed,
            limits,
            ..
        } = &*self.0;
        Self(Arc::new(Configured {
            interest: Interest {
                wants: interest.wants,
                ..Interest::everything()
            },
            compiled: compiled.clone(),
            source: source.clone(),
            params: params.clone(),
            seed: *seed,
            limits: limits.clone(),
            decided: Peak::default(),
            advised: Peak::default(),
        }))
    }

    /// The most that a call of `decide` took so far.
    pub fn spent_to_decide(&self) -> Spent {
        self.0.decided.get()
    }

    /// The most that a call of `retry` took so far.
    pub fn spent_to_advise(&self) -> Spent {
        self.0.advised.get()
    }
}

impl ConfiguredPolicy {
    /// What a veto takes away of these proposals: ids with reasons.
    pub(super) fn review(
        &self,
        context: &PolicyContext,
        candidates: &[Candidate<'_>],
        review: &Review<'_>,
    ) -> Result<Vec<(String, String)>, Fault> {
        let (limits, count) = (&self.0.limits, candidates.len());
        let (fuel, output) = (limits.decide_fuel(count), limits.decide_output(count));
        let asked = Asked {
            context,
            candidates,
            batch: 0..count,
            interest: &self.0.interest,
        };
        let call = self
            .0
            .call("review", context, limits.decide_timeout, fuel, output);
        let reviewed = call.run(|instance| {
            self.0
                .configured(instance, |guest, store| guest.review(store, &asked, review))
        });
        reviewed.map(|(vetoed, _log)| vetoed)
    }
}

impl Policy for ConfiguredPolicy {
    fn source(&self) -> &PolicySource {
        &self.0.source
    }

    fn interest(&self) -> Interest {
        self.0.interest.clone()
    }

    fn judging(&self) -> Judging {
        self.0.compiled.description.judging
    }

    fn decide(
        &self,
        context: &PolicyContext,
        candidates: &[Candidate<'_>],
    ) -> Result<Answer, Fault> {
        let batches = batches(candidates, self.0.compiled.description.judging);
        let threads = self.0.compiled.threads.min(batches.len());
        let answers: Vec<OnceLock<_>> = batches.iter().map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((batch, slot)) = take(&next, &batches, &answers) {
                let asked = Asked {
                    context,
                    candidates,
                    batch: batch.clone(),
                    interest: &self.0.interest,
                };
                let answer = self.0.decide(&asked);
                let failed = answer.is_err();
                // Each slot is taken once.
                slot.get_or_init(|| answer);
                if failed {
                    // The answer is void as a whole: start nothing more.
                    next.store(batches.len(), Ordering::Relaxed);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });

        let mut whole = Answer {
            proposals: Vec::with_capacity(candidates.len()),
            log: Vec::new(),
        };
        // The first fault by the order of the batches, whichever thread met one first. Those before
        // it are complete: batches are started in their order.
        for answer in answers.into_iter().map_while(OnceLock::into_inner) {
            let (proposals, log) = answer?;
            whole.proposals.extend(proposals);
            whole.log.extend(log);
        }
        // Each batch has its own note of what was dropped; together they are bounded as well.
        let bound = self.0.limits.log_lines.saturating_add(2);
        if batches.len() > 1 && whole.log.len() > bound {
            let dropped = whole.log.len() - bound;
            whole.log.truncate(bound);
            whole.log.push(LogLine::dropped(dropped as u64));
        }
        Ok(whole)
    }

    fn retry(&self, context: &PolicyContext, failure: &Failure) -> Result<RetryAdvice, Fault> {
        let limits = &self.0.limits;
        let call = self.0.call(
            "retry",
            context,
            limits.retry_timeout,
            limits.retry_fuel,
            limits.output,
        );
        let asked = Asked {
            context,
            candidates: &[],
            batch: 0..0,
            interest: &self.0.interest,
        };
        let (advice, _log) = call.run(|instance| {
            self.0
                .configured(instance, |guest, store| guest.retry(store, &asked, failure))
        })?;
        Ok(advice)
    }
}

fn take<'a, B, S>(next: &AtomicUsize, batches: &'a [B], slots: &'a [S]) -> Option<(&'a B, &'a S)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((batches.get(index)?, slots.get(index)?))
}

impl Configured {
    fn decide(&self, asked: &Asked<'_>) -> Result<(Vec<Proposal>, Vec<LogLine>), Fault> {
        let (limits, count) = (&self.limits, asked.batch.len());
        let (fuel, output) = (limits.decide_fuel(count), limits.decide_output(count));
        let timeout = limits.decide_timeout;
        let call = self.call("decide", asked.context, timeout, fuel, output);
        call.run(|instance| self.configured(instance, |guest, store| guest.decide(store, asked)))
    }

    fn call<'a>(
        &'a self,
        function: &'static str,
        context: &'a PolicyContext,
        timeout: Duration,
        fuel: u64,
        output: u64,
    ) -> Call<'a> {
        Call {
            pre: &self.compiled.pre,
            policy: &self.source.name,
            function,
            limits: &self.limits,
            timeout,
            fuel,
            output,
            now: context.now,
            seed: self.seed,
            peak: match function {
                "decide" => Some(&self.decided),
                "retry" => Some(&self.advised),
                _ => None,
            },
        }
    }

    /// Configures a fresh instance, and calls it.
    fn configured<T>(
        &self,
        instance: Instance<'_>,
        body: impl FnOnce(&Guest, &mut wasmtime::Store<State>) -> wasmtime::Result<Result<T, String>>,
    ) -> wasmtime::Result<Result<T, String>> {
        let Instance { guest, store } = instance;
        if let Err(complaints) = guest.configure(&mut *store, &borrow(&self.params))? {
            let complaints: Vec<String> = complaints
                .into_iter()
                .map(|(param, message)| format!("{param}: {message}"))
                .collect();
            return Ok(Err(format!(
                "rejected parameters that it accepted before: {}",
                complaints.join("; ")
            )));
        }
        body(guest, store)
    }
}

fn borrow(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}
