//! Threads.

use std::sync::Arc;

use colloquy_domain::{Actor, AssistantId, AssistantRef, Thread, ThreadId, ThreadName, UserId};

use crate::access::{Access, AssistantAction, ThreadAction};
use crate::answers::forget;
use crate::ports::{
    AnswerCache, AnswerOrigin, Clock, IdGenerator, ThreadChanges, ThreadOrder, ThreadQuery,
    ThreadRepository,
};
use crate::{Error, Slice};

/// The field that names a thread's assistant.
const ASSISTANT_ID: &str = "assistant_id";

/// Manages threads.
#[derive(Clone)]
pub struct Threads {
    pub(crate) access: Access,
    pub(crate) threads: Arc<dyn ThreadRepository>,
    pub(crate) answers: Arc<dyn AnswerCache>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
}

/// A new thread.
#[derive(Debug, Clone, Default)]
pub struct NewThread {
    /// The creation time when `None`, replaced by the first message's beginning.
    pub name: Option<ThreadName>,
    /// The default assistant.
    pub assistant: Option<AssistantRef>,
}

/// Changes to a thread; `None` keeps the value.
#[derive(Debug, Clone, Default)]
pub struct ThreadUpdate {
    /// The name.
    pub name: Option<ThreadName>,
    /// The assistant, or none.
    pub assistant: Option<Option<AssistantRef>>,
}

/// Whose threads to list, within the actor's scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owner {
    /// The actor's.
    #[default]
    Me,
    /// Everybody's.
    Anyone,
    /// That user's.
    User(UserId),
}

/// Threads to list.
#[derive(Debug, Clone)]
pub struct ThreadFilter {
    /// By owner.
    pub owner: Owner,
    /// By assistant.
    pub assistant: Option<AssistantRef>,
    /// Order and start.
    pub order: ThreadOrder,
    /// Maximum number.
    pub limit: u32,
}

impl Threads {
    /// Threads that the actor may see.
    ///
    /// # Errors
    /// `Unauthenticated` for a guest.
    pub async fn list(&self, actor: &Actor, filter: ThreadFilter) -> Result<Slice<Thread>, Error> {
        let me = actor.user_id().ok_or(Error::Unauthenticated)?;
        let assistant = match &filter.assistant {
            None => None,
            Some(reference) => match self.resolve(actor, reference).await? {
                Some(id) => Some(id),
                None => return Ok(Slice::from_one_more(Vec::new(), filter.limit)),
            },
        };
        let query = ThreadQuery {
            scope: self.access.policy().thread_scope(actor).await,
            owner: match filter.owner {
                Owner::Me => Some(me),
                Owner::User(user) => Some(user),
                Owner::Anyone => None,
            },
            assistant,
            order: filter.order,
            limit: filter.limit.saturating_add(1),
        };
        let threads = self.threads.list(&query).await?;
        Ok(Slice::from_one_more(threads, filter.limit))
    }

    /// The ID of a slug that the actor may see. IDs are returned as they are: threads refer to
    /// assistants by ID.
    async fn resolve(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
    ) -> Result<Option<AssistantId>, Error> {
        match reference {
            AssistantRef::Id(id) => Ok(Some(*id)),
            AssistantRef::Slug(_) => {
                let found = self.access.assistant_in_scope(actor, reference).await?;
                Ok(found.map(|assistant| assistant.id))
            }
        }
    }

    /// Creates a thread of the actor's.
    ///
    /// # Errors
    /// `Unauthenticated` for a guest, `ReferenceNotFound` for a hidden assistant.
    pub async fn create(&self, actor: &Actor, new: NewThread) -> Result<Thread, Error> {
        let decision = self.access.policy().create_thread(actor).await;
        decision.require_of(actor, "create_thread")?;
        let assistant_id = self.visible(actor, new.assistant.as_ref()).await?;
        let now = self.clock.now();
        let thread = Thread {
            id: ThreadId::from_uuid(self.ids.next_id()),
            is_named: new.name.is_some(),
            name: new.name.unwrap_or_else(|| ThreadName::from_time(now)),
            owner_id: Some(actor.user_id().ok_or(Error::Unauthenticated)?),
            assistant_id,
            created_at: now,
            updated_at: now,
            last_message_at: now,
        };
        self.threads.add(&thread).await?;
        Ok(thread)
    }

    async fn visible(
        &self,
        actor: &Actor,
        reference: Option<&AssistantRef>,
    ) -> Result<Option<AssistantId>, Error> {
        match reference {
            None => Ok(None),
            Some(reference) => {
                let action = AssistantAction::View;
                let assistant = self.access.assistant(actor, reference, action).await;
                let assistant = assistant.map_err(|it| it.of_reference(ASSISTANT_ID))?;
                Ok(Some(assistant.id))
            }
        }
    }

    /// A thread.
    ///
    /// # Errors
    /// `NotFound`, also for another user's.
    pub async fn get(&self, actor: &Actor, id: ThreadId) -> Result<Thread, Error> {
        self.access.thread(actor, id, ThreadAction::View).await
    }

    /// Changes a thread.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`, `ReferenceNotFound` for a hidden assistant.
    pub async fn update(
        &self,
        actor: &Actor,
        id: ThreadId,
        update: ThreadUpdate,
    ) -> Result<Thread, Error> {
        self.access.thread(actor, id, ThreadAction::Update).await?;
        let assistant_id = match &update.assistant {
            None => None,
            Some(reference) => Some(self.visible(actor, reference.as_ref()).await?),
        };
        let changes = ThreadChanges {
            name: update.name,
            assistant_id,
            updated_at: self.clock.now(),
        };
        Ok(self.threads.update(id, &changes).await?)
    }

    /// Deletes a thread with its messages, runs and cached answers.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`.
    pub async fn delete(&self, actor: &Actor, id: ThreadId) -> Result<(), Error> {
        self.access.thread(actor, id, ThreadAction::Delete).await?;
        self.threads.delete(id).await?;
        forget(&*self.answers, AnswerOrigin::Thread(id)).await;
        Ok(())
    }
}
