//! What the generated code and the engine call. Not for policies.
#![expect(
    unsafe_code,
    reason = "memory that crosses the component's boundary is handed over by pointer"
)]

use std::alloc::{Layout, alloc, handle_alloc_error, realloc};
use std::sync::Once;

use crate::log::{Level, emit};

/// Memory for a list that is handed to the engine.
#[derive(Debug)]
pub struct Cleanup;

impl Cleanup {
    /// Allocates; null for size zero. The engine's call after the return frees it, so there is
    /// nothing to clean up here.
    pub fn new(layout: Layout) -> (*mut u8, Option<Cleanup>) {
        if layout.size() == 0 {
            return (std::ptr::null_mut(), None);
        }
        // SAFETY: the layout's size is not zero.
        let pointer = unsafe { alloc(layout) };
        if pointer.is_null() {
            handle_alloc_error(layout);
        }
        (pointer, None)
    }

    /// Leaves the memory to its new owner.
    pub fn forget(self) {}
}

/// Memory for what the engine sends; the export macro exports it as `cabi_realloc`.
///
/// # Safety
/// As the canonical ABI demands: `old` is null with size zero, or came from here with this size and
/// alignment.
#[inline]
pub unsafe fn cabi_realloc(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
    if size == 0 {
        return std::ptr::without_provenance_mut(align);
    }
    // SAFETY: the engine passes alignments of the canonical ABI: 1, 2, 4 or 8.
    let pointer = unsafe {
        if old_size == 0 {
            alloc(Layout::from_size_align_unchecked(size, align))
        } else {
            realloc(
                old,
                Layout::from_size_align_unchecked(old_size, align),
                size,
            )
        }
    };
    if pointer.is_null() {
        handle_alloc_error(Layout::new::<u8>());
    }
    pointer
}

pub use crate::flags as bitflags;

/// Remembers what the policy asked for, so that reading something else can be noticed.
pub fn remember_interest(interest: &crate::types::Interest) {
    crate::interest::remember(interest);
}

/// Sends the message of a panic to the operator; a trap alone carries none.
pub fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| emit(Level::Error, &info.to_string())));
    });
}
