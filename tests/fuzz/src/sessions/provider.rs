//! The providers that have a session.

use std::any::Any;

use tbengine_sdk::host::OpenBackend;
use tokio::task::JoinSet;

use super::excuse::{self, Excuse, How};
use super::law;
use super::session::{Change, Session};
use super::spot::Spot;
use super::trial::{self, Found};
use super::{daytona, docker, e2b, plugin};

/// An open backend over a session.
pub struct Open {
    /// The backend. `None` if it cannot be opened over this session.
    pub backend: Option<OpenBackend>,
    /// What it was asked to change so far.
    pub changes: Box<dyn Fn() -> Vec<Change>>,
    /// What must live as long.
    pub keep: Box<dyn Any>,
}

/// A kind of provider, and its healthy session.
#[derive(Clone, Copy)]
pub struct Provider {
    /// Its name.
    pub name: &'static str,
    /// The session.
    pub healthy: fn() -> Session,
    /// Opens a backend over a session, served by these tasks.
    pub open: fn(Session, &mut JoinSet<()>) -> Open,
    /// What it may leave out.
    pub excuses: &'static [Excuse],
    /// What must not be in any message.
    pub secrets: &'static [&'static str],
}

/// Every provider.
pub const ALL: [Provider; 4] = [
    Provider {
        name: "docker-session",
        healthy: docker::healthy,
        open: docker::open,
        excuses: docker::EXCUSES,
        secrets: docker::SECRETS,
    },
    Provider {
        name: "daytona-session",
        healthy: daytona::healthy,
        open: daytona::open,
        excuses: daytona::EXCUSES,
        secrets: daytona::SECRETS,
    },
    Provider {
        name: "e2b-session",
        healthy: e2b::healthy,
        open: e2b::open,
        excuses: e2b::EXCUSES,
        secrets: e2b::SECRETS,
    },
    Provider {
        name: "plugin-session",
        healthy: plugin::healthy,
        open: plugin::open,
        excuses: plugin::EXCUSES,
        secrets: plugin::SECRETS,
    },
];

impl Provider {
    /// Lists, plans and perhaps applies over a session.
    pub async fn run(&self, session: Session, applies: bool) -> Found {
        let mut tasks = JoinSet::new();
        let open = (self.open)(session, &mut tasks);
        match open.backend {
            Some(backend) => trial::run(backend, applies, &*open.changes).await,
            None => Found::default(),
        }
    }

    /// Damages the session and holds what comes of it against the laws.
    ///
    /// # Errors
    /// The promise that was broken.
    pub async fn judge(
        &self,
        session: &Session,
        healthy: &Found,
        spots: &[Spot],
        applies: bool,
    ) -> Result<(), String> {
        let mut damaged = session.clone();
        let mut is_damaged = false;
        for spot in spots {
            is_damaged |= spot.inflict(&mut damaged);
        }
        if !is_damaged {
            return Ok(());
        }
        let found = self.run(damaged, applies).await;
        let excuses = spots.iter().map(|spot| self.excuse(session, spot));
        law::hold(
            session,
            spots,
            healthy,
            &found,
            self.secrets,
            &excuses.collect::<Vec<_>>(),
        )
    }

    /// How a damage may be without anyone noticing.
    pub fn excuse(&self, session: &Session, spot: &Spot) -> Option<How> {
        let items = session.answers.get(&spot.path).and_then(|one| one.items);
        if excuse::is_another_world(spot, items) {
            return Some(How::Absent);
        }
        if excuse::is_another_label(spot) {
            return Some(How::Another);
        }
        excuse::of(self.excuses, spot).map(|excuse| excuse.how)
    }
}
