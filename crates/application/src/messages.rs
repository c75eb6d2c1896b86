//! What is said in threads.

use std::collections::HashMap;
use std::sync::Arc;

use colloquy_domain::{
    Actor, AssistantId, AssistantRef, IdempotencyKey, Message, MessageContent, MessageId, ThreadId,
};
use sha2::{Digest as _, Sha256};

use crate::access::{Access, AssistantAction, ThreadAction};
use crate::answers::forget;
use crate::ports::{AnswerCache, AnswerOrigin, Idempotency, MessageRepository, MessageScope};
use crate::runs::{RunEngine, RunJob, StartedRun};
use crate::{Error, Slice};

/// How much reasoning one page shows, in bytes of UTF-8.
const MAX_REASONING_BYTES: usize = 4 * 1024 * 1024;

/// Posts, shows and removes messages.
#[derive(Clone)]
pub struct Messages {
    /// Guards every thread and assistant.
    pub access: Access,
    /// Where the messages are kept.
    pub messages: Arc<dyn MessageRepository>,
    /// Where answers are kept to be given again.
    pub answers: Arc<dyn AnswerCache>,
    /// Answers them.
    pub engine: RunEngine,
}

/// A message to post, and who shall answer it.
#[derive(Debug, Clone)]
pub struct PostMessage {
    /// The assistant.
    pub assistant: AssistantRef,
    /// What is said.
    pub content: MessageContent,
    /// What the client calls the request, so that sending it again does not do it again.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Whether the answer has to be a new one, and is not kept for others.
    pub bypasses_cache: bool,
}

impl PostMessage {
    /// A message that is a new one however often it is posted.
    #[must_use]
    pub const fn new(assistant: AssistantRef, content: MessageContent) -> Self {
        Self {
            assistant,
            content,
            idempotency_key: None,
            bypasses_cache: false,
        }
    }
}

impl Messages {
    /// Messages of the thread in `scope` behind position `after`, oldest first.
    ///
    /// # Errors
    /// `NotFound` also for another user's thread.
    pub async fn list(
        &self,
        actor: &Actor,
        thread: ThreadId,
        scope: MessageScope,
        after: u64,
        limit: u32,
    ) -> Result<Slice<Message>, Error> {
        self.access
            .thread(actor, thread, ThreadAction::View)
            .await?;
        Ok(self.messages.list(thread, scope, after, limit).await?)
    }

    /// What was thought before each of these messages, which [`list`](Self::list) gave. Where that
    /// is too long for one page, the list ends early.
    ///
    /// # Errors
    /// `Port`.
    pub async fn reasoning(
        &self,
        slice: &mut Slice<Message>,
    ) -> Result<HashMap<MessageId, String>, Error> {
        let ids: Vec<_> = slice.items.iter().map(|message| message.id).collect();
        let found = self.messages.reasoning(&ids, MAX_REASONING_BYTES).await?;
        let end = ids.iter().position(|id| Some(*id) == found.left_out);
        if let Some(end) = end {
            slice.items.truncate(end);
            slice.has_more = true;
        }
        Ok(found.texts)
    }

    /// Saves the message and starts the run that answers it. From then on the run goes its way,
    /// whoever listens.
    ///
    /// # Errors
    /// `NotFound` when the actor may not see the thread or the assistant, the policy's other
    /// refusals, `ThreadBusy`, `IdempotencyMismatch`.
    pub async fn post(
        &self,
        actor: &Actor,
        thread: ThreadId,
        post: PostMessage,
    ) -> Result<StartedRun, Error> {
        let action = ThreadAction::CreateMessage;
        let thread = self.access.thread(actor, thread, action).await?;
        let action = AssistantAction::Run;
        let assistant = self
            .access
            .assistant(actor, &post.assistant, action)
            .await?;
        let assistant = self.access.instructed(assistant, actor, thread.id).await?;
        let idempotency = post.idempotency_key.map(|key| Idempotency {
            key,
            fingerprint: fingerprint(thread.id, assistant.id, &post.content),
        });
        let job = RunJob {
            thread_id: thread.id,
            actor: actor.clone(),
            assistant,
            content: post.content,
            idempotency,
            bypasses_cache: post.bypasses_cache,
        };
        self.engine.start(job).await
    }

    /// Removes a message; the answer that it is, or has, is not given again.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`.
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
            .ok_or(Error::NotFound)?;
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

/// What makes two requests the same. The ids have a fixed length: no two requests run together.
fn fingerprint(thread: ThreadId, assistant: AssistantId, content: &MessageContent) -> [u8; 32] {
    Sha256::new()
        .chain_update(thread.as_uuid())
        .chain_update(assistant.as_uuid())
        .chain_update(content.as_str())
        .finalize()
        .into()
}
