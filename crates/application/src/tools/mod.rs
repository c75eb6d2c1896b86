//! Tools: what a model may call while it answers.
//!
//! A team writes a [`TypedTool`] (or a [`Tool`], where the arguments are only known when the
//! service runs), puts it into a [`Toolbox`] and composes its service with that. An assistant
//! lists the tools that its model is told of; nothing else is ever called.

mod calculator;
mod current_time;
mod toolbox;
mod typed;

use std::time::Duration;

use async_trait::async_trait;
use colloquy_domain::{Actor, ThreadId};
use serde_json::Value;

use crate::ports::ToolDefinition;

pub use calculator::Calculator;
pub use current_time::CurrentTime;
pub(crate) use toolbox::Registered;
pub use toolbox::{Toolbox, ToolboxError};
pub use typed::TypedTool;

/// Something that a model may call.
///
/// # Obligations
/// - Whatever it does it does with the rights of [`ToolContext::actor`]: the model's arguments are
///   no better than the words of whoever talks to it.
/// - It may be dropped at any point, when its time is up or the run is cancelled.
#[async_trait]
pub trait Tool: Send + Sync {
    /// As the model is told of it; the same at every call.
    fn definition(&self) -> ToolDefinition;

    /// How long a call may take; never longer than its run.
    fn time_limit(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Does what the model asks for. The arguments keep to the definition's schema. The answer is
    /// cut at [`MAX_RESULT_BYTES`].
    ///
    /// # Errors
    /// What went wrong, for the model to read: it may mend its arguments, or say so.
    async fn call(&self, context: &ToolContext, arguments: Value) -> Result<String, ToolError>;
}

/// The most of a tool's answer that the model is given, in bytes: some 16,000 tokens, which is what
/// a single answer may cost of a model's window.
pub const MAX_RESULT_BYTES: usize = 64 * 1024;

/// For whom a tool is called.
#[derive(Debug, Clone)]
pub struct ToolContext {
    /// Who asked the assistant.
    pub actor: Actor,
    /// Where.
    pub thread_id: ThreadId,
}

/// Why a tool could not do what it was asked, in a sentence for the model. It may reach people by
/// way of the model's answer: no secrets, nothing of the service's inside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ToolError(String);

impl ToolError {
    /// An error with its sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}
