//! Where the things of a story are.

use tbengine_sdk::Identity;

use crate::act::Nature;
use crate::draft::Draft;

/// Where the things of a story are: the simulated provider, or a real daemon. A real one may refuse what a user asks
/// for, such as a name that is taken; then nothing has happened, and the ledger says nothing of it.
pub trait Provider {
    /// The true time, in milliseconds of the story since it began.
    fn now(&self) -> u64;

    /// Makes something. `None` if that was refused.
    fn make(&mut self, draft: Draft) -> Option<Identity>;

    /// Makes what a trial has with `docker compose up`, where there is that: its network, its volume and its containers,
    /// in the order of the drafts. `None` if each has to be made by itself.
    fn compose(&mut self, _: &Identity, _: &[Draft]) -> Option<Vec<Identity>> {
        None
    }

    /// The name that something has.
    fn name_of(&self, identity: &Identity) -> Option<String>;

    /// Ends what runs. Answers whether that was done.
    fn end(&mut self, identity: &Identity) -> bool;

    /// Starts what has ended. Answers whether that was done.
    fn start(&mut self, identity: &Identity) -> bool;

    /// Removes something. Answers whether that was done.
    fn remove(&mut self, identity: &Identity) -> bool;

    /// Gives an image a name. Answers whether that was done.
    fn tag(&mut self, identity: &Identity, name: String) -> bool;

    /// Makes the state of something unknown. Answers whether that was done.
    fn obscure(&mut self, identity: &Identity) -> bool;

    /// Whether something is being removed, so that it cannot be used any more.
    fn is_going(&self, _: &Identity) -> bool {
        false
    }

    /// Damages something, so that only a part of it can be read. Answers whether that was done.
    fn damage(&mut self, _: &Identity) -> bool {
        false
    }

    /// Answers no more reads of something.
    fn hang(&mut self, _: &Identity) {}

    /// Acquires a lease for a job, and gives its number. `None` if that was refused.
    fn acquire(&mut self, job: u32) -> Option<u32>;

    /// Makes something under a lease.
    fn make_under(&mut self, lease: u32, draft: Draft) -> Option<Identity>;

    /// Lets a lease expire.
    fn expire(&mut self, lease: u32);

    /// Lets something happen that no user does. What becomes of states is [`Provider::obscure`].
    fn nature(&mut self, act: &Nature);
}
