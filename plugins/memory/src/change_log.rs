//! What happened at the provider lately, for those who watch.

use std::collections::VecDeque;
use std::sync::Arc;

use tbengine_sdk::{Change, Changes, Error, ErrorKind, Kind, Result};
use tokio::sync::Notify;

/// How many changes are kept, as with dockerd.
pub(crate) const MAX_CHANGES: usize = 256;

/// The last changes, each with its number, and a way to wait for another one.
#[derive(Debug)]
pub(crate) struct ChangeLog {
    /// What tells this provider's numbers from those of another one.
    provider: String,
    last: VecDeque<Change>,
    /// How many changes there were in all.
    count: u64,
    news: Arc<Notify>,
}

impl ChangeLog {
    pub(crate) fn new(provider: String) -> Self {
        Self {
            provider,
            last: VecDeque::new(),
            count: 0,
            news: Arc::default(),
        }
    }

    pub(crate) fn add(&mut self, change: Change) {
        if self.last.len() == MAX_CHANGES {
            self.last.pop_front();
        }
        self.last.push_back(change);
        self.count += 1;
        self.news.notify_waiters();
    }

    /// Wakes readers after another change.
    pub(crate) fn news(&self) -> Arc<Notify> {
        self.news.clone()
    }

    /// The changes of these kinds since a cursor. Without one there are none.
    ///
    /// # Errors
    /// `Invalid` if the cursor is not one.
    pub(crate) fn since(&self, cursor: Option<&str>, kinds: &[Kind]) -> Result<Changes> {
        let now = format!("{}.{}", self.provider, self.count);
        let Some(cursor) = cursor else {
            return Ok(Changes {
                cursor: now,
                ..Changes::default()
            });
        };
        let (provider, number) = cursor
            .rsplit_once('.')
            .and_then(|(provider, number)| Some((provider, number.parse::<u64>().ok()?)))
            .ok_or_else(|| Error::new(ErrorKind::Invalid, "unknown cursor"))?;
        let oldest = self.count - self.last.len() as u64;
        let lost = provider != self.provider || !(oldest..=self.count).contains(&number);
        let skip = match lost {
            true => self.last.len(),
            false => (number - oldest) as usize,
        };
        let wanted = |change: &&Change| {
            change
                .subject()
                .is_some_and(|(kind, _)| kinds.contains(&kind))
        };
        Ok(Changes {
            changes: self
                .last
                .iter()
                .skip(skip)
                .filter(wanted)
                .cloned()
                .collect(),
            cursor: now,
            lost,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched(number: usize) -> Change {
        Change::Touched {
            kind: Kind::CONTAINER,
            native: number.to_string(),
            at: None,
        }
    }

    #[test]
    fn a_cursor_that_is_too_old_or_of_another_provider_has_lost_something() {
        let mut log = ChangeLog::new("here".into());
        let kinds = [Kind::CONTAINER];
        let first = log.since(None, &kinds).unwrap().cursor;
        for number in 0..MAX_CHANGES {
            log.add(touched(number));
        }
        let all = log.since(Some(&first), &kinds).unwrap();
        assert_eq!((all.changes.len(), all.lost), (MAX_CHANGES, false));
        assert_eq!(log.since(Some(&first), &[]).unwrap().changes, []);
        log.add(touched(0));
        let lost = log.since(Some(&first), &kinds).unwrap();
        assert_eq!((lost.changes.len(), lost.lost), (0, true));
        assert!(!log.since(Some(&lost.cursor), &kinds).unwrap().lost);
        for strange in ["there.0", "here.9999"] {
            assert!(log.since(Some(strange), &kinds).unwrap().lost, "{strange}");
        }
        for wrong in ["", "here", "here.", "here.x"] {
            let error = log.since(Some(wrong), &kinds).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{wrong}");
        }
    }
}
