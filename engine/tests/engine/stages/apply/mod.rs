//! Applying: what each answer of a provider leads to, and when.

mod changes;
mod deleting;
mod dependents;
mod following;
mod outages;
mod proving;
mod retries;
mod stopping;
