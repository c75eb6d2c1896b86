//! Port: chat models.

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use colloquy_domain::{
    Configuration, FinishReason, ModelName, ReasoningEffort, Seed, StopText, ToolCall, ToolName,
    ToolResult, Usage, Violation,
};
use futures_core::Stream;
use serde_json::Value;

use super::BoxError;

/// Calls chat models. One call is one attempt: the run engine retries and limits time and length.
/// The adapter limits the time to connect.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// Whether the model can be called: its provider is known and configured. Does no I/O, so an
    /// unknown model of a known provider passes.
    ///
    /// # Errors
    /// `unknown_provider` or `provider_not_configured`.
    fn check(&self, model: &ModelName) -> Result<(), Violation>;

    /// The providers, by name. Does no I/O. Empty for an adapter that does not distinguish
    /// providers.
    fn providers(&self) -> Vec<ModelProvider> {
        Vec::new()
    }

    /// Sends the request and streams the answer, up to the first `End` or error. A truncated answer
    /// is an error, `Broken`. Dropping the stream closes the connection.
    ///
    /// # Errors
    /// Why no answer began.
    async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError>;
}

/// A provider of models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelProvider {
    /// The prefix of its models' names.
    pub name: String,
    /// Why its models cannot be called: see [`ChatModel::check`].
    pub violation: Option<Violation>,
    /// Its models as far as known without a request.
    pub models: Vec<ModelName>,
}

/// A streamed answer.
pub type ChatStream = Pin<Box<dyn Stream<Item = Result<ChatEvent, ModelError>> + Send>>;

/// A request to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// The model.
    pub model: ModelName,
    /// The system prompt.
    pub instructions: Option<String>,
    /// The conversation, oldest first; never empty. Starts with the user, alternates, and never
    /// ends with the model.
    pub messages: Vec<ChatMessage>,
    /// What only some providers know.
    pub options: ChatOptions,
    /// Generation settings. History limits and tags do not apply here.
    pub configuration: Configuration,
    /// Tools it may call, with unique names.
    pub tools: Vec<ToolDefinition>,
    /// Whether tools may be called. After the last round the model sees the tools but must answer.
    pub may_call_tools: bool,
    /// JSON Schema of the answer, to be requested natively where possible. The instructions contain
    /// it too, and the answer is validated.
    pub output_schema: Option<Value>,
}

/// Settings of a call that only some providers know. An adapter passes over what its provider does
/// not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChatOptions {
    /// Texts at which the model stops.
    pub stop: Vec<StopText>,
    /// Makes sampling repeatable.
    pub seed: Option<Seed>,
    /// How much a reasoning model thinks.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// Whether several tools may be called at once.
    pub parallel_tool_calls: Option<bool>,
    /// Which tool has to be called; only with tools that may be called.
    pub required_tool: Option<RequiredTool>,
}

/// Which tool has to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequiredTool {
    /// Any.
    Any,
    /// This one, which is among the request's.
    Named(ToolName),
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatMessage {
    /// The user's.
    User(String),
    /// The model's.
    Assistant {
        /// Empty if it only called tools.
        text: String,
        /// Its tool calls. Results follow immediately.
        tool_calls: Vec<ToolCall>,
    },
    /// A tool's result.
    Tool(ToolResult),
}

impl ChatMessage {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::User(text) | Self::Assistant { text, .. } => text,
            Self::Tool(result) => &result.content,
        }
    }
}

/// A tool as shown to the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolDefinition {
    /// The name that the model calls.
    pub name: ToolName,
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema of the arguments; an object.
    pub parameters: Value,
    /// Whether to request strict schema adherence, where the provider supports it.
    pub is_strict: bool,
}

/// Part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChatEvent {
    /// Text; never cut within a character.
    Text(String),
    /// Reasoning, which is not part of the answer.
    Reasoning(String),
    /// A keep-alive that resets the idle limit: partial arguments or hidden reasoning. At most one
    /// per event of the provider.
    Progress,
    /// A complete tool call. The answer then ends with `Stop`.
    ToolCall(ToolCall),
    /// The end of the answer.
    End(ChatEnd),
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatEnd {
    /// Why the model stopped.
    pub finish_reason: FinishReason,
    /// The provider's token counts, if any.
    pub usage: Option<Usage>,
}

/// Why a model failed.
#[derive(Debug, thiserror::Error)]
#[error("model call failed: {kind:?}")]
pub struct ModelError {
    /// Decides how it is handled.
    pub kind: ModelErrorKind,
    /// The provider's `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The cause, for the log only: it may quote the provider.
    #[source]
    pub source: Option<BoxError>,
}

impl ModelError {
    /// An error with its cause.
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

/// Kinds of model failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// Connection failure before the answer began. Retried.
    Unreachable,
    /// 408, 409 or 5xx. Retried.
    Unavailable,
    /// 429. Retried after `retry_after`.
    RateLimited,
    /// A time limit was exceeded. Never retried.
    TimedOut,
    /// Unknown provider, missing key, or the provider refuses the key (401, 403).
    NotConfigured,
    /// The conversation exceeds the context window.
    ContextTooLong,
    /// Refused for another reason (other 4xx), or the certificate is not trusted.
    Refused,
    /// Truncated, malformed, empty or oversized answer.
    Broken,
}

impl ModelErrorKind {
    /// Whether a retry may help, if no part of the answer has arrived.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Unreachable | Self::Unavailable | Self::RateLimited
        )
    }

    /// Stable name in `snake_case`.
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
