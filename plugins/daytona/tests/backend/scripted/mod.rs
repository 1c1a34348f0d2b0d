//! The backend against a scripted server: what a healthy service does not show.

mod account;
mod archiving;
mod deleting;
mod listing;
mod reading;
mod safety;
mod server;
mod stopping;
