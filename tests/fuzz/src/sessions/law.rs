//! What must hold of a damaged session.

use super::excuse::How;
use super::session::Session;
use super::spot::Spot;
use super::trial::Found;

/// Compares what came of a session in which some values are damaged with what came of the healthy one. `Err` says
/// which promise is broken.
///
/// # Errors
/// The promise that was broken, in words.
pub fn hold(
    session: &Session,
    spots: &[Spot],
    healthy: &Found,
    damaged: &Found,
    secrets: &[&str],
    excuses: &[Option<How>],
) -> Result<(), String> {
    for secret in secrets {
        if let Some(at) = damaged.said.find(secret) {
            let from = damaged.said[..at].len().saturating_sub(300);
            let around: String = damaged.said.chars().skip(from).take(400).collect();
            return Err(format!("a secret is in what was said: {around}"));
        }
    }
    for change in &damaged.changes {
        let is_planned = damaged.planned[0]
            .iter()
            .any(|(_, kind, native)| (kind, native) == (&change.kind, &change.native));
        if !is_planned {
            return Err(format!("{change:?} was asked for, and is not planned"));
        }
    }
    let has = |how: How| excuses.contains(&Some(how));
    if has(How::Absent) || has(How::Another) || has(How::Retyped) {
        return Ok(());
    }
    for (then, now) in healthy.planned.iter().zip(&damaged.planned) {
        let more: Vec<_> = now.difference(then).collect();
        if !more.is_empty() {
            return Err(format!("with less information it plans {more:?} as well"));
        }
    }
    if has(How::Refuses) {
        return Ok(());
    }
    others_stay_the_same(session, spots, healthy, damaged)
}

/// One damaged item costs that item.
fn others_stay_the_same(
    session: &Session,
    spots: &[Spot],
    healthy: &Found,
    damaged: &Found,
) -> Result<(), String> {
    let mut subjects = Vec::new();
    for spot in spots {
        match session.subject(&spot.path, &spot.place) {
            Some((kind, native)) => subjects.push((kind.to_owned(), native)),
            // It is about all, or about none.
            None => return Ok(()),
        }
    }
    for (key, was) in &healthy.resources {
        if subjects.contains(key) {
            continue;
        }
        let Some(is) = damaged.resources.get(key) else {
            return Err(format!("{key:?} is not listed any more"));
        };
        let facts = |one: &tbengine_sdk::Resource| {
            (
                one.identity.clone(),
                one.name.clone(),
                one.state,
                one.labels.clone(),
                one.damaged.clone(),
                one.finished,
            )
        };
        if facts(was) != facts(is) {
            return Err(format!("{key:?} is another: {is:?}"));
        }
    }
    Ok(())
}
