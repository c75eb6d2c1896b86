//! The JSON of assistants, as it is kept.

use bytes::Bytes;
use colloquy_application::assistants::{AssistantPage, AssistantView as ShownAssistant};

use super::fields::AssistantView;
use crate::json_cache::AssistantJsonCache;

impl AssistantJsonCache {
    /// The assistant as JSON, for readers with the same rights.
    pub(super) fn assistant(&self, shown: &ShownAssistant) -> Result<Bytes, serde_json::Error> {
        let write =
            || AssistantView::shown(&shown.assistant, shown.can_manage, shown.is_defined_in_code);
        self.single.body(&shown.assistant, shown.can_manage, write)
    }

    /// The page as JSON, for readers with the same rights.
    pub(super) fn page(&self, page: &AssistantPage) -> Result<Bytes, serde_json::Error> {
        let write = || -> Vec<AssistantView> {
            let items = page.list.items.iter();
            let views = items.map(|assistant| {
                let is_defined_in_code = page.defined_in_code.contains(&assistant.id);
                AssistantView::shown(assistant, page.can_manage, is_defined_in_code)
            });
            views.collect()
        };
        self.pages.body(&page.list, page.can_manage, write)
    }
}
