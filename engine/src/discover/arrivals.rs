//! When those resources arrived that may come to a place long after they were made.

use tbengine_sdk::Timestamp;

use super::Inventory;
use crate::facts::IdentityKey;
use crate::owners::Memory;

impl Inventory {
    /// Dates the arrival of what [arrives](tbengine_sdk::KindInfo::arrives) and does not say when: it arrived when it
    /// was first seen, which is now for what nobody remembers. So an image that was pulled a second ago is not as old
    /// as its build, and one of which nothing is known waits for another run. Like all times of a resource, this is by
    /// the provider's clock.
    pub fn date_arrivals(&mut self, memory: &dyn Memory, now: Timestamp) {
        let (kinds, clocks) = (&self.kinds, &self.clocks);
        let undated = self.resources.iter_mut().filter(|resource| {
            let identity = &resource.identity;
            let info = kinds.info(&identity.backend, identity.kind);
            resource.arrived.is_none() && info.is_some_and(|info| info.arrives)
        });
        for resource in undated {
            let key = IdentityKey::of(&resource.identity);
            let now = clocks.now_at(&resource.identity.backend, now);
            resource.arrived = Some(memory.first_seen(&key).unwrap_or(now));
            self.sighted.push((key, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use tbengine_sdk::{Identity, Kind, KindInfo, Resource, State};

    use super::*;
    use crate::kinds::Kinds;
    use crate::owners::{NoMemory, Remembered};
    use crate::skew::Skew;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    fn ago(seconds: u64) -> Timestamp {
        NOW.minus(Duration::from_secs(seconds))
    }

    fn image() -> Resource {
        let identity = Identity {
            backend: "docker".into(),
            account: "a".into(),
            kind: Kind::IMAGE,
            native: "1".into(),
            created: Some(ago(9_000)),
        };
        Resource::new(identity, "alpine", State::Present)
    }

    fn inventory(image: Resource, arrives: bool) -> Inventory {
        let info = KindInfo {
            arrives,
            ..KindInfo::image(&[])
        };
        Inventory::new(BTreeMap::new(), vec![image], Vec::new())
            .with_kinds(Kinds::declared([("docker".into(), vec![info])].into()))
    }

    #[test]
    fn what_nobody_remembers_arrives_now_and_is_remembered() {
        let mut found = inventory(image(), true);
        found.date_arrivals(&NoMemory, NOW);
        assert_eq!(found.resources[0].born(), Some(NOW));
        assert_eq!(found.sighted, [(IdentityKey::of(&image().identity), NOW)]);
    }

    #[test]
    fn what_was_seen_before_arrived_then() {
        let mut memory = Remembered::default();
        memory.add_first_seen(IdentityKey::of(&image().identity), ago(600));
        let mut found = inventory(image(), true);
        found.date_arrivals(&memory, NOW);
        assert_eq!(found.resources[0].born(), Some(ago(600)));
    }

    #[test]
    fn what_says_when_it_arrived_and_what_is_made_where_it_is_are_left_alone() {
        let mut dated = image();
        dated.arrived = Some(ago(60));
        let mut found = inventory(dated, true);
        found.date_arrivals(&NoMemory, NOW);
        assert_eq!(found.resources[0].born(), Some(ago(60)));
        assert!(found.sighted.is_empty());

        let mut found = inventory(image(), false);
        found.date_arrivals(&NoMemory, NOW);
        assert_eq!(found.resources[0].born(), Some(ago(9_000)));
    }

    #[test]
    fn an_arrival_is_by_the_clock_of_the_provider() {
        let mut found = inventory(image(), true);
        found.clocks = [("docker".into(), Skew::from(-18_000_000))]
            .into_iter()
            .collect();
        found.date_arrivals(&NoMemory, NOW);
        assert_eq!(found.resources[0].arrived, Some(ago(18_000)));
        assert_eq!(
            found.sighted,
            [(IdentityKey::of(&image().identity), ago(18_000))]
        );
    }
}
