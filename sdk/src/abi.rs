//! The mirror of `include/tbengine_plugin.h` in Rust; a test compares the two.
//!
//! The header says what each field means. Functions are `Option`s because a plugin in C can leave one
//! out; the host refuses it then instead of jumping to address zero.

#![expect(
    unsafe_code,
    reason = "pointers from the other side of the C interface are read here"
)]

use std::ffi::c_void;

use crate::error::ErrorKind;

/// The name of the one symbol that a plugin exports.
pub const ENTRY: &str = "tbengine_plugin_v2";

/// `tbe_bytes`: bytes that belong to someone else.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// Where they begin.
    pub ptr: *const u8,
    /// How many there are.
    pub len: usize,
}

impl Bytes {
    /// No bytes.
    pub const EMPTY: Bytes = Bytes {
        ptr: std::ptr::null(),
        len: 0,
    };

    /// Lends bytes for the time of one call.
    pub const fn of(bytes: &[u8]) -> Self {
        Self {
            ptr: bytes.as_ptr(),
            len: bytes.len(),
        }
    }

    /// The bytes. A null pointer is read as empty, whatever the length says.
    ///
    /// # Safety
    /// If `ptr` is not null, `len` bytes behind it stay readable and unchanged for `'a`.
    pub const unsafe fn read<'a>(self) -> &'a [u8] {
        if self.ptr.is_null() || self.len == 0 {
            return &[];
        }
        // SAFETY: the caller vouches for the memory, and it is neither null nor empty.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

/// `tbe_status`: how a request ended.
pub type Status = u32;
/// `TBE_OK`.
pub const OK: Status = 0;
/// `TBE_CANCELLED`.
pub const CANCELLED: Status = 14;

const KINDS: [(Status, ErrorKind); 13] = [
    (1, ErrorKind::NotFound),
    (2, ErrorKind::Transient),
    (3, ErrorKind::InProgress),
    (4, ErrorKind::Conflict),
    (5, ErrorKind::Dependency),
    (6, ErrorKind::RateLimited),
    (7, ErrorKind::Unavailable),
    (8, ErrorKind::Denied),
    (9, ErrorKind::Invalid),
    (10, ErrorKind::Forbidden),
    (11, ErrorKind::Unsupported),
    (12, ErrorKind::Stuck),
    (13, ErrorKind::Internal),
];

/// The number for a kind of error. A kind that has none yet is `Internal`.
pub fn status_of(kind: ErrorKind) -> Status {
    let known = KINDS.iter().find(|(_, known)| *known == kind);
    known.map_or(13, |(status, _)| *status)
}

/// The kind of error for a number; one that is not known is `Internal`, which nothing is tried again for.
pub fn kind_of(status: Status) -> ErrorKind {
    let known = KINDS.iter().find(|(known, _)| *known == status);
    known.map_or(ErrorKind::Internal, |(_, kind)| *kind)
}

/// `tbe_instance`: what the plugin keeps for one backend.
#[repr(C)]
#[derive(Debug)]
pub struct Instance {
    _private: [u8; 0],
}

/// `tbe_host_v2`: what the host lends to the plugin.
#[repr(C)]
#[derive(Debug)]
pub struct HostV2 {
    /// The size of this table in bytes.
    pub size: usize,
    /// Answers a request.
    pub complete: Option<unsafe extern "C" fn(*const HostV2, u64, Status, Bytes)>,
    /// Writes to the host's log.
    pub log: Option<unsafe extern "C" fn(*const HostV2, u32, Bytes, Bytes, Bytes)>,
    /// The highest level that the host writes.
    pub log_level: Option<unsafe extern "C" fn(*const HostV2) -> u32>,
}

/// `tbe_opened`: takes the result of `open`.
pub type Opened = unsafe extern "C" fn(*mut c_void, Status, Bytes);

/// `tbe_plugin_v2`: what the plugin lends to the host.
#[repr(C)]
#[derive(Debug)]
pub struct PluginV2 {
    /// The size of this table in bytes.
    pub size: usize,
    /// The descriptor document.
    pub descriptor: Bytes,
    /// Opens one backend.
    pub open: Option<unsafe extern "C" fn(Bytes, *mut c_void, Option<Opened>) -> *mut Instance>,
    /// Begins one request.
    pub call: Option<unsafe extern "C" fn(*mut Instance, u64, Bytes, Bytes, u64)>,
    /// Asks for an early end of a request.
    pub cancel: Option<unsafe extern "C" fn(*mut Instance, u64)>,
    /// Gives an instance back.
    pub close: Option<unsafe extern "C" fn(*mut Instance)>,
}

// SAFETY: a table is never changed once the other side has seen it, its descriptor stays for the life
// of the process, and its functions may be called from any thread; the header demands all of that.
unsafe impl Sync for PluginV2 {}
// SAFETY: as above; sending a table hands out nothing that sharing it does not.
unsafe impl Send for PluginV2 {}

/// The type of the symbol [`ENTRY`].
pub type Entry = unsafe extern "C" fn(*const HostV2) -> *const PluginV2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_a_number_and_returns_from_it() {
        for (status, kind) in KINDS {
            assert_eq!((status_of(kind), kind_of(status)), (status, kind));
        }
        assert_eq!(kind_of(4711), ErrorKind::Internal);
    }

    #[test]
    fn a_null_pointer_is_read_as_empty() {
        let bytes = Bytes {
            ptr: std::ptr::null(),
            len: 5,
        };
        // SAFETY: a null pointer is allowed.
        assert!(unsafe { bytes.read() }.is_empty());
        // SAFETY: the text is static.
        assert_eq!(unsafe { Bytes::of(b"abc").read() }, b"abc");
    }
}
