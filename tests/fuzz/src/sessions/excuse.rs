//! What may be missing without anyone noticing.

use crate::damage::Damage;

use super::spot::Spot;

/// A value that a provider may leave out in good health, so that a session without it is a healthy one of another
/// world. What is there and cannot be understood is never excused: it protects as much as what it was.
#[derive(Clone, Copy, Debug)]
pub struct Excuse {
    /// What the path of the answer begins with.
    pub path: &'static str,
    /// What the place of the value is or contains.
    pub place: &'static str,
    /// How it may differ.
    pub how: How,
    /// Why the difference cannot be noticed.
    pub reason: &'static str,
}

/// How a value may differ without anyone noticing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is not there, or says nothing; a list may be empty, too.
    Absent,
    /// It is another word, which is as good as any.
    Another,
    /// It has another type that can be read as well.
    Retyped,
    /// Whatever is wrong with it has everything refused, on purpose, so that one damaged item costs all. Nothing more is
    /// planned for that.
    Refuses,
}

/// Whether a session with this damage is the healthy one of another world, whatever the provider: a listing with a row
/// less is that of a provider that has one thing less. So rows that are not there are excused, and listings that are
/// cut or empty; rows that are `null` or of another type are not, for they show.
pub fn is_another_world(spot: &Spot, items: Option<&str>) -> bool {
    let Some(rest) = items.and_then(|items| spot.place.strip_prefix(items)) else {
        return false;
    };
    let row = rest.strip_prefix('/');
    match row {
        None => spot.damage.is_absence() || spot.damage == Damage::Truncated,
        Some(row) => !row.contains('/') && spot.damage == Damage::Dropped,
    }
}

/// Whether a label has another value: then it is another label, and as good as not there.
pub fn is_another_label(spot: &Spot) -> bool {
    let is_label = ["/Labels/", "/labels/", "/metadata/"]
        .iter()
        .any(|place| spot.place.contains(place));
    is_label && (is_another_word(spot.damage) || spot.damage == Damage::Emptied)
}

fn is_another_word(damage: Damage) -> bool {
    matches!(
        damage,
        Damage::Truncated | Damage::Duplicated | Damage::Enlarged
    )
}

/// The excuse that a spot has.
pub fn of<'a>(excuses: &'a [Excuse], spot: &Spot) -> Option<&'a Excuse> {
    excuses.iter().find(|excuse| {
        let is_there = spot.path.starts_with(excuse.path);
        let is_so = match excuse.how {
            How::Absent => spot.damage.is_absence(),
            How::Another => is_another_word(spot.damage),
            How::Retyped => spot.damage == Damage::Retyped,
            How::Refuses => true,
        };
        is_there && is_so && spot.place.contains(excuse.place)
    })
}
