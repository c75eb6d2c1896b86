//! How many requests of one connection are handled at once.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Each costs up to 40 KiB until its response begins; a stream that waits here, a tenth.
const AT_ONCE: usize = 16;

/// A connection's entrance; a proxy's connection, which carries many clients, has none.
#[derive(Debug, Clone)]
pub(super) struct Entrance(Arc<Semaphore>);

/// Held until the response begins, or the request waits for its body or a model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Default for Entrance {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Entrance {
    pub(super) fn try_enter(&self) -> Option<Entry> {
        let permit = Arc::clone(&self.0).try_acquire_owned();
        permit.ok().map(Entry::of)
    }

    pub(super) async fn enter(&self) -> Entry {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        permit.map(Entry::of).unwrap_or_default()
    }
}

impl Entry {
    fn of(permit: OwnedSemaphorePermit) -> Self {
        Self(Arc::new(Mutex::new(Some(permit))))
    }

    pub(crate) fn leave(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
