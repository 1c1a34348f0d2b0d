//! One place of one answer, and what is wrong with it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::session::Session;
use crate::damage::{Damage, places};

/// One value of one answer of a session, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// The path of the answer.
    pub path: String,
    /// The place of the value in it, as a JSON pointer.
    pub place: String,
    /// What is wrong with it.
    pub damage: Damage,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.path, self.place, self.damage)
    }
}

impl Spot {
    /// Damages a session. `false` if that changes nothing.
    pub fn inflict(&self, session: &mut Session) -> bool {
        let Some(answer) = session.answers.get_mut(&self.path) else {
            return false;
        };
        self.damage.inflict(&mut answer.body, &self.place)
    }

    /// Every damage to every value of every answer that changes anything.
    pub fn all(session: &Session) -> Vec<Self> {
        let mut all = Vec::new();
        for (path, answer) in &session.answers {
            for place in places(&answer.body) {
                for damage in Damage::ALL {
                    let spot = Self {
                        path: path.clone(),
                        place: place.clone(),
                        damage,
                    };
                    if damage.inflict(&mut answer.body.clone(), &place) {
                        all.push(spot);
                    }
                }
            }
        }
        all
    }
}
