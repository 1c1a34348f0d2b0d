//! A story from a seed.

use crate::act::{
    Act, Benchmark, Ci, Database, Developer, Harness, Impostor, Job, Nature, Operator, PolicyName,
};
use crate::story::{Event, Story};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The actors that a seed may leave out.
const ACTORS: [fn(&mut Maker) -> Act; 7] = [
    Maker::harness,
    Maker::developer,
    Maker::database,
    Maker::ci,
    Maker::impostor,
    Maker::job,
    Maker::nature,
];

/// The story of a seed. Each seed leaves out a random half of the actors, so that what one of them hides is seen where it is
/// missing.
pub fn from_seed(seed: u64) -> Story {
    let mut random = fastrand::Rng::with_seed(seed);
    let actors: Vec<_> = ACTORS.into_iter().filter(|_| random.bool()).collect();
    let count = match random.u8(0..10) {
        0 => random.usize(20..80),
        _ => random.usize(3..20),
    };
    let mut maker = Maker {
        random,
        trials: 0,
        at: 0,
    };
    let mut story = Story::default();
    for _ in 0..count {
        let act = match maker.random.u8(0..5) {
            0 => maker.operator(),
            1..3 => maker.harness(),
            _ if actors.is_empty() => maker.harness(),
            _ => actors[maker.random.usize(0..actors.len())](&mut maker),
        };
        let waits = match &act {
            Act::Operator(Operator::Run { saved, .. }) => Some(saved.unwrap_or_default()),
            _ => None,
        };
        story.events.push(Event { at: maker.at, act });
        maker.at += maker.pause(waits);
    }
    story
}

/// What is drawn from.
struct Maker {
    random: fastrand::Rng,
    /// How many trials there were.
    trials: u32,
    /// The time.
    at: u64,
}

impl Maker {
    /// How long until the next thing happens: often while a run is under way or its plan waits, else seconds to a day.
    fn pause(&mut self, plan_waits: Option<u64>) -> u64 {
        let random = &mut self.random;
        match (random.u8(0..8), plan_waits) {
            (0..2, Some(waits)) => return random.u64(0..waits + SECOND),
            (2..6, Some(waits)) => return waits + random.u64(0..3 * SECOND),
            _ => {}
        }
        match random.u8(0..8) {
            0..2 => random.u64(0..10 * SECOND),
            2..4 => random.u64(0..10 * MINUTE),
            4..6 => random.u64(0..3 * HOUR),
            _ => random.u64(0..30 * HOUR),
        }
    }

    fn number(&mut self) -> u32 {
        self.random.u32(0..4)
    }

    fn name(&mut self) -> String {
        ["red", "green", "blue"][self.random.usize(0..3)].to_owned()
    }

    /// One of the trials that there were.
    fn trial(&mut self) -> u32 {
        self.random.u32(0..self.trials.max(1))
    }

    fn benchmark(&mut self) -> Benchmark {
        let all = [
            Benchmark::Harbor,
            Benchmark::Harbor,
            Benchmark::TerminalBench,
            Benchmark::Inspect,
        ];
        all[self.random.usize(0..all.len())]
    }

    fn harness(&mut self) -> Act {
        let trial = self.trial();
        Act::Harness(match self.random.u8(0..12) {
            0..6 => {
                self.trials += 1;
                Harness::Up {
                    benchmark: self.benchmark(),
                    trial: self.trials - 1,
                    service: self.random.bool(),
                }
            }
            6 => Harness::Ends { trial },
            7 => Harness::Restarts { trial },
            8 => Harness::Down { trial },
            _ => Harness::Dies {
                trials: (0..self.trials).filter(|_| self.random.bool()).collect(),
                ended: self.random.bool(),
            },
        })
    }

