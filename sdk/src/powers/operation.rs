//! What may be allowed, and what may not.

use crate::words::words;

words! {
    /// Something that credentials may or may not allow.
    Operation: "operation" {
        /// Listing a kind.
        List => "list",
        /// Reading a resource.
        Get => "get",
        /// Asking what runs to end.
        Stop => "stop",
        /// Deleting.
        Delete => "delete",
        /// Moving to cold storage.
        Archive => "archive",
        /// Changing labels.
        Relabel => "relabel",
        /// Following changes.
        Watch => "watch",
        /// An operation that this version does not know. Nothing is asked or believed of it.
        #[serde(other)]
        Other => "other",
    }
}
