//! The simulated provider behaves as the sdk says.

use libtest_mimic::Trial;
use tbengine_memory::Memory;
use tbengine_sdk::{Backend, Kind, Timestamp};

#[path = "../../../../plugins/memory/tests/support/fixture.rs"]
mod fixture;

use fixture::MemoryFixture;

pub(crate) fn trials() -> Vec<Trial> {
    super::trials("memory", || {
        let memory = Memory::new("memory", Timestamp::from_unix_seconds(1_800_000_000));
        let kinds: Vec<Kind> = memory.capabilities().words().collect();
        memory.absence_proves(&kinds);
        MemoryFixture(memory)
    })
}
