//! Every damage to every value of a session, each by itself.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use std::panic::AssertUnwindSafe;

use super::provider::Provider;
use super::spot::Spot;
use crate::said;

/// What came of it.
#[derive(Debug, Default)]
pub struct Held {
    /// How many damages were tried.
    pub tried: usize,
    /// How many of them cannot be distinguished from another healthy session.
    pub excused: usize,
    /// What broke a promise.
    pub broken: Vec<(Spot, String)>,
}

/// How many sessions at once: those that wait for a retry do not hold up the others.
const AT_ONCE: usize = 8;
/// No session takes longer than this, with all of its retries.
const SESSION_TIMEOUT: Duration = Duration::from_secs(180);

/// Tries every `every`-th damage, from one on. What is planned is applied once in `applies`.
///
/// # Panics
/// If the healthy session is none.
pub async fn all(provider: &Provider, from: usize, every: usize, applies: usize) -> Held {
    let session = (provider.healthy)();
    let healthy = provider.run(session.clone(), true).await;
    assert!(healthy.is_whole, "not a healthy session: {}", healthy.said);
    for planned in &healthy.planned {
        assert!(
            !planned.is_empty(),
            "nothing is planned, so nothing can be more"
        );
    }
    let spots = Spot::all(&session);
    let chosen = spots.into_iter().enumerate();
    let chosen = chosen.filter(|(number, _)| number % every == from % every);
    let mut held = Held::default();
    let (session, healthy) = (&session, &healthy);
    let mut judged = stream::iter(chosen)
        .map(|(number, spot)| async move {
            let spots = [spot.clone()];
            let applies = number % applies == 0;
            let judging = provider.judge(session, healthy, &spots, applies);
            let judging = tokio::time::timeout(SESSION_TIMEOUT, judging);
            let what = match AssertUnwindSafe(judging).catch_unwind().await {
                Ok(Ok(held)) => held,
                Ok(Err(_)) => Err("it does not end in time".to_owned()),
                Err(panic) => Err(said(&*panic)),
            };
            (spot, what)
        })
        .buffer_unordered(AT_ONCE);
    while let Some((spot, what)) = judged.next().await {
        held.tried += 1;
        held.excused += usize::from(provider.excuse(session, &spot).is_some());
        if let Err(what) = what {
            held.broken.push((spot, what));
        }
    }
    held
}
