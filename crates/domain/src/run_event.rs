use crate::{Message, MessageId, Run, ToolCall, ToolResult};

/// Something that happened in a run. Everything that anybody is told about a run, over whatever
/// wire, is a projection of its events.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvent {
    /// Its place in the run's log, from 1 without gaps; only an end that another instance than the
    /// run's own has written lies far behind the others.
    pub number: u64,
    /// What happened.
    pub kind: RunEventKind,
}

/// What can happen in a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RunEventKind {
    /// The question and the run are saved.
    Started {
        /// The run, in progress.
        run: Box<Run>,
        /// The message that it answers.
        message: Box<Message>,
    },
    /// The assistant says some more.
    MessageDelta {
        /// Of which message.
        message_id: MessageId,
        /// What; never cut within a character.
        text: String,
    },
    /// The assistant begins to use a tool.
    ToolCalled {
        /// The message that the tool's answer will be.
        message_id: MessageId,
        /// What it asks for.
        call: ToolCall,
    },
    /// The tool has answered, or could not be used.
    ToolReturned {
        /// The message that this is, once it is stored.
        message_id: MessageId,
        /// What came of the call.
        result: ToolResult,
    },
    /// A message of the assistant is stored, whole or as far as it came.
    MessageCompleted {
        /// The message as it stands in the thread.
        message: Box<Message>,
    },
    /// The run has ended, in whichever way; the last event of every log.
    Ended {
        /// The run as it ended.
        run: Box<Run>,
        /// The answer's text, where the run completed; to be read as its run's output format says.
        output: Option<String>,
    },
}

impl RunEventKind {
    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }

    /// How long the texts are that it carries, in bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Started { message, .. } | Self::MessageCompleted { message } => {
                message.content.len()
            }
            Self::MessageDelta { text, .. } => text.len(),
            Self::ToolCalled { call, .. } => call.arguments.len(),
            Self::ToolReturned { result, .. } => result.content.len(),
            Self::Ended { output, .. } => output.as_ref().map_or(0, String::len),
        }
    }
}
