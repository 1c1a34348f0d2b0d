//! Commands whose creations are reported.

use std::collections::BTreeMap;
use std::sync::Arc;

use tbengine_sdk::{Error, ErrorKind, Identity, Observed, Result};
use tokio::sync::Notify;

/// The variable by which a command under a lease would say whose creations are its own.
pub const RUN_VARIABLE: &str = "TBENGINE_MEMORY_RUN";

/// The attachments that have not ended, each with what was made through it.
#[derive(Debug, Default)]
pub(crate) struct Attachments {
    made: BTreeMap<String, Vec<Identity>>,
    count: u64,
    news: Arc<Notify>,
}

impl Attachments {
    /// Begins an attachment, and names it.
    pub(crate) fn begin(&mut self) -> String {
        self.count += 1;
        let name = format!("attachment-{}", self.count);
        self.made.insert(name.clone(), Vec::new());
        name
    }

    pub(crate) fn end(&mut self, attachment: &str) {
        self.made.remove(attachment);
        self.news.notify_waiters();
    }

    /// Notes what was made through an attachment.
    ///
    /// # Errors
    /// `NotFound` if there is no such attachment.
    pub(crate) fn note(&mut self, attachment: &str, identity: Identity) -> Result<()> {
        let made = self.made.get_mut(attachment).ok_or_else(ended)?;
        made.push(identity);
        self.news.notify_waiters();
        Ok(())
    }

    /// Wakes readers after another creation.
    pub(crate) fn news(&self) -> Arc<Notify> {
        self.news.clone()
    }

    /// What was made since a cursor.
    ///
    /// # Errors
    /// `NotFound` if there is no such attachment, `Invalid` if the cursor is not one.
    pub(crate) fn since(&self, attachment: &str, cursor: Option<&str>) -> Result<Observed> {
        let made = self.made.get(attachment).ok_or_else(ended)?;
        let known = match cursor {
            None => Some(0),
            Some(cursor) => cursor.parse().ok().filter(|known| *known <= made.len()),
        };
        let known = known.ok_or_else(|| Error::new(ErrorKind::Invalid, "unknown cursor"))?;
        Ok(Observed {
            made: made[known..].to_vec(),
            cursor: made.len().to_string(),
            lost: false,
        })
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such attachment")
}
