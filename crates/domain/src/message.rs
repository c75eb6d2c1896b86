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
