//! Sessions with providers in which some values are damaged.

use tokio::runtime::Runtime;

use super::Run;
use crate::sessions::provider;
use crate::sessions::spot::Spot;

/// Damages the session of a provider as an input says: a JSON list of spots.
///
/// # Panics
/// If there is no runtime.
pub fn start(number: usize) -> Run {
    let provider = provider::ALL[number];
    let runtime: Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let session = (provider.healthy)();
    let healthy = runtime.block_on(provider.run(session.clone(), true));
    Box::new(move |input| {
        let Ok(spots) = serde_json::from_slice::<Vec<Spot>>(input) else {
            return false;
        };
        let judging = provider.judge(&session, &healthy, &spots, true);
        if let Err(what) = runtime.block_on(judging) {
            panic!("{what}");
        }
        true
    })
}

/// Every damage by itself.
///
/// # Panics
/// Never.
pub fn corpus(number: usize) -> Vec<Vec<u8>> {
    let session = (provider::ALL[number].healthy)();
    let spots = Spot::all(&session).into_iter();
    let text = |spot| serde_json::to_vec(&[spot]).expect("a spot can be written");
    spots.map(text).collect()
}

/// The damages from a place on, each beside another one every second time.
pub fn input(corpus: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(number);
    let mut all: Vec<Spot> = Vec::new();
    for _ in 0..random.usize(1..=2) {
        let one = &corpus[random.usize(0..corpus.len())];
        all.extend(serde_json::from_slice::<Vec<Spot>>(one).unwrap_or_default());
    }
    serde_json::to_vec(&all).unwrap_or_default()
}
