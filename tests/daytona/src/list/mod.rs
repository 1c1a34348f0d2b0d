//! Listing sandboxes: the parameters, the pages, and their weaknesses.
//!
//! - [`params`]: a query string, with parameters that may repeat
//! - [`query`]: what is asked for, and what is refused
//! - [`cursor`]: where the next page starts
//! - [`page`]: one page with a cursor
//! - [`offset`]: one page by number

pub(crate) mod cursor;
pub(crate) mod offset;
pub(crate) mod page;
pub(crate) mod params;
pub(crate) mod query;
