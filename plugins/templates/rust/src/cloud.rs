//! The provider, here a map in memory. Put the client of yours in its place.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tbengine_sdk::Timestamp;

/// The provider.
#[derive(Debug, Default)]
pub struct Cloud {
    sandboxes: Mutex<BTreeMap<String, Sandbox>>,
}

/// A sandbox as the provider describes it.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// Its name.
    pub name: String,
    /// Whether it runs.
    pub running: bool,
    /// When it was created.
    pub created: Timestamp,
    /// Its labels.
    pub labels: Vec<(String, String)>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            name: "a sandbox".to_owned(),
            running: false,
            created: Timestamp::from_unix_seconds(1_767_225_600),
            labels: Vec::new(),
        }
    }
}

/// Sandboxes by their ids, and where the next page begins.
pub type CloudPage = (Vec<(String, Sandbox)>, Option<String>);

impl Cloud {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Sandbox>> {
        self.sandboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose sandboxes they are.
    pub fn account(&self) -> &str {
        "example"
    }

    /// Makes a sandbox and answers its id.
    pub fn add(&self, sandbox: Sandbox) -> String {
        let mut sandboxes = self.lock();
        let last = sandboxes.last_key_value();
        let number = last.map_or(1, |(id, _)| 1 + id["sb-".len()..].parse().unwrap_or(0));
        let id = format!("sb-{number:06}");
        sandboxes.insert(id.clone(), sandbox);
        id
    }

    /// The page that begins behind a cursor; `None` if unknown cursor.
    pub fn page(&self, cursor: Option<&str>, size: usize) -> Option<CloudPage> {
        let sandboxes = self.lock();
        if cursor.is_some_and(|cursor| !cursor.starts_with("sb-")) {
            return None;
        }
        let mut rest = sandboxes
            .iter()
            .filter(|(id, _)| cursor.is_none_or(|cursor| id.as_str() > cursor));
        let page: Vec<_> = rest
            .by_ref()
            .take(size.max(1))
            .map(|(id, sandbox)| (id.clone(), sandbox.clone()))
            .collect();
        let more = rest.next().is_some();
        let next = page.last().filter(|_| more).map(|(id, _)| id.clone());
        Some((page, next))
    }

    /// The sandbox with exactly this id.
    pub fn get(&self, id: &str) -> Option<Sandbox> {
        self.lock().get(id).cloned()
    }

    /// Ends a sandbox; answers whether there is one.
    pub fn stop(&self, id: &str) -> bool {
        self.lock()
            .get_mut(id)
            .map(|sandbox| sandbox.running = false)
            .is_some()
    }

    /// Deletes a sandbox; answers whether there was one.
    pub fn delete(&self, id: &str) -> bool {
        self.lock().remove(id).is_some()
    }

    /// Deletes everything.
    pub fn clear(&self) {
        self.lock().clear();
    }
}
