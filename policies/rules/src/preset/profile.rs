//! What tells one benchmark's policy from another.

use tbengine_policy::types::Resource;

/// The label in which docker compose names the service of a container.
pub(crate) const SERVICE: &str = "com.docker.compose.service";

/// How one benchmark names and runs what it makes.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// What the policy is called on the command line; the backends recognise the benchmark by it as well.
    pub name: &'static str,
    /// One sentence for `policy list`.
    pub summary: &'static str,
    /// The container in which the agent works; without it a trial is finished.
    pub main: Main,
    /// Whether it runs in cloud sandboxes too.
    pub in_clouds: bool,
    /// Whether the names of its units end in the time at which their run began.
    pub dated: bool,
    /// What its images are called, for the description of the parameter.
    pub images: &'static str,
}

/// How the main container of a unit is distinguished from its siblings.
#[derive(Clone, Copy, Debug)]
pub enum Main {
    /// By its compose service.
    Service(&'static str),
    /// It is called as its unit is.
    NamedLikeUnit,
}

impl Main {
    /// Whether a container of this unit is the main one.
    pub(crate) fn is(self, one: &Resource) -> bool {
        match self {
            Main::Service(name) => one.label(SERVICE) == Some(name),
            Main::NamedLikeUnit => one.unit.as_deref() == Some(&*one.name),
        }
    }
}

/// What Harbor 0.25 left behind.
pub const HARBOR: Preset = Preset {
    name: "harbor",
    summary: "For shared machines and accounts: deletes what ended or doubled trials of Harbor left, and nothing else.",
    main: Main::Service("main"),
    in_clouds: true,
    dated: false,
    images: "`hb__<task>`",
};

/// What Terminal-Bench 0.2 left behind.
pub const TERMINAL_BENCH: Preset = Preset {
    name: "terminal-bench",
    summary: "For shared machines: deletes what ended trials of Terminal-Bench left, and nothing else.",
    main: Main::NamedLikeUnit,
    in_clouds: false,
    dated: true,
    images: "`tb__<task>__client`",
};
