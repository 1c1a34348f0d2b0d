//! The optional methods of a backend, by name.

use crate::words::words;

words! {
    /// An optional method of a [`Backend`](crate::Backend).
    Method: "method" {
        /// [`rights`](crate::Backend::rights)
        Rights => "rights",
        /// [`disks`](crate::Backend::disks)
        Disks => "disks",
        /// [`watch`](crate::Backend::watch), of the kinds that can be watched
        Watch => "watch",
        /// [`sample`](crate::Backend::sample), of the kinds that can be sampled
        Sample => "sample",
        /// [`find`](crate::Backend::find)
        Find => "find",
        /// [`relabel`](crate::Backend::relabel), of the kinds that can be relabelled
        Relabel => "relabel",
        /// [`attach`](crate::Backend::attach), with [`observed`](crate::Backend::observed) and
        /// [`detach`](crate::Backend::detach)
        Attach => "attach",
        /// A method that this version does not know. It is never called.
        #[serde(other)]
        Other => "other",
    }
}
