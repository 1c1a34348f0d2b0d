//! What of a story is needed for its failure.

use crate::story::Story;

/// The shortest story found that breaks the same invariant: lines are taken out, in ever smaller pieces, as long as it
/// still does. It is played at most so many times.
pub fn shrink(
    story: &Story,
    mut tries: usize,
    mut play: impl FnMut(&Story) -> Result<(), String>,
) -> Story {
    let Err(first) = play(story) else {
        return story.clone();
    };
    let mut fails = |story: &Story| {
        tries = tries.saturating_sub(1);
        tries > 0 && matches!(play(story), Err(why) if kind(&why) == kind(&first))
    };
    let mut best = story.clone();
    let mut size = best.events.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        let mut is_shorter = false;
        while from < best.events.len() {
            let mut less = best.clone();
            less.events
                .drain(from..(from + size).min(best.events.len()));
            if fails(&less) {
                best = less;
                is_shorter = true;
            } else {
                from += size;
            }
        }
        if !(is_shorter && size == 1) {
            size /= 2;
        }
    }
    best
}

/// What is said but for the thing that it is said of: the name of the invariant, and the reason.
fn kind(why: &str) -> (&str, &str) {
    let why = why.lines().next().unwrap_or_default();
    let name = why.split(':').next().unwrap_or(why);
    let reason = why.rsplit_once(": ").map_or("", |(_, reason)| reason);
    (name, reason)
}
