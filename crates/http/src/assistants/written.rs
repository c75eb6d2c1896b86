use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use colloquy_application::assistants::{AssistantPage, AssistantView as ShownAssistant};
use colloquy_application::ports::OffsetList;
use colloquy_domain::Assistant;
use serde::Serialize;

use super::view::AssistantView;

/// Assistants, and pages of them, as they were written out. To write one takes most of the time of
/// a request for it; what the use cases give out again, by a repository that keeps copies, is not
/// written again. What has changed is something else.
#[derive(Clone, Default)]
pub(crate) struct WrittenAssistants {
    single: Written<Assistant>,
    pages: Written<OffsetList<Assistant>>,
}

impl WrittenAssistants {
    /// The assistant as JSON, for those who may be shown what this reader may.
    pub(super) fn assistant(&self, shown: &ShownAssistant) -> Result<Bytes, serde_json::Error> {
        let write = || AssistantView::shown(&shown.assistant, shown.can_manage);
        self.single.body(&shown.assistant, shown.can_manage, write)
    }

    /// The page likewise.
    pub(super) fn page(&self, page: &AssistantPage) -> Result<Bytes, serde_json::Error> {
        let write = || -> Vec<AssistantView> {
            let items = page.list.items.iter();
            let views = items.map(|assistant| AssistantView::shown(assistant, page.can_manage));
            views.collect()
        };
        self.pages.body(&page.list, page.can_manage, write)
    }
}

/// What was written of values that others keep, while they keep them.
struct Written<T>(Arc<Mutex<Bodies<T>>>);

struct Bodies<T> {
    /// By the value's place, and whether the reader manages assistants.
    by_value: HashMap<(usize, bool), Body<T>>,
    bytes: usize,
}

struct Body<T> {
    /// Does not keep the value; while this is here, no other can be in its place.
    value: Weak<T>,
    bytes: Bytes,
}

/// The longest that is kept.
const MAX_BYTES: usize = 512 * 1024;
/// All that is kept of one kind.
const MAX_BYTES_IN_ALL: usize = 8 * 1024 * 1024;

impl<T> Written<T> {
    fn body<V: Serialize>(
        &self,
        value: &Arc<T>,
        can_manage: bool,
        view: impl FnOnce() -> V,
    ) -> Result<Bytes, serde_json::Error> {
        let key = (Arc::as_ptr(value).addr(), can_manage);
        if let Some(body) = self.bodies().by_value.get(&key) {
            return Ok(body.bytes.clone());
        }
        let bytes = Bytes::from(serde_json::to_vec(&view())?);
        if bytes.len() <= MAX_BYTES {
            let value = Arc::downgrade(value);
            let body = Body { value, bytes };
            let bytes = body.bytes.clone();
            self.bodies().keep(key, body);
            return Ok(bytes);
        }
        Ok(bytes)
    }

    fn bodies(&self) -> MutexGuard<'_, Bodies<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Bodies<T> {
    fn keep(&mut self, key: (usize, bool), body: Body<T>) {
        if self.bytes + body.bytes.len() > MAX_BYTES_IN_ALL {
            self.by_value
                .retain(|_, body| body.value.strong_count() > 0);
            self.bytes = self.by_value.values().map(|body| body.bytes.len()).sum();
        }
        if self.bytes + body.bytes.len() > MAX_BYTES_IN_ALL {
            *self = Self::default();
        }
        self.bytes += body.bytes.len();
        if let Some(same) = self.by_value.insert(key, body) {
            self.bytes -= same.bytes.len();
        }
    }
}

impl<T> Default for Bodies<T> {
    fn default() -> Self {
        Self {
            by_value: HashMap::new(),
            bytes: 0,
        }
    }
}

impl<T> Default for Written<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Written<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
