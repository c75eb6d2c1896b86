//! Messages of a thread.

use chrono::{DateTime, Utc};

use crate::named::named;
use crate::text::text_types;
use crate::{AnsweredCall, AssistantId, MessageId, RunId, ThreadId};

/// One utterance in a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The message's id.
    pub id: MessageId,
    /// The thread it stands in.
    pub thread_id: ThreadId,
    /// Its place in the thread, from 1 without gaps in the order in which messages were accepted;
    /// a deleted message leaves its place empty.
    pub position: u64,
    /// Who speaks.
    pub kind: MessageKind,
    /// What is said. Without NUL; a model's answer may be empty.
    pub content: String,
    /// Whether that is all of it.
    pub status: MessageStatus,
    /// The call that a tool's message answers; set on those only.
    pub tool_call: Option<Box<AnsweredCall>>,
    /// The run that the message belongs to.
    pub run_id: Option<RunId>,
    /// The assistant that it was sent to, or that speaks; kept when the assistant is deleted.
    pub assistant_id: Option<AssistantId>,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
}

/// A message that its thread does not have yet. The content has no NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// See [`Message::id`].
    pub id: MessageId,
    /// See [`Message::kind`].
    pub kind: MessageKind,
    /// See [`Message::content`].
    pub content: String,
    /// What the model thought before it said that, kept beside the message. Without NUL.
    pub reasoning: Option<String>,
    /// See [`Message::status`].
    pub status: MessageStatus,
    /// See [`Message::tool_call`].
    pub tool_call: Option<Box<AnsweredCall>>,
    /// See [`Message::assistant_id`].
    pub assistant_id: Option<AssistantId>,
    /// See [`Message::created_at`].
    pub created_at: DateTime<Utc>,
}

impl NewMessage {
    /// The message as it stands in its thread.
    #[must_use]
    pub fn placed(self, thread_id: ThreadId, run_id: RunId, position: u64) -> Message {
        Message {
            id: self.id,
            thread_id,
            position,
            kind: self.kind,
            content: self.content,
            status: self.status,
            tool_call: self.tool_call,
            run_id: Some(run_id),
            assistant_id: self.assistant_id,
            created_at: self.created_at,
        }
    }
}

named! {
    /// Who speaks in a message.
    MessageKind {
        /// A person.
        Human = "human",
        /// An assistant.
        Ai = "ai",
        /// A tool that the assistant has used; shown on demand only.
        Tool = "tool",
    }
}

named! {
    /// Whether a message is all that was to be said.
    MessageStatus {
        /// Whole.
        Completed = "completed",
        /// Cut: the run failed or was cancelled, or the answer met a limit or a filter.
        Incomplete = "incomplete",
    }
}

text_types! {
    /// What a person says to an assistant.
    MessageContent: max 100_000, blank Refused;
}
