//! The backend against a private dockerd: each outcome that a real daemon can show.
//!
//! - `listing`: what a listing shows of each kind
//! - `relations`: what uses what, and what goes along
//! - `images`: deleting images
//! - `identity`: what is not the target is left alone
//! - `stopping`: ending what runs
//! - `outages`: an unreachable daemon, and what it leaves half done
//! - `events`: following the events of the daemon
//! - `tls`: a daemon behind mutual TLS
//! - `labelling`: the socket that labels what is created through it

mod events;
mod identity;
mod images;
mod labelling;
mod listing;
mod outages;
mod proving;
mod relations;
mod stopping;
mod support;
mod tls;
