//! In-memory threads.

use std::cmp::Reverse;

use async_trait::async_trait;
use colloquy_domain::{AssistantId, Thread, ThreadId};

use super::memory::{Memory, Records, StoredThread};
use crate::ports::{
    PortError, ThreadActivity, ThreadChanges, ThreadOrder, ThreadQuery, ThreadRepository,
    ThreadScope,
};

#[async_trait]
impl ThreadRepository for Memory {
    async fn add(&self, thread: &Thread) -> Result<(), PortError> {
        self.with(|records| {
            records.check_assistant_exists(thread.assistant_id)?;
            if thread
                .owner_id
                .is_some_and(|owner| !records.users.contains_key(&owner))
            {
                return Err(PortError::NotFound);
            }
            let stored = StoredThread {
                thread: thread.clone(),
                last_position: 0,
            };
            records.threads.insert(thread.id, stored);
            Ok(())
        })
    }

    async fn get(&self, id: ThreadId, scope: &ThreadScope) -> Result<Option<Thread>, PortError> {
        self.with(|records| {
            let thread = records.threads.get(&id).map(|stored| &stored.thread);
            Ok(thread.filter(|thread| scope.contains(thread)).cloned())
        })
    }

    async fn list(&self, query: &ThreadQuery) -> Result<Vec<Thread>, PortError> {
        self.with(|records| {
            let threads = records.threads.values().map(|stored| &stored.thread);
            let mut listed: Vec<_> = threads
                .filter(|thread| is_asked_for(thread, query))
                .cloned()
                .collect();
            match query.order {
                ThreadOrder::Activity { .. } => {
                    listed.sort_by_key(|thread| Reverse(ThreadActivity::from(thread)));
                }
                ThreadOrder::Creation { .. } => listed.sort_by_key(|thread| Reverse(thread.id)),
            }
            listed.truncate(query.limit as usize);
            Ok(listed)
        })
    }

    async fn update(&self, id: ThreadId, changes: &ThreadChanges) -> Result<Thread, PortError> {
        self.with(|records| {
            records.check_assistant_exists(changes.assistant_id.flatten())?;
            let stored = records.threads.get_mut(&id).ok_or(PortError::NotFound)?;
            let thread = &mut stored.thread;
            if let Some(name) = &changes.name {
                thread.name = name.clone();
                thread.is_named = true;
            }
            if let Some(assistant_id) = changes.assistant_id {
                thread.assistant_id = assistant_id;
            }
            thread.updated_at = changes.updated_at;
            Ok(thread.clone())
        })
    }

    async fn delete(&self, id: ThreadId) -> Result<(), PortError> {
        self.with(|records| {
            records.threads.remove(&id).ok_or(PortError::NotFound)?;
            records.messages.retain(|(thread, _), _| *thread != id);
            records.runs.retain(|_, stored| stored.run.thread_id != id);
            Ok(())
        })
    }
}

impl Records {
    fn check_assistant_exists(&self, id: Option<AssistantId>) -> Result<(), PortError> {
        match id {
            Some(id) if !self.assistants.contains_key(&id) => Err(PortError::NotFound),
            _ => Ok(()),
        }
    }
}

fn is_asked_for(thread: &Thread, query: &ThreadQuery) -> bool {
    query.scope.contains(thread)
        && query
            .owner
            .is_none_or(|owner| thread.owner_id == Some(owner))
        && query
            .assistant
            .is_none_or(|assistant| thread.assistant_id == Some(assistant))
        && is_behind(thread, query.order)
}

fn is_behind(thread: &Thread, order: ThreadOrder) -> bool {
    match order {
        ThreadOrder::Activity { after } => {
            after.is_none_or(|after| ThreadActivity::from(thread) < after)
        }
        ThreadOrder::Creation { after } => after.is_none_or(|after| thread.id < after),
    }
}
