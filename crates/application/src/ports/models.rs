use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use colloquy_domain::{
    Configuration, FinishReason, ModelName, ToolCall, ToolName, ToolResult, Usage, Violation,
};
use futures_core::Stream;
use serde_json::Value;

use super::BoxError;

/// Asks language models. One call is one attempt: retries and the limits for the first token, for
/// silence, for the whole run and for the length of the answer are the run engine's, so that every
/// adapter has them alike. The limit for connecting is the adapter's.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// Whether such a model can be asked here: its provider is known and has what it needs. Does
    /// no I/O; whether the provider has a model of that name shows when it is asked.
    ///
    /// # Errors
    /// A `Violation` with the code `unknown_provider` or `provider_not_configured`.
    fn check(&self, model: &ModelName) -> Result<(), Violation>;

    /// The providers whose models can be named here, by name. Does no I/O. An adapter that does not
    /// tell providers apart has none.
    fn providers(&self) -> Vec<ModelProvider> {
        Vec::new()
    }

    /// Sends the request and returns the answer as it comes. The stream ends after its first
    /// `End` or error; a stream that ends without either was cut, and an adapter reports that as
    /// `Broken`. Dropping the stream closes the connection.
    ///
    /// # Errors
    /// What kept the provider from beginning an answer.
    async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError>;
}

/// A provider of models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelProvider {
    /// The prefix of its models' names.
    pub name: String,
    /// Why its models cannot be asked, if they cannot: see [`ChatModel::check`].
    pub violation: Option<Violation>,
    /// The models that it is known to have without asking it.
    pub models: Vec<ModelName>,
}

/// An answer as it comes.
pub type ChatStream = Pin<Box<dyn Stream<Item = Result<ChatEvent, ModelError>> + Send>>;

/// What a model is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// Which model.
    pub model: ModelName,
    /// What it is told first; `None` when the assistant has no instructions.
    pub instructions: Option<String>,
    /// The conversation, oldest first; never empty. It begins with the user and does not end with
    /// the model, whose utterances are never neighbours, nor the user's.
    pub messages: Vec<ChatMessage>,
    /// Generation settings; its history limits and tags are not for the model.
    pub configuration: Configuration,
    /// What it may call; no two of one name.
    pub tools: Vec<ToolDefinition>,
    /// Whether it may call them now: after its last round it is still told what its earlier calls
    /// were about, but has to answer.
    pub may_call_tools: bool,
    /// The JSON Schema of the answer, to be asked for in the provider's own way where it has one.
    /// The instructions say it too, and the answer is validated afterwards.
    pub output_schema: Option<Value>,
}

/// One utterance of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatMessage {
    /// A person's.
    User(String),
    /// The model's.
    Assistant {
        /// What it said; empty where it only called tools.
        text: String,
        /// The tools it called. Each call has its result among the messages that follow before
        /// anybody else speaks.
        tool_calls: Vec<ToolCall>,
    },
    /// A tool's.
    Tool(ToolResult),
}

impl ChatMessage {
    /// What is said.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::User(text) | Self::Assistant { text, .. } => text,
            Self::Tool(result) => &result.content,
        }
    }
}

/// A tool as a model is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolDefinition {
    /// By which the model calls it.
    pub name: ToolName,
    /// What it does and when to use it, for the model to read.
    pub description: String,
    /// The JSON Schema of its arguments: an object.
    pub parameters: Value,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChatEvent {
    /// Some more text; never cut within a character.
    Text(String),
    /// What the model thinks on its way to the answer, of which it is no part; some more of it.
    Reasoning(String),
    /// A sign of life that is not part of the answer: the model writes the arguments of a call, or
    /// thinks without saying what. At most one for each event of the provider's.
    Progress,
    /// A whole call of a tool. After its calls the answer ends; the reason is `Stop` then.
    ToolCall(ToolCall),
    /// The answer is over.
    End(ChatEnd),
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatEnd {
    /// Why the model stopped.
    pub finish_reason: FinishReason,
    /// What the provider counted, where it says.
    pub usage: Option<Usage>,
}

/// Why a model did not answer, or not to the end.
#[derive(Debug, thiserror::Error)]
#[error("model call failed: {kind:?}")]
pub struct ModelError {
    /// What went wrong, as far as it matters to what is done next.
    pub kind: ModelErrorKind,
    /// How long the provider asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The cause, for the operator's log only: it may carry the provider's own words.
    #[source]
    pub source: Option<BoxError>,
}

impl ModelError {
    /// An error of that kind with its cause.
    pub fn new(kind: ModelErrorKind, source: impl Into<BoxError>) -> Self {
        Self {
            kind,
            retry_after: None,
            source: Some(source.into()),
        }
    }
}

impl From<ModelErrorKind> for ModelError {
    fn from(kind: ModelErrorKind) -> Self {
        Self {
            kind,
            retry_after: None,
            source: None,
        }
    }
}

/// What went wrong with a model call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// No connection: name, refusal, reset before the answer began. Worth another attempt.
    Unreachable,
    /// The provider says 408, 409 or 5xx. Worth another attempt.
    Unavailable,
    /// The provider says 429. Worth another attempt after `retry_after`.
    RateLimited,
    /// One of the time limits ran out. Never repeated.
    TimedOut,
    /// The provider is unknown here, has no key, or refuses ours (401, 403).
    NotConfigured,
    /// The conversation does not fit the model's window.
    ContextTooLong,
    /// The provider refuses the request for another reason (other 4xx), or its certificate is
    /// not to be trusted.
    Refused,
    /// The answer is not one: cut, malformed, of the wrong type, empty, beyond every bound.
    Broken,
}

impl ModelErrorKind {
    /// Whether another attempt may help, provided that no part of an answer has come yet.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Unreachable | Self::Unavailable | Self::RateLimited
        )
    }

    /// Its stable name, in `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Unavailable => "unavailable",
            Self::RateLimited => "rate_limited",
            Self::TimedOut => "timed_out",
            Self::NotConfigured => "not_configured",
            Self::ContextTooLong => "context_too_long",
            Self::Refused => "refused",
            Self::Broken => "broken",
        }
    }
}
