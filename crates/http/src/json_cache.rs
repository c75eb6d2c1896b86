//! Keeps the JSON of assistants that were read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use colloquy_application::ports::OffsetList;
use colloquy_domain::Assistant;
use serde::Serialize;

/// The JSON of assistants and of pages of them. Serializing one takes most of the time of a
/// request for it. An entry is found by its value's address, and lives as long as the value: the
/// repository in front of the database gives the same value to many readers, a change is another.
#[derive(Default)]
pub(crate) struct AssistantJsonCache {
    pub(crate) single: JsonCache<Assistant>,
    pub(crate) pages: JsonCache<OffsetList<Assistant>>,
}

/// JSON by the address of its value and by whether the reader manages assistants.
pub(crate) struct JsonCache<T>(Mutex<HashMap<(usize, bool), Body<T>>>);

struct Body<T> {
    /// Does not keep the value alive, but its address: no other value can be there.
    value: Weak<T>,
    bytes: Bytes,
}

/// The longest that is kept.
const MAX_BYTES: usize = 512 * 1024;
/// All that is kept of one kind.
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
