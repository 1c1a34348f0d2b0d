//! What has to become of what a world has, by what it was made like.

use tbengine_engine::plan::Safeguard;
use tbengine_sdk::{Identity, Timestamp};

/// What has to become of a thing, as long as nobody else touches its group. Written down when it is made, and not
/// derived from what the engine plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is deleted.
    Deleted,
    /// It is deleted, and the provider only hides it.
    Hidden,
    /// It is stopped.
    Stopped,
    /// It is archived.
    Archived,
    /// The policy wants it gone, and this safeguard refuses that.
    Refused(Safeguard),
    /// Nobody wants it gone.
    Kept,
}

impl Fate {
    /// Whether a step is planned for it.
    pub fn is_planned(self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Kept)
    }

    /// Whether it follows from what others are like.
    pub fn follows_from_others(self) -> bool {
        matches!(
            self,
            Self::Refused(Safeguard::InUse | Safeguard::LiveUnit | Safeguard::Veto)
        )
    }
}

/// Something that a world has.
#[derive(Clone, Debug)]
pub struct Thing {
    /// The number of its provider.
    pub backend: usize,
    /// What it is.
    pub identity: Identity,
    /// Its name.
    pub name: String,
    /// What was made together, and depends on each other.
    pub group: usize,
    /// What has to become of it.
    pub fate: Fate,
    /// When it is old enough to be deleted, if it is too young.
    pub old_at: Option<Timestamp>,
    /// Whether nothing of this name is ever deleted, whoever restarts it or makes it anew.
    pub is_sacred: bool,
    /// Whether its fate follows from what others are like, so that a listing which leaves something out makes another
    /// one of it.
    pub goes_with_others: bool,
    /// Whether it ran when it was put there.
    pub runs: bool,
    /// Whether facts prove whose it is.
    pub is_proven: bool,
    /// The safeguard that would refuse it if it were made a little otherwise.
    pub spared_by: Option<Safeguard>,
}

impl Thing {
    /// What has to become of it at a time.
    pub fn fate_at(&self, now: Timestamp) -> Fate {
        match self.old_at {
            Some(old_at) if now >= old_at => Fate::Deleted,
            _ => self.fate,
        }
    }
}
