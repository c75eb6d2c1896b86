//! Messages.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Error;
use crate::access::{Access, AssistantAction, ThreadAction};
use crate::answers::forget;
pub use crate::page_turns::PageTurn;
use crate::page_turns::PageTurns;
use crate::ports::{
    AnswerCache, AnswerOrigin, MessagePage, MessageRepository, MessageScope, MessagesFrom,
};
use crate::runs::{RunEngine, StartMessage, StartedRun};
use colloquy_domain::{
    Actor, Assistant, AssistantRef, IdempotencyKey, MessageContent, MessageId, MessageKind,
    RunSettings, Thread, ThreadId, Violation,
};
pub use start_run::StartRun;

mod start_run;

/// The field that names who answers.
const ASSISTANT_ID: &str = "assistant_id";

/// Maximum bytes of reasoning per page.
const MAX_REASONING_BYTES: usize = 4 * 1024 * 1024;

/// Posts, lists and deletes messages.
#[derive(Clone)]
pub struct Messages {
    pub(crate) access: Access,
    pub(crate) messages: Arc<dyn MessageRepository>,
    pub(crate) answers: Arc<dyn AnswerCache>,
    pub(crate) engine: RunEngine,
    /// Caps long pages in memory.
    pub(crate) page_turns: PageTurns,
}

/// A message to post, and the assistant to answer.
#[derive(Debug, Clone)]
pub struct PostMessage {
    /// The thread's assistant when `None`.
    pub assistant: Option<AssistantRef>,
    /// The text.
    pub content: MessageContent,
    /// What is asked of the run.
    pub settings: RunSettings,
    /// Identifies a repeated request, which is not carried out again.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Whether to skip the answer cache.
    pub bypasses_cache: bool,
}

impl PostMessage {
    /// A message without an idempotency key.
    #[must_use]
    pub fn new(assistant: AssistantRef, content: MessageContent) -> Self {
        Self {
            assistant: Some(assistant),
            content,
            settings: RunSettings::default(),
            idempotency_key: None,
            bypasses_cache: false,
        }
    }
}

impl Messages {
    /// Waits for a permit to read a page; hold it until the page is sent.
    ///
    /// # Errors
    /// None today: waiting requests are limited elsewhere.
    pub async fn page_turn(&self, actor: &Actor) -> Result<PageTurn, Error> {
        self.page_turns.take(actor).await
    }

    /// Messages of the thread in `scope`, nearest to `from` first.
    ///
    /// # Errors
    /// `NotFound`, also for another user's thread.
    pub async fn list(
        &self,
        actor: &Actor,
        thread: ThreadId,
        scope: MessageScope,
        from: MessagesFrom,
        limit: u32,
    ) -> Result<MessagePage, Error> {
        self.access
            .thread(actor, thread, ThreadAction::View)
            .await?;
        Ok(self.messages.list(thread, scope, from, limit).await?)
    }

    /// The reasoning before these messages of [`list`](Self::list). Truncates the slice at the
    /// page's byte limit.
    ///
    /// # Errors
    /// `Port`.
    pub async fn reasoning(
        &self,
        page: &mut MessagePage,
    ) -> Result<HashMap<MessageId, String>, Error> {
        let ids: Vec<_> = page.items.iter().map(|message| message.id).collect();
        let found = self.messages.reasoning(&ids, MAX_REASONING_BYTES).await?;
        let end = ids.iter().position(|id| Some(*id) == found.left_out);
        if let Some(end) = end {
            page.items.truncate(end);
            page.has_more = true;
        }
        Ok(found.texts)
    }

    /// Stores the message and starts the run that answers it, which then does not depend on the
    /// caller.
    ///
    /// # Errors
    /// `NotFound` for a hidden thread, `ReferenceNotFound` for a hidden assistant, `Invalid` if
    /// neither message nor thread names one, the policy's other refusals, `ThreadBusy`,
    /// `IdempotencyMismatch`.
    pub async fn post(
        &self,
        actor: &Actor,
        thread: ThreadId,
        post: PostMessage,
    ) -> Result<StartedRun, Error> {
        let message = StartMessage {
            kind: MessageKind::Human,
            content: post.content,
        };
        let start = StartRun {
            assistant: post.assistant,
            messages: vec![message],
            truncate_after: None,
            settings: post.settings,
            idempotency_key: post.idempotency_key,
            bypasses_cache: post.bypasses_cache,
        };
        self.start_run(actor, thread, start).await
    }

    /// The assistant that answers.
    async fn assistant(
        &self,
        actor: &Actor,
        thread: &Thread,
        asked: Option<&AssistantRef>,
    ) -> Result<Arc<Assistant>, Error> {
        let of_thread = thread.assistant_id.map(AssistantRef::Id);
        let Some(reference) = asked.or(of_thread.as_ref()) else {
            let sentence = "is required, since the thread was opened for no assistant";
            return Err(Violation::new("required", sentence).at(ASSISTANT_ID).into());
        };
        let action = AssistantAction::Run;
        let assistant = self.access.assistant(actor, reference, action).await;
        assistant.map_err(|error| error.of_reference(ASSISTANT_ID))
    }

    /// Deletes a message and the cached answer that it is or has.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`, `ReferenceNotFound` for the message.
    pub async fn delete(
        &self,
        actor: &Actor,
        thread: ThreadId,
        id: MessageId,
    ) -> Result<(), Error> {
        let thread = self
            .access
            .thread(actor, thread, ThreadAction::View)
            .await?;
        let message = self
            .messages
            .get(thread.id, id)
            .await?
            .ok_or(Error::ReferenceNotFound("message_id"))?;
        let policy = self.access.policy();
        let decision = policy.delete_message(actor, &thread, &message).await;
        decision.require_of(actor, "delete_message")?;
        self.messages.delete(thread.id, id).await?;
        if let Some(run) = message.run_id {
            forget(&*self.answers, AnswerOrigin::Run(thread.id, run)).await;
        }
        Ok(())
    }
}
