//! Runs, and how they end.

use chrono::{DateTime, Utc};

use crate::named::named;
use crate::{
    AssistantId, CachedRun, Message, MessageId, MessageKind, OutputFormat, RunAction, RunId,
    ThreadId, UserId,
};

/// One answering of a message: from the moment the message is saved to its end, whoever listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The run's id.
    pub id: RunId,
    /// The thread it answers in.
    pub thread_id: ThreadId,
    /// The assistant that answers; kept when the assistant is deleted.
    pub assistant_id: AssistantId,
    /// The revision of the assistant that it began with; unknown of runs of older releases.
    pub assistant_revision: Option<u32>,
    /// Who asked; nobody once their account is deleted.
    pub user_id: Option<UserId>,
    /// As what its answer is to be read.
    pub output_format: OutputFormat,
    /// How far it has come.
    pub status: RunStatus,
    /// Why the model stopped; set on completed runs.
    pub finish_reason: Option<FinishReason>,
    /// Why it failed; set on failed runs.
    pub error: Option<RunError>,
    /// What the model counted, where it did.
    pub usage: Option<Usage>,
    /// Set when its answer was given before.
    pub cache: Option<CachedRun>,
    /// Until when it waits for an action; set while it is paused.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it waits for; set while it is paused.
    pub required_action: Option<Box<RequiredAction>>,
    /// When the message was saved.
    pub created_at: DateTime<Utc>,
    /// When it ended; set once it has.
    pub finished_at: Option<DateTime<Utc>>,
}

impl Run {
    /// Which of the run's messages, in order, is its answer: the last one of a completed run.
    #[must_use]
    pub fn output<'a>(&self, messages: &'a [Message]) -> Option<&'a Message> {
        let is_complete = self.status == RunStatus::Completed;
        let last = messages.last().filter(|_| is_complete);
        last.filter(|message| message.kind == MessageKind::Ai)
    }
}

/// What a paused run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredAction {
    /// What has to be done.
    pub kind: RunAction,
    /// About which calls, in the model's order.
    pub calls: Vec<OpenCall>,
}

/// A call that waits for somebody outside the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// The message that its result is going to be.
    pub message_id: MessageId,
    /// See [`ToolCall::id`](crate::ToolCall::id).
    pub tool_call_id: String,
    /// The tool.
    pub name: String,
    /// Arguments as the model wrote them.
    pub arguments: String,
}

impl RequiredAction {
    /// How long its texts are, in bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let calls = self.calls.iter();
        calls.map(|it| it.name.len() + it.arguments.len()).sum()
    }
}

named! {
    /// How far a run has come.
    RunStatus {
        /// A process works on it, or did until a moment ago.
        InProgress = "in_progress",
        /// It is paused until somebody outside the service acts.
        RequiresAction = "requires_action",
        /// The answer is stored.
        Completed = "completed",
        /// It ended without a whole answer.
        Failed = "failed",
        /// Somebody ended it.
        Cancelled = "cancelled",
        /// It was paused, and nobody acted in time.
        Expired = "expired",
    }
}

impl RunStatus {
    /// Whether the run goes on or may go on; its thread takes no other run meanwhile.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::InProgress | Self::RequiresAction)
    }
}

named! {
    /// Why the model stopped.
    FinishReason {
        /// It had said everything.
        Stop = "stop",
        /// A limit on the answer's length was met.
        Length = "length",
        /// The provider withheld the rest.
        ContentFilter = "content_filter",
        /// It had asked for tools as often as it may, and answered without them.
        ToolRounds = "tool_rounds",
    }
}

named! {
    /// Why a run failed, as clients see it.
    RunErrorCode {
        /// The provider refused, broke off or answered with something unusable.
        ModelError = "model_error",
        /// The provider is unknown here, or refuses our key.
        ModelNotConfigured = "model_not_configured",
        /// The answer never kept to the assistant's output schema.
        OutputInvalid = "output_invalid",
        /// The provider has no room for us now.
        ModelRateLimited = "model_rate_limited",
        /// The provider was too slow for one of the time limits.
        ModelTimeout = "model_timeout",
        /// The conversation does not fit the model's window.
        ContextTooLong = "context_too_long",
        /// The run has used up its budget before there was an answer.
        BudgetExhausted = "budget_exhausted",
        /// The user lost the account or role that the run began with, or the assistant was disabled or
        /// deleted.
        AccessRevoked = "access_revoked",
        /// The process that worked on the run ended.
        Interrupted = "interrupted",
        /// Somebody cancelled it.
        RunCancelled = "run_cancelled",
    }
}

impl RunErrorCode {
    /// One sentence for the person who asked. Never upstream text.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::ModelError => {
                "The model could not answer. Your message is saved; you can send the next one."
            }
            Self::ModelNotConfigured => "The assistant's model is not configured on this service.",
            Self::OutputInvalid => {
                "The model's answer did not match the assistant's output schema."
            }
            Self::ModelRateLimited => "The model's provider is busy. Try again later.",
            Self::ModelTimeout => "The model took too long to answer.",
            Self::ContextTooLong => "The conversation is too long for the assistant's model.",
            Self::BudgetExhausted => {
                "The run used up its budget of model calls or tokens before it had an answer."
            }
            Self::AccessRevoked => {
                "The account was disabled, deleted or demoted, or the assistant was disabled or deleted."
            }
            Self::Interrupted => "The service stopped while the answer was being generated.",
            Self::RunCancelled => "The run was cancelled.",
        }
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunError {
    /// For programs.
    pub code: RunErrorCode,
    /// For people; without upstream text.
    pub message: String,
}

impl From<RunErrorCode> for RunError {
    fn from(code: RunErrorCode) -> Self {
        Self {
            code,
            message: code.sentence().to_owned(),
        }
    }
}

/// What a provider counted, in its own tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of instructions and history.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

impl Usage {
    /// The sum of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
        }
    }
}
