//! The frozen world that a guest sees through WASI 0.2.
//!
//! The clock stands at the time of the call, random numbers follow from the policy, and there are no
//! files, arguments, variables or sockets: two calls with the same facts get the same answer. It is
//! granted at all because Python, JavaScript and Go need it to start, and to say where they failed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tbengine_sdk::Timestamp;
use tokio::io::{AsyncWrite, sink};
use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, StreamResult, subscribe};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// How many WASI handles a guest may have open.
const MAX_HANDLES: usize = 1_000;
/// How many random bytes a guest may ask for at once.
const RANDOM_BYTES: u64 = 1 << 20;

/// What random numbers follow from: the component and its parameters, so that two runs with the same facts decide
/// alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seed([u8; 32]);

impl Seed {
    /// The seed of a component, by its digest, with these parameters.
    pub(super) fn of(digest: &str, params: &[(String, String)]) -> Self {
        let mut hash = Sha256::new();
        hash.update(digest);
        for text in params.iter().flat_map(|(key, value)| [key, value]) {
            // Texts of parameters hold no zero byte that could be taken for the end of one.
            hash.update([0]);
            hash.update(text);
        }
        Self(hash.finalize().into())
    }
}

/// What WASI keeps for one instance.
pub(super) struct World {
    ctx: WasiCtx,
    table: ResourceTable,
    /// Nanoseconds; each look at it makes it later. Go refuses to start at zero.
    monotonic: u64,
}

impl World {
    /// The world at a time, with what is written to standard output and error going into `written`.
    pub(super) fn new(now: Timestamp, seed: Seed, written: Written) -> Self {
        let word =
            |index: usize| u64::from_le_bytes(std::array::from_fn(|byte| seed.0[8 * index + byte]));
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let ctx = WasiCtxBuilder::new()
            .stdout(written.clone())
            .stderr(written)
            .wall_clock(FrozenClock(now))
            .secure_random(Random(word(0)))
            .insecure_random(Random(word(1)))
            .insecure_random_seed(u128::from(word(2)))
            .max_random_size(RANDOM_BYTES)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .allow_blocking_current_thread(true)
            .build();
        Self {
            ctx,
            table,
            monotonic: 1_000_000_000,
        }
    }

    /// What WASI works with.
    pub(super) fn view(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.ctx,
            table: &mut self.table,
        }
    }
}

/// Grants WASI to the guests that import it. `world` finds the world of an instance in what the host keeps
/// for it.
pub(super) fn add_to_linker<T: WasiView + 'static>(
    linker: &mut Linker<T>,
    world: fn(&mut T) -> &mut World,
) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    // WASI's own clock would let a guest sleep in the host, where no deadline reaches it.
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<T, HasSelf<World>>(linker, world)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl monotonic_clock::Host for World {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.monotonic = self.monotonic.saturating_add(1_000);
        Ok(self.monotonic)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1_000)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        // Sleeping takes no time: it moves the clock on.
        self.monotonic = self.monotonic.max(when);
        let passed = self.table.push(Passed)?;
        subscribe(&mut self.table, passed)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_instant(self.monotonic.saturating_add(duration))
    }
}

/// A time that has come.
struct Passed;

#[async_trait::async_trait]
impl Pollable for Passed {
    async fn ready(&mut self) {}
}

struct FrozenClock(Timestamp);

impl HostWallClock for FrozenClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.as_unix_ms()).unwrap_or(0))
    }
}

/// SplitMix64: every seed gives a full sequence, and nothing here is secret.
struct Random(u64);

impl rand_core::TryRng for Random {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|word| (word >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

/// What a guest wrote to its standard output and error, up to a number of bytes.
#[derive(Clone)]
pub(super) struct Written {
    kept: Arc<Mutex<Vec<u8>>>,
    dropped: Arc<AtomicU64>,
    limit: usize,
}

impl Written {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            kept: Arc::default(),
            dropped: Arc::default(),
            limit,
        }
    }

    /// All that was kept, and a note of what was not.
    pub(super) fn text(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::from_utf8_lossy(&kept).into_owned();
        match self.dropped.load(Ordering::Relaxed) {
            0 => {}
            dropped => text.push_str(&format!("\n[{dropped} more bytes]")),
        }
        text
    }
}

impl IsTerminal for Written {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Written {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for it, which is not granted.
        Box::new(sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Written {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = bytes.len().min(self.limit.saturating_sub(kept.len()));
        kept.extend_from_slice(&bytes[..fits]);
        self.dropped
            .fetch_add((bytes.len() - fits) as u64, Ordering::Relaxed);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        // Never full: a guest that writes too much goes on as if all was read.
        Ok(64 << 10)
    }
}

#[async_trait::async_trait]
impl Pollable for Written {
    async fn ready(&mut self) {}
}