    fn developer(&mut self) -> Act {
        let (name, runs) = (self.name(), self.random.bool());
        let (number, trial) = (self.number(), self.trial());
        // A project that is nearly named like a trial of Harbor, and one that is.
        let projects = ["shop", "myapp__staging__env", "notes__abcdefg__env"];
        let project = projects[self.random.usize(0..projects.len())].to_owned();
        Act::Developer(match self.random.u8(0..10) {
            0 => Developer::Up { project },
            1 => Developer::Stop { project },
            2 => Developer::Start { project },
            3 => Developer::Run { name, runs },
            4 => Developer::Again { name },
            5 => Developer::Cluster { name, runs },
            6 => Developer::LooksInto { trial },
            7 => Developer::Volume { name },
            8 => Developer::Build { number },
            _ => Developer::Tag { number },
        })
    }

    fn database(&mut self) -> Act {
        let name = self.name();
        Act::Database(match self.random.u8(0..5) {
            0..2 => Database::Up { name },
            2 => Database::Stop { name },
            3 => Database::Start { name },
            _ => Database::Remove { name },
        })
    }

    fn ci(&mut self) -> Act {
        let (number, runs) = (self.number(), self.random.bool());
        Act::Ci(match self.random.u8(0..3) {
            0 => Ci::Session { number, runs },
            1 => Ci::Pull { number },
            _ => Ci::Service { number },
        })
    }

    fn impostor(&mut self) -> Act {
        let (number, trial, benchmark) = (self.number(), self.trial(), self.benchmark());
        Act::Impostor(match self.random.u8(0..6) {
            0 => Impostor::Project { number, benchmark },
            1 => Impostor::Borrows { trial },
            2 => Impostor::NamedLike { trial },
            3 => Impostor::Replaces { trial },
            4 => Impostor::TakesVolume { trial },
            _ => Impostor::Protects { number },
        })
    }

    fn job(&mut self) -> Act {
        let (job, container, runs) = (self.number(), self.number(), self.random.bool());
        Act::Job(match self.random.u8(0..6) {
            0..2 => Job::Begins { job },
            2..5 => Job::Runs {
                job,
                container,
                runs,
            },
            _ => Job::Expires { job },
        })
    }

    fn nature(&mut self) -> Act {
        let trial = self.trial();
        let random = &mut self.random;
        let kinds = ["container", "network", "volume", "image"];
        Act::Nature(match random.u8(0..13) {
            0 => Nature::Chaos {
                seed: random.u64(..),
                percent: random.u8(1..40),
            },
            1 => Nature::Slow {
                latency: random.u64(1..500),
            },
            2 => Nature::Outage {
                lasts: random.u64(0..2 * MINUTE),
            },
            3 => Nature::ListingFails {
                kind: kinds[random.usize(0..kinds.len())].to_owned(),
                times: random.u32(1..4),
            },
            4 => Nature::Odd { trial },
            5 => Nature::Damages { trial },
            6 => Nature::Hangs { trial },
            7 => Nature::Crowded {
                per_second: random.u32(1..30),
            },
            8 => Nature::Lingers {
                takes: random.u64(0..3 * MINUTE),
            },
            9 | 10 => {
                let most = [2 * MINUTE, 2 * HOUR, 40 * HOUR][random.usize(0..3)] as i64;
                Nature::Clock {
                    ahead: random.i64(-most..most),
                }
            }
            _ => Nature::Heals,
        })
    }

    fn operator(&mut self) -> Act {
        let random = &mut self.random;
        let policies = [
            PolicyName::Default,
            PolicyName::Aggressive,
            PolicyName::Aggressive,
            PolicyName::Harbor,
            PolicyName::TerminalBench,
        ];
        let policy = policies[random.usize(0..policies.len())];
        let min_age = [0, 60, 60, 3600][random.usize(0..4)];
        Act::Operator(match random.u8(0..12) {
            0 => Operator::Killed,
            1..3 => Operator::Another { policy, min_age },
            _ => Operator::Run {
                policy,
                min_age,
                saved: (random.u8(0..3) == 0).then(|| random.u64(0..8 * HOUR)),
            },
        })
    }
}
