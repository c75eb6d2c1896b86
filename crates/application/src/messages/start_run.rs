//! Starts a run from what is in the thread and what comes with the request.

use std::sync::Arc;

use colloquy_domain::{
    Actor, AssistantId, AssistantRef, IdempotencyKey, Message, MessageId, MessageKind, RunSettings,
    Thread, ThreadId, ThreadName,
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Messages;
use crate::Error;
use crate::access::ThreadAction;
use crate::answers::forget;
use crate::ports::{AnswerOrigin, Idempotency, MessageScope, MessagesFrom};
use crate::runs::{RunJob, StartMessage, StartedRun};

/// The field that names the last message that stays.
const TRUNCATE_AFTER: &str = "truncate_after";

/// What a run starts from.
#[derive(Debug, Clone)]
pub struct StartRun {
    /// The assistant; that of the thread when `None`.
    pub assistant: Option<AssistantRef>,
    /// Messages to append, of people and assistants; at most [`MAX_MESSAGES`](Self::MAX_MESSAGES).
    pub messages: Vec<StartMessage>,
    /// The message behind which everything is removed first.
    pub truncate_after: Option<MessageId>,
    /// What is asked of the run.
    pub settings: RunSettings,
    /// Identifies a repeated request, which is not carried out again.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Whether to ask for a new answer that is not cached.
    pub bypasses_cache: bool,
}

impl StartRun {
    /// Maximum number of messages that come with a run.
    pub const MAX_MESSAGES: usize = 32;
}

/// What the thread has of itself when a run starts from it.
struct Ground {
    /// The position of the last message that stays, if others go.
    truncate_after: Option<u64>,
    /// The newest message that stays, if it is a person's and the run is to answer it.
    earlier: Option<Message>,
}

impl Messages {
    /// Removes the messages behind `truncate_after`, saves those that came with the request and
    /// starts a run, all or nothing. From then on the run goes its way, whoever listens.
    ///
    /// # Errors
    /// Those of [`post`](Self::post), `ReferenceNotFound` for the message to truncate after, and
    /// `Invalid` where too many follow it.
    pub async fn start_run(
        &self,
        actor: &Actor,
        thread: ThreadId,
        start: StartRun,
    ) -> Result<StartedRun, Error> {
        let action = ThreadAction::CreateMessage;
        let thread = self.access.thread(actor, thread, action).await?;
        let assistant = self
            .assistant(actor, &thread, start.assistant.as_ref())
            .await?;
        let asked = start.assistant.as_ref().map(|_| assistant.id);
        let settings = (!start.settings.is_empty()).then(|| Box::new(start.settings.clone()));
        if let Some(settings) = &settings {
            let access = &self.access;
            self.engine
                .check_settings(access, actor, &assistant, settings)
                .await?;
        }
        let idempotency = start.idempotency_key.clone().map(|key| Idempotency {
            key,
            fingerprint: fingerprint(thread.id, asked, &start),
        });
        let ground = self.ground(actor, &thread, &start).await?;
        let (assistant, instructions) = self.access.instructed(assistant, actor, thread.id).await?;
        let assistant = match &settings {
            Some(settings) => Arc::new(settings.applied_to(&assistant)),
            None => assistant,
        };
        let is_truncated = ground.truncate_after.is_some();
        let job = RunJob {
            thread_id: thread.id,
            thread_name: name(&thread, &start.messages),
            actor: actor.clone(),
            assistant,
            instructions,
            settings,
            messages: start.messages,
            earlier: ground.earlier,
            truncate_after: ground.truncate_after,
            idempotency,
            bypasses_cache: start.bypasses_cache,
        };
        let started = self.engine.start(job).await?;
        if is_truncated {
            // Lookups check that what an answer came from is there: this only frees the room.
            forget(&*self.answers, AnswerOrigin::Thread(thread.id)).await;
        }
        Ok(started)
    }

    /// A plain post needs nothing of it.
    async fn ground(
        &self,
        actor: &Actor,
        thread: &Thread,
        start: &StartRun,
    ) -> Result<Ground, Error> {
        let last = match start.truncate_after {
            Some(id) => Some(self.last_to_stay(actor, thread, id).await?),
            None => None,
        };
        let truncate_after = last.as_ref().map(|message| message.position);
        let newest = match last {
            _ if !start.messages.is_empty() => None,
            Some(last) if last.kind != MessageKind::Tool => Some(last),
            _ => self.newest(thread.id, truncate_after).await?,
        };
        Ok(Ground {
            truncate_after,
            earlier: newest.filter(|message| message.kind == MessageKind::Human),
        })
    }

    async fn last_to_stay(
        &self,
        actor: &Actor,
        thread: &Thread,
        id: MessageId,
    ) -> Result<Message, Error> {
        let message = self.messages.get(thread.id, id).await?;
        let message = message.ok_or(Error::ReferenceNotFound(TRUNCATE_AFTER))?;
        let policy = self.access.policy();
        let decision = policy.delete_message(actor, thread, &message).await;
        decision.require_of(actor, "delete_message")?;
        Ok(message)
    }

    /// The newest message that people see, up to that position.
    async fn newest(&self, thread: ThreadId, up_to: Option<u64>) -> Result<Option<Message>, Error> {
        let scope = MessageScope::Conversation;
        let from = MessagesFrom::Before(up_to.map_or(u64::MAX, |it| it.saturating_add(1)));
        let page = self.messages.list(thread, scope, from, 1).await?;
        Ok(page.items.into_iter().next())
    }
}

/// The name of a thread that has none of its own.
fn name(thread: &Thread, messages: &[StartMessage]) -> Option<ThreadName> {
    let mut said = messages.iter().filter(|it| it.kind == MessageKind::Human);
    let first = said.next().filter(|_| !thread.is_named)?;
    Some(ThreadName::from_message(&first.content))
}

/// Identifies equal requests. Ids have a fixed length and texts no NUL, so that fields cannot run
/// together. A plain post has the hash that it had in earlier releases.
fn fingerprint(thread: ThreadId, assistant: Option<AssistantId>, start: &StartRun) -> [u8; 32] {
    let assistant = assistant.map_or(Uuid::nil(), AssistantId::as_uuid);
    let mut hash = Sha256::new()
        .chain_update(thread.as_uuid())
        .chain_update(assistant);
    match &start.messages[..] {
        [message] if message.kind == MessageKind::Human && start.truncate_after.is_none() => {
            hash.update(message.content.as_str());
        }
        messages => {
            let after = start.truncate_after.map_or(Uuid::nil(), MessageId::as_uuid);
            hash.update(format!("\0run{after}"));
            for message in messages {
                hash.update(format!("\0{}\0{}", message.kind.as_str(), message.content));
            }
        }
    }
    if !start.settings.is_empty() {
        hash.update(format!("\0\0{:?}", start.settings));
    }
    hash.finalize().into()
}
