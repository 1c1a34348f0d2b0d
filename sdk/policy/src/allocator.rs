//! An allocator for one call with hundreds of thousands of small strings.
//!
//! Small blocks are cut from chunks and go to a list per size when they are freed; the rest is left
//! to Rust's own allocator. An instance has one thread and ends with the call, so there is no lock
//! and no block ever goes back to a chunk.
#![expect(unsafe_code, reason = "an allocator deals in raw memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;

const STEP: usize = 8;
const MAX_CLASS_SIZE: usize = 512;
const CHUNK: usize = 128 * 1024;

struct Pools {
    next: *mut u8,
    left: usize,
    /// Freed blocks by size; each holds the address of the next.
    free: [*mut u8; MAX_CLASS_SIZE / STEP + 1],
}

struct CallAllocator(UnsafeCell<Pools>);

// SAFETY: a policy has one thread; the engine offers no shared memory.
unsafe impl Sync for CallAllocator {}

#[global_allocator]
static ALLOCATOR: CallAllocator = CallAllocator(UnsafeCell::new(Pools {
    next: null_mut(),
    left: 0,
    free: [null_mut(); MAX_CLASS_SIZE / STEP + 1],
}));

/// The pool of a layout, or `None` if it is not small.
fn pool_of(layout: Layout) -> Option<usize> {
    (layout.size() <= MAX_CLASS_SIZE && layout.align() <= STEP)
        .then(|| layout.size().div_ceil(STEP))
}

// SAFETY: blocks of one pool have one size, are aligned to `STEP`, and are in the list only while free.
unsafe impl GlobalAlloc for CallAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(pool) = pool_of(layout) else {
            // SAFETY: the caller's promises are the same.
            return unsafe { System.alloc(layout) };
        };
        // SAFETY: one thread, and nothing below calls back in here.
        let pools = unsafe { &mut *self.0.get() };
        let freed = pools.free[pool];
        if !freed.is_null() {
            // SAFETY: a block in the list holds the address of the next one.
            pools.free[pool] = unsafe { freed.cast::<*mut u8>().read() };
            return freed;
        }
        let size = pool * STEP;
        if pools.left < size {
            // SAFETY: the size is not zero and the alignment is a power of two.
            let chunk = unsafe { System.alloc(Layout::from_size_align_unchecked(CHUNK, STEP)) };
            if chunk.is_null() {
                return null_mut();
            }
            (pools.next, pools.left) = (chunk, CHUNK);
        }
        let block = pools.next;
        pools.left -= size;
        // SAFETY: `left` bytes follow `next` in its chunk, and `size` was no more than that.
        pools.next = unsafe { block.add(size) };
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(pool) = pool_of(layout) else {
            // SAFETY: the caller's promises are the same, and `alloc` sent this layout there too.
            return unsafe { System.dealloc(block, layout) };
        };
        // SAFETY: one thread; the block is free, at least `STEP` bytes large and aligned to it.
        unsafe {
            let pools = &mut *self.0.get();
            block.cast::<*mut u8>().write(pools.free[pool]);
            pools.free[pool] = block;
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises a size that with this alignment is a layout.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (pool_of(layout), pool_of(wanted)) {
            (Some(have), Some(want)) if have == want => block,
            // SAFETY: the caller's promises are the same.
            (None, None) => unsafe { System.realloc(block, layout, size) },
            _ => {
                // SAFETY: both blocks are at least as large as the shorter of the two sizes.
                unsafe {
                    let moved = self.alloc(wanted);
                    if !moved.is_null() {
                        moved.copy_from_nonoverlapping(block, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                    moved
                }
            }
        }
    }
}
