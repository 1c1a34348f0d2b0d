//! The simulated provider behaves as the sdk says.

use std::process::ExitCode;

use tbengine_memory::Memory;
use tbengine_sdk::Timestamp;
use tbengine_sdk::testkit;

#[path = "support/fixture.rs"]
mod fixture;

use fixture::MemoryFixture;

fn main() -> ExitCode {
    testkit::main(|| {
        MemoryFixture(Memory::new(
            "memory",
            Timestamp::from_unix_seconds(1_800_000_000),
        ))
    })
}
