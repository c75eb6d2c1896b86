//! The events of a run's log.

use crate::named::named;
use crate::{
    FinishReason, Message, MessageId, ModelName, RequiredAction, Run, ToolCall, ToolResult, Usage,
};

/// Something that happened in a run. What a run is, is the fold of its events: see
/// [`RunState`](crate::RunState). Everything that clients are told is a projection of them.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvent {
    /// Its place in the run's log, from 1 without gaps. An end that the run's holder did not write
    /// lies far behind the others.
    pub number: u64,
    /// What happened.
    pub kind: RunEventKind,
}

/// What can happen in a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RunEventKind {
    /// The question and the run are stored.
    Started {
        /// The run, in progress.
        run: Box<Run>,
        /// The message that it answers.
        message: Box<Message>,
    },
    /// The model begins to say something. Logs of older releases do not have this event: there an
    /// utterance begins with its first delta.
    UtteranceBegan {
        /// The message that the utterance is going to be.
        message_id: MessageId,
        /// The model call that it belongs to, from 1.
        round: u32,
    },
    /// More of an utterance.
    MessageDelta {
        /// The utterance's message.
        message_id: MessageId,
        /// Which part of it grows.
        part: ContentPart,
        /// What is added; never cut within a character.
        text: String,
    },
    /// The utterance breaks the assistant's output schema and is no message. The model is asked
    /// again.
    UtteranceDiscarded {
        /// The utterance's message.
        message_id: MessageId,
        /// What is wrong with it, for the model to read.
        complaint: String,
    },
    /// The model has asked for tools, and has said what it had to say before.
    ToolsRequested {
        /// The round whose model call asked.
        round: u32,
        /// The message that was said before, if anything was.
        message_id: Option<MessageId>,
        /// In the model's order.
        calls: Vec<RequestedCall>,
    },
    /// The service begins to carry out a call.
    ToolCalled {
        /// The message that the result is going to be.
        message_id: MessageId,
        /// The call.
        call: ToolCall,
    },
    /// A call has its result.
    ToolReturned {
        /// The message that the result is, once it is stored.
        message_id: MessageId,
        /// The result.
        result: ToolResult,
    },
    /// A model call has ended, and with it a round if the run's own assistant asked.
    ModelCalled {
        /// Who asked: 0 is the run's assistant, 1 an assistant that it uses as a tool, and so on.
        depth: u32,
        /// The round of that assistant which this ends, from 1; 0 in logs of older releases.
        round: u32,
        /// Which model.
        model: ModelName,
        /// Why it stopped; `None` where the call failed.
        finish_reason: Option<FinishReason>,
        /// What the provider counted, where it did.
        usage: Option<Usage>,
    },
    /// A message of the assistant is stored, whole or as far as it came.
    MessageCompleted {
        /// The message as it stands in the thread.
        message: Box<Message>,
    },
    /// The run waits for an action. Whatever is whole by now is stored.
    Paused {
        /// The run, with the action.
        run: Box<Run>,
    },
    /// The run goes on.
    Resumed {
        /// The run, in progress.
        run: Box<Run>,
        /// The part of the run that begins, from 2: parts lie between pauses.
        part: u32,
        /// The messages of the calls that were approved.
        approved: Vec<MessageId>,
    },
    /// The run has ended; the last event of every log.
    Ended {
        /// The run as it ended.
        run: Box<Run>,
        /// The message that is the answer, where the run completed. To be read as the run's output
        /// format says.
        output: Option<Box<Message>>,
    },
}

named! {
    /// The parts that an utterance grows in.
    ContentPart {
        /// What is said.
        Text = "text",
        /// What the model thinks on its way; not part of the answer.
        Reasoning = "reasoning",
    }
}

named! {
    /// Who carries out a call.
    CallExecutor {
        /// The service, with a tool of its own.
        Service = "service",
        /// The client. The run pauses until it brings the result.
        Client = "client",
    }
}

named! {
    /// What a paused run waits for.
    RunAction {
        /// The results of the calls that the client carries out.
        SubmitToolOutputs = "submit_tool_outputs",
        /// Somebody who approves or declines calls of the service's tools.
        Approve = "approve",
    }
}

/// A call as the model requested it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedCall {
    /// The message that the result is going to be.
    pub message_id: MessageId,
    /// The call.
    pub call: ToolCall,
    /// Who carries it out.
    pub by: CallExecutor,
    /// Whether somebody has to approve it first.
    pub needs_approval: bool,
}

impl RunEventKind {
    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }

    /// Whether a part of the run ends with it.
    #[must_use]
    pub const fn ends_part(&self) -> bool {
        matches!(self, Self::Ended { .. } | Self::Paused { .. })
    }

    /// How long the texts are that it carries, in bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Started { message, .. } | Self::MessageCompleted { message } => {
                message.content.len()
            }
            Self::MessageDelta { text, .. } => text.len(),
            Self::UtteranceDiscarded { complaint, .. } => complaint.len(),
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
