//! In-memory assistants.

use std::sync::Arc;

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{Assistant, AssistantId, AssistantRef, Avatar, AvatarImage, ModelName};

use super::memory::{Memory, Records, StoredRevision, page_of};
use crate::ports::{
    AssistantChange, AssistantRepository, AssistantScope, Constraint, MAX_PAGE_BYTES, OffsetList,
    OffsetPage, PortError, REVISION_GRACE, assistant_bytes,
};

#[async_trait]
impl AssistantRepository for Memory {
    async fn add(&self, assistant: &Assistant) -> Result<(), PortError> {
        self.with(|records| {
            records.check_slug_is_free(assistant)?;
            records.assistants.insert(assistant.id, assistant.clone());
            records.keep_revision(assistant);
            Ok(())
        })
    }

    async fn get(
        &self,
        reference: &AssistantRef,
        scope: &AssistantScope,
    ) -> Result<Option<Arc<Assistant>>, PortError> {
        self.with(|records| {
            let assistants = records.assistants.values();
            let mut assistants = assistants.filter(|it| scope.contains(it));
            let found = assistants.find(|it| match reference {
                AssistantRef::Id(id) => it.id == *id,
                AssistantRef::Slug(slug) => it.slug == *slug,
            });
            Ok(found.cloned().map(Arc::new))
        })
    }

    async fn list(
        &self,
        scope: &AssistantScope,
        page: OffsetPage,
    ) -> Result<Arc<OffsetList<Assistant>>, PortError> {
        self.with(|records| {
            let assistants = records.assistants.values();
            let mut visible: Vec<_> = assistants.filter(|it| scope.contains(it)).collect();
            visible.sort_by_key(|it| (&it.name, it.id));
            let mut list = page_of(visible.into_iter(), page);
            let mut bytes = 0;
            let within = list.items.iter().take_while(|assistant| {
                bytes += assistant_bytes(assistant);
                bytes <= MAX_PAGE_BYTES
            });
            let count = within.count().max(1);
            list.items.truncate(count);
            Ok(Arc::new(list))
        })
    }

    async fn update(
        &self,
        id: AssistantId,
        change: &AssistantChange<'_>,
    ) -> Result<(Assistant, Assistant), PortError> {
        self.with(|records| {
            let before = records.assistants.get(&id).ok_or(PortError::NotFound)?;
            let before = before.clone();
            let refused = PortError::Conflict(Constraint::AssistantRevision);
            let mut after = change(&before).ok_or(refused)?;
            records.check_slug_is_free(&after)?;
            after.caching.generation = before.caching.generation;
            records.assistants.insert(id, after.clone());
            records.replace_revision(&after);
            Ok((before, after))
        })
    }

    async fn revision(
        &self,
        id: AssistantId,
        revision: u32,
    ) -> Result<Option<Assistant>, PortError> {
        self.with(|records| {
            let stored = records.revisions.get(&(id, revision));
            Ok(stored.map(|stored| stored.assistant.clone()))
        })
    }

    async fn void_answers(&self, id: AssistantId) -> Result<(), PortError> {
        self.with(|records| {
            let stored = records.assistants.get_mut(&id);
            stored.ok_or(PortError::NotFound)?.caching.generation += 1;
            Ok(())
        })
    }

    async fn delete(&self, id: AssistantId) -> Result<(), PortError> {
        self.with(|records| {
            records.assistants.remove(&id).ok_or(PortError::NotFound)?;
            for stored in records.threads.values_mut() {
                stored.thread.assistant_id.take_if(|it| *it == id);
            }
            records.remove_revisions(id, |_| true);
            Ok(())
        })
    }

    async fn models(&self, limit: u32) -> Result<Vec<ModelName>, PortError> {
        self.with(|records| {
            let models: BTreeSet<_> = records.assistants.values().map(|it| &it.model).collect();
            let models = models.into_iter().take(limit as usize);
            Ok(models.cloned().collect())
        })
    }

    async fn avatars(
        &self,
        after: Option<AssistantId>,
        limit: u32,
    ) -> Result<Vec<(AssistantId, AvatarImage)>, PortError> {
        self.with(|records| {
            let assistants = records.assistants.values();
            let behind = assistants.filter(|it| after.is_none_or(|after| it.id > after));
            let images = behind.filter_map(|it| Some((it.id, it.avatar.image.clone()?)));
            Ok(images
                .take(limit.try_into().unwrap_or(usize::MAX))
                .collect())
        })
    }
}

impl Records {
    fn keep_revision(&mut self, assistant: &Assistant) {
        let mut kept = assistant.clone();
        kept.avatar = Avatar::default();
        kept.caching.generation = 0;
        let revision = StoredRevision {
            assistant: kept,
            replaced_at: None,
        };
        let key = (assistant.id, assistant.revision);
        self.revisions.insert(key, revision);
    }

    fn replace_revision(&mut self, by: &Assistant) {
        for ((id, _), stored) in &mut self.revisions {
            if *id == by.id {
                stored.replaced_at.get_or_insert(by.updated_at);
            }
        }
        let limit = by.updated_at - REVISION_GRACE;
        self.remove_revisions(by.id, |replaced_at| {
            replaced_at.is_some_and(|it| it < limit)
        });
        self.keep_revision(by);
    }

    /// Removes the assistant's expired revisions without runs.
    fn remove_revisions(
        &mut self,
        id: AssistantId,
        may_go: impl Fn(Option<DateTime<Utc>>) -> bool,
    ) {
        let runs = self.runs.values().map(|stored| &stored.run);
        let named: BTreeSet<_> = runs
            .filter_map(|run| Some((run.assistant_id, run.assistant_revision?)))
            .collect();
        self.revisions.retain(|key, stored| {
            key.0 != id || named.contains(key) || !may_go(stored.replaced_at)
        });
    }

    fn check_slug_is_free(&self, assistant: &Assistant) -> Result<(), PortError> {
        let mut others = self.assistants.values().filter(|it| it.id != assistant.id);
        if others.any(|other| other.slug == assistant.slug) {
            return Err(PortError::Conflict(Constraint::AssistantSlug));
        }
        Ok(())
    }
}
