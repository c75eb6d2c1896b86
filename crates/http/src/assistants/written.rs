use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use colloquy_application::assistants::{AssistantPage, AssistantView as ShownAssistant};
use colloquy_application::ports::OffsetList;
use colloquy_domain::Assistant;

use super::view::AssistantView;

/// Pages of assistants as they were written out. To write a page takes most of the time of a
/// request for it; a page that the use cases give out again, by a repository that keeps copies, is
/// not written again. What has changed is another page.
#[derive(Clone, Default)]
pub(crate) struct WrittenPages(Arc<Mutex<Vec<WrittenPage>>>);

struct WrittenPage {
    /// Does not keep it; while this is here, no other page can be mistaken for it.
    list: Weak<OffsetList<Assistant>>,
    can_manage: bool,
    body: Bytes,
}

/// How many are kept: the first pages, for guests, users and administrators.
const PAGES: usize = 32;
/// The longest that is kept.
const MAX_BYTES: usize = 512 * 1024;

impl WrittenPages {
    /// The page as JSON, for those who may be shown what this reader may.
    pub(super) fn body(&self, page: &AssistantPage) -> Result<Bytes, serde_json::Error> {
        if let Some(body) = self.find(page) {
            return Ok(body);
        }
        let body = write(page)?;
        if body.len() <= MAX_BYTES {
            self.keep(page, &body);
        }
        Ok(body)
    }

    fn find(&self, page: &AssistantPage) -> Option<Bytes> {
        let pages = self.pages();
        let mut pages = pages.iter();
        let found = pages.find(|written| written.is_of(page))?;
        Some(found.body.clone())
    }

    fn keep(&self, page: &AssistantPage, body: &Bytes) {
        let mut pages = self.pages();
        pages.retain(|written| written.list.strong_count() > 0 && !written.is_of(page));
        if pages.len() == PAGES {
            pages.remove(0);
        }
        pages.push(WrittenPage {
            list: Arc::downgrade(&page.list),
            can_manage: page.can_manage,
            body: body.clone(),
        });
    }

    fn pages(&self) -> MutexGuard<'_, Vec<WrittenPage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WrittenPage {
    fn is_of(&self, page: &AssistantPage) -> bool {
        self.can_manage == page.can_manage
            && std::ptr::eq(self.list.as_ptr(), Arc::as_ptr(&page.list))
    }
}

fn write(page: &AssistantPage) -> Result<Bytes, serde_json::Error> {
    let shown = page.list.items.iter().map(|assistant| ShownAssistant {
        assistant: assistant.clone(),
        can_manage: page.can_manage,
    });
    let views: Vec<AssistantView> = shown.map(AssistantView::from).collect();
    Ok(serde_json::to_vec(&views)?.into())
}
