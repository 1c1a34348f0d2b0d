//! The library and the program under test: the simulated provider, and one that misbehaves on demand.
//!
//! - [`rough`]: a backend that panics, hangs, logs and takes its time, as its configuration says
//! - `fixture`: makes resources in the simulated provider

#[path = "../../../plugins/memory/tests/support/fixture.rs"]
mod fixture;
pub mod rough;

use tbengine_memory::Memory;
use tbengine_sdk::{OpenRequest, Result};

// The library brings this kind as well; so it has to be linked in.
use fixture::MemoryFixture;

tbengine_sdk::backend!("rough", "Misbehaves on demand", rough::Rough::open);
tbengine_sdk::fixture!("memory", memory_fixture);

fn memory_fixture(request: OpenRequest) -> Result<MemoryFixture> {
    Ok(MemoryFixture(Memory::new(&request.name, request.now)))
}
