//! Events of a run's log.

use crate::named::named;
use crate::{
    FinishReason, Message, MessageId, MessageKind, ModelName, RequiredAction, Run, ToolCall,
    ToolResult, Usage,
};

/// An event of a run. Folding the events gives the [`RunState`](crate::RunState); what clients see
/// is a projection of them.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvent {
    /// Number in the log, from 1 without gaps, except before an end that the run's holder did not
    /// write.
    pub number: u64,
    /// What happened.
    pub kind: RunEventKind,
}

/// Kinds of events.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RunEventKind {
    /// The run is stored, with the messages that came with it.
    Started {
        /// The run, in progress.
        run: Box<Run>,
        /// The person's message that it answers, if that was in the thread before.
        earlier: Option<Box<Message>>,
        /// The messages that came with it, in order.
        messages: Vec<Message>,
    },
    /// The model begins an utterance. Older logs lack this event; there the first delta begins it.
    UtteranceBegan {
        /// The utterance's future message.
        message_id: MessageId,
        /// The model call, from 1.
        round: u32,
    },
    /// A part of an utterance.
    MessageDelta {
        /// The utterance's message.
        message_id: MessageId,
        /// The part that grows.
        part: ContentPart,
        /// The added text; never cut within a character.
        text: String,
    },
    /// The utterance violates the output schema and becomes no message. The model is asked again.
    UtteranceDiscarded {
        /// The utterance's message.
        message_id: MessageId,
        /// The violation, for the model.
        complaint: String,
        /// What was said, if no deltas told it: text that has to keep to a schema is told once it
        /// does. Empty in logs of older releases.
        text: String,
    },
    /// The model requested tools; its utterance is complete.
    ToolsRequested {
        /// The round of the requesting model call.
        round: u32,
        /// The message of the preceding utterance, if any.
        message_id: Option<MessageId>,
        /// In the model's order.
        calls: Vec<RequestedCall>,
    },
    /// The service begins to execute a call.
    ToolCalled {
        /// The result's future message.
        message_id: MessageId,
        /// The call.
        call: ToolCall,
    },
    /// A call has its result.
    ToolReturned {
        /// The result's message, once stored.
        message_id: MessageId,
        /// The result.
        result: ToolResult,
    },
    /// A model call ended and, at depth 0, its round.
    ModelCalled {
        /// The caller: 0 is the run's assistant, 1 an assistant called as its tool, and so on.
        depth: u32,
        /// The assistant's round that this ends, from 1; 0 in older logs.
        round: u32,
        /// The model.
        model: ModelName,
        /// Why it stopped; `None` if the call failed.
        finish_reason: Option<FinishReason>,
        /// Token counts, if reported.
        usage: Option<Usage>,
    },
    /// A message of the assistant was stored, complete or cut off.
    MessageCompleted {
        /// The message as stored.
        message: Box<Message>,
    },
    /// The run waits for an action. Everything complete is stored.
    Paused {
        /// The run, with the action.
        run: Box<Run>,
    },
    /// The run continues.
    Resumed {
        /// The run, in progress.
        run: Box<Run>,
        /// The part that begins, from 2; parts lie between pauses.
        part: u32,
        /// Messages of approved calls.
        approved: Vec<MessageId>,
    },
    /// The run ended; always the last event.
    Ended {
        /// The ended run.
        run: Box<Run>,
        /// The answer of a completed run, in the run's output format.
        output: Option<Box<Message>>,
    },
}

named! {
    /// Parts of an utterance.
    ContentPart {
        /// The answer's text.
        Text = "text",
        /// Reasoning; not part of the answer.
        Reasoning = "reasoning",
    }
}

named! {
    /// Who executes a call.
    CallExecutor {
        /// The service.
        Service = "service",
        /// The client. The run pauses until it submits the result.
        Client = "client",
    }
}

named! {
    /// Actions that a paused run waits for.
    RunAction {
        /// Submitting the results of client-side calls.
        SubmitToolOutputs = "submit_tool_outputs",
        /// Approving or declining calls of service tools.
        Approve = "approve",
    }
}

/// A call requested by the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedCall {
    /// The result's future message.
    pub message_id: MessageId,
    /// The call.
    pub call: ToolCall,
    /// Who executes it.
    pub by: CallExecutor,
    /// Whether it requires approval.
    pub needs_approval: bool,
}

impl RunEventKind {
    /// Whether it is the last event.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }

    /// Whether it ends a part of the run.
    #[must_use]
    pub const fn ends_part(&self) -> bool {
        matches!(self, Self::Ended { .. } | Self::Paused { .. })
    }

    /// Of a start, the message that the run answers: the last one of a person, if one is there.
    #[must_use]
    pub fn question(&self) -> Option<&Message> {
        let Self::Started {
            earlier, messages, ..
        } = self
        else {
            return None;
        };
        let came = messages.iter().rfind(|it| it.kind == MessageKind::Human);
        came.or(earlier.as_deref())
    }

    /// How long the texts are that it carries, in bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Started {
                earlier, messages, ..
            } => {
                let told = earlier.as_deref().into_iter().chain(messages);
                told.map(|message| message.content.len()).sum()
            }
            Self::MessageCompleted { message } => message.content.len(),
            Self::MessageDelta { text, .. } => text.len(),
            Self::UtteranceDiscarded {
                complaint, text, ..
            } => complaint.len().saturating_add(text.len()),
            Self::ToolsRequested { calls, .. } => {
                calls.iter().map(|it| it.call.arguments.len()).sum()
            }
            Self::ToolCalled { call, .. } => call.arguments.len(),
            Self::ToolReturned { result, .. } => result.content.len(),
            Self::Ended { output, .. } => output.as_ref().map_or(0, |it| it.content.len()),
            Self::Paused { run } => {
                let action = run.required_action.as_deref();
                action.map_or(0, RequiredAction::text_bytes)
            }
            Self::UtteranceBegan { .. } | Self::ModelCalled { .. } | Self::Resumed { .. } => 0,
        }
    }
}
