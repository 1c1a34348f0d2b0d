//! What the people and programs on a machine do.

use serde::{Deserialize, Serialize};

/// What the people and programs on a machine do. Each of them knows its own things only, by the names that it gave
/// them; what a name does not lead to any more is passed over, so that a story makes sense without any of its lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// A benchmark's harness.
    Harness(Harness),
    /// A developer at the same machine.
    Developer(Developer),
    /// The owner of a database.
    Database(Database),
    /// A job of CI.
    Ci(Ci),
    /// A user whose resources look like those of others.
    Impostor(Impostor),
    /// A job that holds a lease.
    Job(Job),
    /// A user of tbengine.
    Operator(Operator),
    /// The machine itself.
    Nature(Nature),
}

/// Which benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Benchmark {
    /// Harbor.
    Harbor,
    /// Terminal-Bench.
    TerminalBench,
    /// Inspect.
    Inspect,
}

/// What a harness does. A trial is named by a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Harness {
    /// Brings up a trial: a network, a volume, the main container and perhaps one for a service, from an image.
    Up {
        /// Whose trial.
        benchmark: Benchmark,
        /// Its number.
        trial: u32,
        /// Whether it has a service beside the main container.
        service: bool,
    },
    /// The main container ends by itself.
    Ends {
        /// The trial.
        trial: u32,
    },
    /// The main container is started again.
    Restarts {
        /// The trial.
        trial: u32,
    },
    /// Everything of a trial is removed, as it should be.
    Down {
        /// The trial.
        trial: u32,
    },
    /// The harness is killed: all that its trials have is abandoned.
    Dies {
        /// The trials that it had.
        trials: Vec<u32>,
        /// Whether their containers were ended before (Ctrl-C twice), or run on.
        ended: bool,
    },
}

/// What a developer does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Developer {
    /// `docker compose up`: a network, a volume, a container that runs and one that has ended.
    Up {
        /// The name of the project.
        project: String,
    },
    /// `docker compose stop`.
    Stop {
        /// The name of the project.
        project: String,
    },
    /// `docker compose start`.
    Start {
        /// The name of the project.
        project: String,
    },
    /// `docker run`.
    Run {
        /// The name of the container.
        name: String,
        /// Whether it runs on.
        runs: bool,
    },
    /// `docker start` of such a container.
    Again {
        /// The name of the container.
        name: String,
    },
    /// A cluster of kind, which stays for weeks whether it runs or not.
    Cluster {
        /// Its name.
        name: String,
        /// Whether it runs.
        runs: bool,
    },
    /// A look into the image of a trial: the container inherits the labels of the image.
    LooksInto {
        /// The trial.
        trial: u32,
    },
    /// `docker volume create`.
    Volume {
        /// Its name.
        name: String,
    },
    /// A build that leaves the image before without a name.
    Build {
        /// The number of the build.
        number: u32,
    },
    /// Gives an image without a name one again.
    Tag {
        /// The number of the build.
        number: u32,
    },
}

/// What the owner of a database does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Database {
    /// Starts it with `--restart always`, with its data in a volume.
    Up {
        /// Its name.
        name: String,
    },
    /// Stops it by hand.
    Stop {
        /// Its name.
        name: String,
    },
    /// Starts it again.
    Start {
        /// Its name.
        name: String,
    },
    /// Removes the container to make it anew later: the data stay.
    Remove {
        /// Its name.
        name: String,
    },
}

/// What a job of CI does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ci {
    /// A test session of Testcontainers.
    Session {
        /// Its number.
        number: u32,
        /// Whether its container runs.
        runs: bool,
    },
    /// Pulls an image for later.
    Pull {
        /// The number of the image.
        number: u32,
    },
    /// A task of a swarm service.
    Service {
        /// Its number.
        number: u32,
    },
}

