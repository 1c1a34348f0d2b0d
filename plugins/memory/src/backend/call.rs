//! A call on its way to the provider and back, through everything that may go wrong.

use std::time::Duration;

use tbengine_sdk::{Error, Identity, Kind, Result, State};
use tokio::time::Instant;

use crate::faults::{self, Fault, Operation};
use crate::oracle::Request;
use crate::provider::{Act, Provider, in_progress};

use super::{Memory, Shared};

/// A call on its way: where it is recorded, and what will go wrong.
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) kind: Option<Kind>,
    pub(super) target: Option<&'a Identity>,
    pub(super) force: bool,
}

impl<'a> Call<'a> {
    pub(super) fn on(operation: Operation, target: &'a Identity, force: bool) -> Self {
        Self {
            operation,
            kind: Some(target.kind),
            target: Some(target),
            force,
        }
    }
}

impl Memory {
    /// Takes a call to the provider and back, through everything that may go wrong.
    pub(super) async fn call<T>(
        &self,
        call: Call<'_>,
        effect: impl FnOnce(&mut Provider) -> Result<T> + Send,
    ) -> Result<T> {
        let (number, faults, latency) = self.locked(|shared| {
            let faults = shared.meet(&call);
            (
                shared.record(&call, !faults.is_empty()),
                faults,
                shared.latency,
            )
        });
        travel(latency / 2).await;
        if call.operation == Operation::Delete
            && let Some((workers, each)) = self.locked(|shared| shared.workers.clone())
        {
            let _one = workers.acquire().await;
            travel(each).await;
        }
        let answer = self.serve(&call, number, faults, effect).await;
        travel(latency / 2).await;
        self.locked(|shared| {
            if let Some(request) = number.and_then(|at| shared.provider.record.requests.get_mut(at))
            {
                request.answer = Some(answer.as_ref().map(|_| ()).map_err(|error| error.kind));
            }
        });
        answer
    }

    async fn serve<T>(
        &self,
        call: &Call<'_>,
        number: Option<usize>,
        faults: Vec<Fault>,
        effect: impl FnOnce(&mut Provider) -> Result<T> + Send,
    ) -> Result<T> {
        if let Some(refusal) = self.locked(Shared::refusal) {
            return Err(refusal);
        }
        let mut effect = Some(effect);
        let mut pretends = false;
        for fault in faults {
            match fault {
                Fault::Answer(error) => return Err(error),
                Fault::RequestLost => return Err(faults::connection_lost()),
                Fault::ReplyLost => {
                    // The caller never learns what it was.
                    if let Some(effect) = effect.take() {
                        drop(self.take_effect(number, pretends, effect));
                    }
                    return Err(faults::connection_lost());
                }
                Fault::InProgressThenGone(wait) => {
                    if let Some(target) = call.target {
                        self.provider(|provider| {
                            provider.act(Act::SetState(target.clone(), State::Removing));
                            provider.act_in(wait, Act::Delete(target.clone()));
                        });
                    }
                    return Err(in_progress());
                }
                Fault::Hang(wait) => travel(wait).await,
                Fault::LateEffect(wait) => {
                    if let (Operation::Delete, Some(target)) = (call.operation, call.target) {
                        self.provider(|provider| {
                            provider.delete_in(wait, target.clone(), call.force);
                        });
                    }
                    travel(NEVER).await;
                }
                Fault::ConfirmedWithoutEffect => pretends = true,
                Fault::Panic => panic!("a scripted panic in the memory backend"),
                Fault::Meanwhile(act) => self.act(act),
            }
        }
        match effect {
            Some(effect) => self.take_effect(number, pretends, effect),
            None => Err(faults::connection_lost()),
        }
    }

    fn take_effect<T>(
        &self,
        number: Option<usize>,
        pretends: bool,
        effect: impl FnOnce(&mut Provider) -> Result<T>,
    ) -> Result<T> {
        self.locked(|shared| {
            let served = shared.provider.since_opened();
            if let Some(request) = number.and_then(|at| shared.provider.record.requests.get_mut(at))
            {
                request.served = Some(served);
            }
            shared.provider.pretends = pretends;
            let answer = effect(&mut shared.provider);
            shared.provider.pretends = false;
            answer
        })
    }
}

/// Longer than anybody waits.
const NEVER: Duration = Duration::from_secs(86_400);

async fn travel(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

impl Shared {
    /// Records a call and answers where.
    fn record(&mut self, call: &Call<'_>, met_fault: bool) -> Option<usize> {
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
    fn meet(&mut self, call: &Call<'_>) -> Vec<Fault> {
        let native = call.target.map(|target| target.native.as_str());
        let mut faults: Vec<_> = self
            .scripts
            .iter_mut()
            .filter_map(|script| script.meet(call.operation, call.kind, native))
            .collect();
        faults.extend(self.rates.draw(call.operation, &mut self.random));
        if let Some((chaos, random)) = &mut self.chaos {
            faults.extend(chaos.draw(call.operation, random));
        }
        faults
    }

    /// Whether the provider takes no request now.
    fn refusal(&mut self) -> Option<Error> {
        let since_opened = self.provider.since_opened();
        if self.outages.iter().any(|span| span.contains(&since_opened)) {
            return Some(faults::nobody_listens());
        }
        self.limit.as_mut()?.take(Instant::now()).err()
    }
}
