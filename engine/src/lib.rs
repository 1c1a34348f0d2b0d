//! The tbengine library.

pub mod policy;
