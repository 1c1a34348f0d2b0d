//! The backend against a scripted server: the outcomes that a healthy daemon does not show.
//!
//! - `deleting`: how many requests a change takes, and what stops it
//! - `refusals`: what refusals of a daemon or a proxy mean
//! - `replies`: replies that break off, never end or make no sense
//! - `reading`: what a listing makes of what it is given
//! - `connecting`: finding the daemon, and agreeing on a version

mod connecting;
mod deleting;
mod reading;
mod refusals;
mod replies;
mod support;
