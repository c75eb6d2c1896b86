//! Messages of a thread.

use chrono::{DateTime, Utc};

use crate::named::named;
use crate::text::text_types;
use crate::{AnsweredCall, AssistantId, MessageId, RunId, ThreadId};

/// A message in a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// ID.
    pub id: MessageId,
    /// The thread.
    pub thread_id: ThreadId,
    /// Position in the thread, ascending from 1 in order of acceptance. Positions of deleted
    /// messages are not reused.
    pub position: u64,
    /// The author's kind.
    pub kind: MessageKind,
    /// The text, without NUL. A model's answer may be empty.
    pub content: String,
    /// Complete, or cut off.
    pub status: MessageStatus,
    /// The answered call; set on tool messages only.
    pub tool_call: Option<Box<AnsweredCall>>,
    /// The run it belongs to.
    pub run_id: Option<RunId>,
    /// The addressed or answering assistant; kept when the assistant is deleted.
    pub assistant_id: Option<AssistantId>,
    /// Time of acceptance.
    pub created_at: DateTime<Utc>,
}

/// A message not yet in its thread. Without NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// See [`Message::id`].
    pub id: MessageId,
    /// See [`Message::kind`].
    pub kind: MessageKind,
    /// See [`Message::content`].
    pub content: String,
    /// The model's reasoning before the message, stored separately. Without NUL.
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
    /// The message at that position of its thread.
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
    /// Kinds of authors.
    MessageKind {
        /// A user.
        Human = "human",
        /// An assistant.
        Ai = "ai",
        /// A tool of the assistant; listed on request only.
        Tool = "tool",
    }
}

named! {
    /// Whether a message is complete.
    MessageStatus {
        /// Complete.
        Completed = "completed",
        /// Cut off: the run failed or was cancelled, or the answer met a limit or a filter.
        Incomplete = "incomplete",
    }
}

text_types! {
    /// The text of a user's message.
    MessageContent: max 100_000, blank Refused;
}
