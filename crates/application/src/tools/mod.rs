//! Tools that models can call.
//!
//! Implement [`TypedTool`] (or [`Tool`], if the schema is known only at run time) and add it to a
//! [`Toolbox`]. A model sees and calls only tools that its assistant lists.

pub(crate) mod assistant;
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

/// A tool.
///
/// # Obligations
/// - It acts with the rights of [`ToolContext::actor`]: arguments from the model are as untrusted
///   as
///   the user's words.
/// - It may be dropped at any await, on timeout or cancellation.
#[async_trait]
pub trait Tool: Send + Sync {
    /// The tool as shown to the model; constant.
    fn definition(&self) -> ToolDefinition;

    /// Time limit of a call, within the run's own.
    fn time_limit(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Carries out a call. The arguments match the schema. The result is cut at
    /// [`MAX_RESULT_BYTES`].
    ///
    /// # Errors
    /// What went wrong, for the model.
    async fn call(&self, context: &ToolContext, arguments: Value) -> Result<String, ToolError>;
}

/// Maximum bytes of a result that the model sees: about 16,000 tokens.
pub const MAX_RESULT_BYTES: usize = 64 * 1024;

/// On whose behalf a tool is called.
#[derive(Debug, Clone)]
pub struct ToolContext {
    /// Who asked the assistant.
    pub actor: Actor,
    /// The thread.
    pub thread_id: ThreadId,
}

/// Why a call failed, as a sentence for the model, which may repeat it: no secrets or internals.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ToolError(String);

impl ToolError {
    /// An error with this sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}
