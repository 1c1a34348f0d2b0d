//! What an operator is entitled to have removed.
//!
//! Written once, from what the documents promise of the built-in policies and the safeguards, and from nothing else: it knows
//! neither the rules about owners nor the code of a policy. A thing may always stay; what this does not allow must stay.

use crate::act::{Benchmark, PolicyName};
use crate::ledger::{Ledger, Life, Maker, Remover, Role, Thing};

/// What an operator said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// The policy.
    pub policy: PolicyName,
    /// `--min-age`, in milliseconds.
    pub min_age: u64,
    /// Who says so.
    pub user: User,
    /// Whether what was created under leases that have expired goes first, as with the program.
    pub sweeps: bool,
}

/// A user of tbengine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// The one whose state directory has the leases of the jobs.
    First,
    /// One with a state directory of its own.
    Another,
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// How old what a policy deletes has to be, in milliseconds: docs/policies.md and docs/policies-for-benchmarks.md.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// What has ended.
    pub ended: u64,
    /// What runs.
    pub running: u64,
    /// An image with a name.
    pub image: u64,
}

/// The bounds of a policy, with the default values of its parameters.
pub fn bounds(policy: PolicyName) -> Bounds {
    let (ended, running, image) = match policy {
        PolicyName::Default => (HOUR, 24 * HOUR, 24 * HOUR),
        PolicyName::Aggressive => (0, 4 * HOUR, 4 * HOUR),
        PolicyName::Harbor | PolicyName::TerminalBench => (10 * MINUTE, 12 * HOUR, u64::MAX),
    };
    Bounds {
        ended,
        running,
        image,
    }
}

/// Why the thing at an index has to stay, if it has to.
///
/// # Errors
/// In words.
pub fn entitled(
    ledger: &Ledger,
    index: usize,
    command: Command,
    now: u64,
) -> Result<(), &'static str> {
    let thing = &ledger.things[index];
    let bounds = bounds(command.policy);
    if thing.is_kept {
        return Err("its maker keeps it");
    }
    if let Maker::Job(lease) = thing.maker {
        if command.user == User::Another {
            return Err("its lease is another user's");
        }
        if ledger.is_live(lease) {
            return Err("its lease is live");
        }
        // Whatever its age: docs/leases.md.
        if command.sweeps {
            return Ok(());
        }
    }
    let age = now.saturating_sub(thing.born);
    if age < command.min_age {
        return Err("it is too young");
    }
    let only = match command.policy {
        PolicyName::Harbor => Some(Benchmark::Harbor),
        PolicyName::TerminalBench => Some(Benchmark::TerminalBench),
        PolicyName::Default | PolicyName::Aggressive => None,
    };
    if let Some(only) = only
        && thing.maker != Maker::Harness(only)
    {
        return Err("it is not of the policy's benchmark");
    }
    match thing.role {
        Role::Main | Role::Container => container(ledger, thing, command, now),
        Role::Network | Role::Volume | Role::Image | Role::Dangling if ledger.is_used(index) => {
            Err("it is in use")
        }
        Role::Network => {
            let of_project = command.policy == PolicyName::Aggressive && thing.group.is_some();
            let its = is_benchmarks(thing) || of_project;
            its.then_some(()).ok_or("a network that no benchmark made")
        }
        Role::Volume => is_benchmarks(thing)
            .then_some(())
            .ok_or("a volume that no benchmark made"),
        Role::Image if !is_benchmarks(thing) => Err("an image that no benchmark made"),
        Role::Image if age < bounds.image => Err("an image that is not old enough"),
        Role::Dangling if age < bounds.ended => Err("a dangling image that is not old enough"),
        Role::Image | Role::Dangling => Ok(()),
    }
}

fn container(
    ledger: &Ledger,
    thing: &Thing,
    command: Command,
    now: u64,
) -> Result<(), &'static str> {
    let bounds = bounds(command.policy);
    let group = thing.group.as_deref();
    let members = group.map_or(Vec::new(), |group| ledger.group(group));
    let members = || members.iter().map(|index| &ledger.things[*index]);
    // For the policies of one benchmark a trial ends with its main container, even if others of it still run.
    let mut mains = group.into_iter().flat_map(|group| ledger.mains(group));
    let is_for_one = matches!(
        command.policy,
        PolicyName::Harbor | PolicyName::TerminalBench
    );
    let is_over = is_for_one
        && mains.any(|one| match (one.gone, one.life) {
            (Some(Remover::Other), _) => true,
            (_, Life::Ended(at)) => now.saturating_sub(at) >= bounds.ended,
            _ => false,
        });
    let may_end = |one: &Thing| may_end(one, bounds.running, is_over, now);
    let runs = thing.life == Life::Runs && thing.stopped.is_none();
    if thing.is_damaged && (runs || !is_benchmarks(thing)) {
        return Err("it can be read only in part");
    }
    let ended = match (thing.life, thing.stopped) {
        (Life::Unknown, _) => return Err("its state is unknown"),
        (Life::Still, _) => return Err("a container that neither runs nor ended"),
        // What may be ended may as well have ended meanwhile.
        _ if may_end(thing).is_ok() => return Ok(()),
        (Life::Runs, None) => return may_end(thing),
        (Life::Runs, Some(at)) | (Life::Ended(at), _) => now.saturating_sub(at),
    };
    if ended < command.min_age || ended < bounds.ended {
        return Err("it has just ended");
    }
    // What lives together goes together, or stays.
    let mut running = members().filter(|one| one.life == Life::Runs && one.stopped.is_none());
    running.try_for_each(|one| may_end(one).map_err(|_| "its unit lives"))
}

fn may_end(thing: &Thing, bound: u64, is_over: bool, now: u64) -> Result<(), &'static str> {
    if let Maker::Job(_) = thing.maker {
        return Ok(());
    }
    if !is_benchmarks(thing) {
        return Err("it runs, and no benchmark made it");
    }
    if !is_over && now.saturating_sub(thing.born) < bound {
        return Err("it runs, and is not old enough");
    }
    Ok(())
}

fn is_benchmarks(thing: &Thing) -> bool {
    matches!(thing.maker, Maker::Harness(_))
}
