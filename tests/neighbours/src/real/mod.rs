//! Plays stories on a real dockerd, with the program as the operator.
//!
//! ```text
//!   a story ──▶ machine ─────────────── docker API ───────────────▶ dockerd
//!                  │                                                  ▲  │
//!                ledger           tbengine ──▶ proxy (faults, log) ───┘  │ what is there
//!                  │                 │ report        │ requests          │
//!                  └──────▶ judge ◀──┴───────────────┴───────────────────┘
//! ```
//!
//! Harnesses, developers and the others create, end and remove real containers, networks, volumes and images; their labels
//! and names are those of the simulated provider, since [`machine`](crate::machine) writes them for both. tbengine runs as
//! users run it, and reaches the daemon through a [proxy], which notes what is asked for and lets requests fail. After each
//! run [judge] compares what is there with the ledger: what is missing has to have been asked for by tbengine, and to
//! be entitled at that moment; its report has to name it; volumes hold what their owner wrote, and images have their names.
//! A run during which nothing else happened and nothing failed has to end well.
//!
//! A second user runs the program with a state directory of their own. Clocks are set by libfaketime, for tbengine and not for
//! the daemon. What is damaged has lost its layer on the disk, and what hangs is never answered by the proxy. Images with
//! a name are built by BuildKit, whose images are as old as their last layer. A run that was killed is resumed every second
//! time.
//!
//! What a daemon cannot be made to do is skipped, and counted as `skipped`; what it refuses to a user, such as the removal
//! of a volume that is in use, as `refused by docker`.
//!
//! # Time
//!
//! Real time cannot jump, so it is compressed: an hour of the story takes [`Options::hour`]. The ages that tbengine is
//! given (`--min-age`, the parameters of policies) are compressed alike, and the ledger counts in hours of the story by
//! a [clock] of real time.
//!
//! ```text
//!   story   0 h           30 h              34 h 30 min
//!           up            up                run (ended: 1 h, running: 4 h)
//!           └── 30 h ─────┴── 4 h 30 min ───┘
//!   real    0 s     4.3 s             8.7 s
//!           up ──── up ────────────── run --set running-older-than=4s
//!           └─ 4 s ─┴─ 4 s ───────────┘
//!            the first is to be older than 4 h at the run: more than that is not waited for
//! ```
//!
//! Between two events it waits until each thing will be older than the bounds of the next run that it is older than in
//! the story: never longer than the story does, and at most [`Options::patience`]. What is made later stays young.
//! What takes longer on a real daemon than in the story makes things older than there, so a story is not the same on both.
//! The ledger goes by what really happened. A minimum age of less than an hour is one of an hour, since a minute of a story
//! is shorter than a request.
//!
//! Two things cannot be known exactly: whether an act came before or after what tbengine read while both were
//! under way, and ages below the resolution of the daemon, which shows a second of times of volumes and images. In
//! favour of tbengine any order is assumed, and so much more age; how often that decided is counted as `tolerated`.
//!
//! The modules, in the order data flows:
//!
//! - [`clock`]: the time of a story
//! - [`api`]: requests to the daemon
//! - [`faults`]: what goes wrong between tbengine and the daemon
//! - [`proxy`]: what stands between them
//! - [`program`]: the program as an operator runs it
//! - [`guarded`]: a job under a guard
//! - [`command`]: `docker build`, as they call it
//! - [`compose`]: `docker compose up`, as harnesses call it
//! - [`docker`]: the daemon as the provider of a story
//! - [`truth`]: what is there
//! - [`history`]: the ledger at each moment
//! - [`run`]: a run of the program
//! - [`judge`]: what tbengine did, compared with the ledger
//! - [`drive`]: plays stories
//! - [`laboratory`]: a daemon on which stories are played

pub mod api;
pub mod clock;
pub mod command;
pub mod compose;
pub mod docker;
pub mod drive;
pub mod faults;
pub mod guarded;
pub mod history;
pub mod judge;
pub mod laboratory;
pub mod program;
pub mod proxy;
pub mod run;
pub mod truth;

pub use drive::Options;
pub use laboratory::Laboratory;
