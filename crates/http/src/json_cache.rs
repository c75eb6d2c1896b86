//! Caches serialized assistants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use colloquy_application::ports::OffsetList;
use colloquy_domain::Assistant;
use serde::Serialize;

/// Serialized assistants and pages of them. Serializing dominates the cost of a read. Entries are
/// found by their value's address and live as long as the value: the repository cache returns the
/// same value to many readers.
#[derive(Default)]
pub(crate) struct AssistantJsonCache {
    pub(crate) single: JsonCache<Assistant>,
    pub(crate) pages: JsonCache<OffsetList<Assistant>>,
}

/// JSON by the address of its value and the reader's rights.
pub(crate) struct JsonCache<T>(Mutex<HashMap<(usize, bool), Body<T>>>);

struct Body<T> {
    /// Does not keep the value alive, but keeps its address from being reused.
    value: Weak<T>,
    bytes: Bytes,
}

/// Largest cached body.
const MAX_BYTES: usize = 512 * 1024;
/// Limit per kind.
const MAX_BYTES_IN_ALL: usize = 8 * 1024 * 1024;

impl<T> JsonCache<T> {
    pub(crate) fn body<V: Serialize>(
        &self,
        value: &Arc<T>,
        can_manage: bool,
        view: impl FnOnce() -> V,
    ) -> Result<Bytes, serde_json::Error> {
        let key = (Arc::as_ptr(value).addr(), can_manage);
        if let Some(body) = self.bodies().get(&key) {
            return Ok(body.bytes.clone());
        }
        let bytes = Bytes::from(serde_json::to_vec(&view())?);
        if bytes.len() <= MAX_BYTES {
            let (value, bytes) = (Arc::downgrade(value), bytes.clone());
            self.keep(key, Body { value, bytes });
        }
        Ok(bytes)
    }

    fn keep(&self, key: (usize, bool), body: Body<T>) {
        let mut bodies = self.bodies();
        bodies.retain(|_, body| body.value.strong_count() > 0);
        let held: usize = bodies.values().map(|body| body.bytes.len()).sum();
        if held + body.bytes.len() > MAX_BYTES_IN_ALL {
            bodies.clear();
        }
        bodies.insert(key, body);
    }

    fn bodies(&self) -> MutexGuard<'_, HashMap<(usize, bool), Body<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for JsonCache<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
