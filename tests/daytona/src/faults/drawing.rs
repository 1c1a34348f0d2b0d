//! What meets one request.

use std::time::Duration;

use crate::faults::plan::{Fault, FaultPlan, Pagination};

/// The plan, and how far it has come.
#[derive(Debug)]
pub(crate) struct Faults {
    plan: FaultPlan,
    random: fastrand::Rng,
    since: Duration,
    /// How many requests each line of the script has seen.
    seen: Vec<u64>,
}

/// What meets one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draw {
    pub(crate) latency: Duration,
    pub(crate) fault: Option<Fault>,
}

impl Faults {
    pub(crate) fn new(plan: FaultPlan, since: Duration) -> Self {
        Self {
            random: fastrand::Rng::with_seed(plan.seed),
            seen: vec![0; plan.script.len()],
            plan,
            since,
        }
    }

    pub(crate) fn plan(&self) -> &FaultPlan {
        &self.plan
    }

    pub(crate) fn draw(&mut self, method: &str, path: &str, elapsed: Duration) -> Draw {
        let mut latency = self.plan.latency_ms;
        if self.plan.jitter_ms > 0 {
            latency += self.random.u64(..=self.plan.jitter_ms);
        }
        let scripted = self.scripted(method, path);
        // One roll for each request, whatever meets it, so that one fault does not move the others.
        let rolled = self.rolled();
        let fault = if self.is_out(elapsed) {
            Some(Fault::LostRequest)
        } else {
            scripted.or(rolled)
        };
        Draw {
            latency: Duration::from_millis(latency),
            fault,
        }
    }

    /// What goes wrong with one page.
    pub(crate) fn draw_page(&mut self) -> PageFaults {
        let Pagination {
            repeat_cursor,
            repeat_items,
            missing_item,
        } = self.plan.pagination;
        let mut happens = |probability| probability > 0.0 && self.random.f64() < probability;
        PageFaults {
            repeat_cursor: happens(repeat_cursor),
            repeat_items: happens(repeat_items),
            missing_item: happens(missing_item),
        }
    }

    fn is_out(&self, elapsed: Duration) -> bool {
        let now = elapsed.saturating_sub(self.since).as_millis();
        self.plan
            .outages
            .iter()
            .any(|outage| (u128::from(outage.from_ms)..u128::from(outage.to_ms)).contains(&now))
    }

    fn scripted(&mut self, method: &str, path: &str) -> Option<Fault> {
        let mut fault = None;
        for (line, seen) in self.plan.script.iter().zip(&mut self.seen) {
            let matches = (line.method.is_empty() || line.method == method)
                && path.contains(line.path.as_str());
            if !matches {
                continue;
            }
            let due = *seen >= line.after && *seen - line.after < line.times;
            *seen += 1;
            if due && fault.is_none() {
                fault = Some(line.fault);
            }
        }
        fault
    }

    fn rolled(&mut self) -> Option<Fault> {
        if self.plan.rates.is_empty() {
            return None;
        }
        let mut roll = self.random.f64();
        for rate in &self.plan.rates {
            if roll < rate.probability {
                return Some(rate.fault);
            }
            roll -= rate.probability;
        }
        None
    }
}

/// What goes wrong with one page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageFaults {
    pub(crate) repeat_cursor: bool,
    pub(crate) repeat_items: bool,
    pub(crate) missing_item: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::plan::{Outage, Rate, Scripted};

    fn draws(plan: FaultPlan, count: usize) -> Vec<Option<Fault>> {
        let mut faults = Faults::new(plan, Duration::ZERO);
        (0..count)
            .map(|_| {
                faults
                    .draw("DELETE", "/api/sandbox/x", Duration::ZERO)
                    .fault
            })
            .collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_faults_at_about_the_rate() {
        let plan = FaultPlan {
            seed: 5,
            rates: vec![
                Rate {
                    fault: Fault::LostReply,
                    probability: 0.1,
                },
                Rate {
                    fault: Fault::Gateway,
                    probability: 0.2,
                },
            ],
            ..FaultPlan::default()
        };
        let drawn = draws(plan.clone(), 10_000);
        assert_eq!(drawn, draws(plan, 10_000));
        let count = |fault| drawn.iter().filter(|one| **one == Some(fault)).count();
        assert!((900..1_100).contains(&count(Fault::LostReply)));
        assert!((1_850..2_150).contains(&count(Fault::Gateway)));
    }

    #[test]
    fn a_script_meets_the_requests_it_names() {
        let mut line = Scripted::next("DELETE", "/sandbox/x", Fault::Status(500));
        line.after = 1;
        line.times = 2;
        let plan = FaultPlan {
            script: vec![line, Scripted::next("GET", "", Fault::Gateway)],
            ..FaultPlan::default()
        };
        let met = Some(Fault::Status(500));
        assert_eq!(draws(plan, 4), [None, met, met, None]);
    }

    #[test]
    fn an_outage_begins_and_ends() {
        let plan = FaultPlan {
            outages: vec![Outage {
                from_ms: 100,
                to_ms: 200,
            }],
            ..FaultPlan::default()
        };
        let mut faults = Faults::new(plan, Duration::from_secs(1));
        let mut at = |ms| faults.draw("GET", "/", Duration::from_millis(ms)).fault;
        assert_eq!(at(1_099), None);
        assert_eq!(at(1_100), Some(Fault::LostRequest));
        assert_eq!(at(1_199), Some(Fault::LostRequest));
        assert_eq!(at(1_200), None);
    }
}