/// What a user does whose resources look like those of others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Impostor {
    /// A project that is named as a benchmark's trial is.
    Project {
        /// A number to name it by.
        number: u32,
        /// As whose.
        benchmark: Benchmark,
    },
    /// A container that runs under the project of a trial.
    Borrows {
        /// The trial.
        trial: u32,
    },
    /// A container named like the id of a trial's main container.
    NamedLike {
        /// The trial.
        trial: u32,
    },
    /// The main container of a trial is removed, and another one made of its name.
    Replaces {
        /// The trial.
        trial: u32,
    },
    /// The volume of a trial is removed, and another one made of its name.
    TakesVolume {
        /// The trial.
        trial: u32,
    },
    /// A container that is protected by label.
    Protects {
        /// A number to name it by.
        number: u32,
    },
}

/// What a job under a lease does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Job {
    /// Acquires a lease on what carries its label.
    Begins {
        /// Its number.
        job: u32,
    },
    /// Runs a container under its label.
    Runs {
        /// Its number.
        job: u32,
        /// The number of the container.
        container: u32,
        /// Whether it runs on.
        runs: bool,
    },
    /// The lease has expired.
    Expires {
        /// Its number.
        job: u32,
    },
}

/// The policy that an operator names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyName {
    /// `default`
    Default,
    /// `aggressive`
    Aggressive,
    /// `harbor`
    Harbor,
    /// `terminal-bench`
    TerminalBench,
}

/// What a user of tbengine does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// `tbengine run`, or `plan --save` and `run --plan` a while later.
    Run {
        /// The policy.
        policy: PolicyName,
        /// `--min-age`, in seconds.
        min_age: u64,
        /// How long the plan lies between, in milliseconds; applied at once if it is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        saved: Option<u64>,
    },
    /// `tbengine run` by another user, with a state directory that knows neither the leases nor the runs of the first
    /// one, and perhaps at the same time.
    Another {
        /// The policy.
        policy: PolicyName,
        /// `--min-age`, in seconds.
        min_age: u64,
    },
    /// Their processes are killed, whatever they are doing.
    Killed,
}

/// What happens by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nature {
    /// Calls fail, answers are lost, requests are refused for a while: this often, of this seed.
    Chaos {
        /// What chance follows from.
        seed: u64,
        /// How bad it is, in percent.
        percent: u8,
    },
    /// Every call takes this long, in milliseconds.
    Slow {
        /// How long.
        latency: u64,
    },
    /// The provider gives no answer for a while, in milliseconds.
    Outage {
        /// How long.
        lasts: u64,
    },
    /// Listings of one kind fail so often.
    ListingFails {
        /// The kind.
        kind: String,
        /// How often.
        times: u32,
    },
    /// The state of a trial's main container becomes unknown.
    Odd {
        /// The trial.
        trial: u32,
    },
    /// A trial's main container can be read only in part.
    Damages {
        /// The trial.
        trial: u32,
    },
    /// Reads of a trial's main container are never answered.
    Hangs {
        /// The trial.
        trial: u32,
    },
    /// So many requests are answered in a second, and others are refused.
    Crowded {
        /// How many.
        per_second: u32,
    },
    /// A deletion goes on for so long after it was accepted, in milliseconds.
    Lingers {
        /// How long.
        takes: u64,
    },
    /// The clock of those who run tbengine is set apart from the provider's.
    Clock {
        /// By so many milliseconds, forwards or back.
        ahead: i64,
    },
    /// All is well again, and the clocks are right.
    Heals,
}

impl Act {
    /// The actor and what it does, in words that are counted.
    pub fn name(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        let mut words = Vec::new();
        let mut value = &value;
        while words.len() < 2 {
            match value {
                serde_json::Value::Object(map) => {
                    let Some((key, inner)) = map.iter().next() else {
                        break;
                    };
                    words.push(key.clone());
                    value = inner;
                }
                serde_json::Value::String(word) => {
                    words.push(word.clone());
                    break;
                }
                _ => break,
            }
        }
        words.join(" ")
    }
}
