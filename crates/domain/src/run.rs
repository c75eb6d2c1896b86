//! Runs and how they end.

use chrono::{DateTime, Utc};

use crate::named::named;
use crate::{
    AssistantId, CachedRun, Message, MessageId, MessageKind, OutputFormat, RunAction, RunId,
    RunSettings, ThreadId, UserId,
};

/// The processing of one message, from storing it to the end of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// ID.
    pub id: RunId,
    /// The thread.
    pub thread_id: ThreadId,
    /// The answering assistant; kept when the assistant is deleted.
    pub assistant_id: AssistantId,
    /// The assistant's revision at the start; `None` for runs of older releases.
    pub assistant_revision: Option<u32>,
    /// What its request asked of it, if anything.
    pub settings: Option<Box<RunSettings>>,
    /// Who asked; nobody once their account is deleted.
    pub user_id: Option<UserId>,
    /// Format of the answer.
    pub output_format: OutputFormat,
    /// Status.
    pub status: RunStatus,
    /// Why the model stopped; set on completed runs.
    pub finish_reason: Option<FinishReason>,
    /// Set on failed and cancelled runs.
    pub error: Option<RunError>,
    /// Token counts, if the provider reported any.
    pub usage: Option<Usage>,
    /// Set if answered from the cache.
    pub cache: Option<CachedRun>,
    /// Deadline of a paused run.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it waits for; set while paused.
    pub required_action: Option<Box<RequiredAction>>,
    /// Creation time.
    pub created_at: DateTime<Utc>,
    /// End time; `None` while active.
    pub finished_at: Option<DateTime<Utc>>,
}

impl Run {
    /// The answer among the run's messages, in order: the last one of a completed run.
    #[must_use]
    pub fn output<'a>(&self, messages: &'a [Message]) -> Option<&'a Message> {
        let is_complete = self.status == RunStatus::Completed;
        let mut said = messages.iter().rev();
        let last = said.find(|message| message.kind != MessageKind::Tool);
        let last = last.filter(|_| is_complete);
        last.filter(|message| message.kind == MessageKind::Ai)
    }
}

/// What a paused run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredAction {
    /// The kind of action.
    pub kind: RunAction,
    /// The calls concerned, in the model's order.
    pub calls: Vec<OpenCall>,
}

/// A call that waits for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// Its result's future message.
    pub message_id: MessageId,
    /// See [`ToolCall::id`](crate::ToolCall::id).
    pub tool_call_id: String,
    /// The tool.
    pub name: String,
    /// Arguments as the model wrote them.
    pub arguments: String,
}

impl RequiredAction {
    /// Bytes of text.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let calls = self.calls.iter();
        calls.map(|it| it.name.len() + it.arguments.len()).sum()
    }
}

named! {
    /// Status of a run.
    RunStatus {
        /// A process works on it, or did recently.
        InProgress = "in_progress",
        /// Paused until the client acts.
        RequiresAction = "requires_action",
        /// The answer is stored.
        Completed = "completed",
        /// Ended without a complete answer.
        Failed = "failed",
        /// Cancelled by a user or administrator.
        Cancelled = "cancelled",
        /// Paused, and not resumed in time.
        Expired = "expired",
    }
}

impl RunStatus {
    /// Whether the run has not ended; its thread accepts no other run meanwhile.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::InProgress | Self::RequiresAction)
    }
}

named! {
    /// Why the model stopped.
    FinishReason {
        /// The answer is complete.
        Stop = "stop",
        /// Length limit reached.
        Length = "length",
        /// The provider withheld the rest.
        ContentFilter = "content_filter",
        /// The run's input tokens were used up before another round.
        PromptTokens = "prompt_tokens",
        /// It had asked for tools as often as it may, and answered without them.
        ToolRounds = "tool_rounds",
    }
}

named! {
    /// Why a run failed, for clients.
    RunErrorCode {
        /// The provider refused, broke off or sent an unusable response.
        ModelError = "model_error",
        /// Unknown provider, or the provider refuses the API key.
        ModelNotConfigured = "model_not_configured",
        /// The answer does not match the output schema.
        OutputInvalid = "output_invalid",
        /// The provider limits the rate of requests.
        ModelRateLimited = "model_rate_limited",
        /// A time limit was exceeded.
        ModelTimeout = "model_timeout",
        /// The conversation exceeds the context window.
        ContextTooLong = "context_too_long",
        /// The budget was exhausted before an answer.
        BudgetExhausted = "budget_exhausted",
        /// The user lost the account or role that the run began with, or the assistant was disabled or
        /// deleted.
        AccessRevoked = "access_revoked",
        /// The process working on the run stopped.
        Interrupted = "interrupted",
        /// Cancelled by a user or administrator.
        RunCancelled = "run_cancelled",
    }
}

impl RunErrorCode {
    /// One sentence for the user, without upstream text.
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
    /// For users; without upstream text.
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

/// Token counts as reported by a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of instructions and history.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

impl Usage {
    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
        }
    }
}
