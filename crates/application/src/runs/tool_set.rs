//! The tools that a model may call, and their sources.

use std::sync::Arc;

use async_trait::async_trait;
use colloquy_domain::{CallExecutor, ToolChoice, ToolRef};

use super::failure::Failure;
use super::talk::Talk;
use crate::ports::ToolDefinition;
use crate::tools::Registered;

/// A source of tools.
#[async_trait]
pub(super) trait ToolSource: Send + Sync {
    /// The source's tools for the conversation. Skips listed tools that are gone or that the user
    /// may not use.
    ///
    /// # Errors
    /// The store's.
    async fn tools(&self, talk: &Talk<'_>) -> Result<Vec<OfferedTool>, Failure>;
}

/// An engine's tool sources.
#[derive(Clone)]
pub(crate) struct ToolSources(pub(super) Vec<Arc<dyn ToolSource>>);

/// A tool that a model may call.
pub(super) enum OfferedTool {
    /// Executed by the service.
    Service(Arc<Registered>),
    /// Executed by the client.
    Client(ToolDefinition),
}

impl OfferedTool {
    fn definition(&self) -> &ToolDefinition {
        match self {
            Self::Service(tool) => &tool.definition,
            Self::Client(definition) => definition,
        }
    }
}

/// The tools that a model may call in a conversation.
#[derive(Default)]
pub(super) struct ToolSet {
    tools: Vec<OfferedTool>,
    /// Names of tools that require approval.
    guarded: Vec<String>,
}

impl ToolSet {
    /// All sources' tools for the conversation.
    pub(super) async fn of(talk: &Talk<'_>) -> Result<Self, Failure> {
        if talk.settings.tool_choice == Some(ToolChoice::None) {
            return Ok(Self::default());
        }
        let guarded = talk.assistant.requires_approval.iter();
        let guarded = guarded.map(|tool| tool.tool_name().to_string());
        let mut set = Self {
            tools: Vec::new(),
            guarded: guarded.collect(),
        };
        for source in &talk.engine.tool_sources.0 {
            for tool in source.tools(talk).await? {
                // Concurrent changes of the assistant may have duplicated a name.
                if set.find(tool.definition().name.as_str()).is_none() {
                    set.tools.push(tool);
                }
            }
        }
        // Another assistant's call cannot be paused.
        if talk.depth > 0 {
            let Self { tools, guarded } = &mut set;
            tools.retain(|tool| {
                !guarded
                    .iter()
                    .any(|it| it == tool.definition().name.as_str())
            });
        }
        Ok(set)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// As shown to the model.
    pub(super) fn definitions(&self) -> Vec<ToolDefinition> {
        let tools = self.tools.iter();
        tools.map(|tool| tool.definition().clone()).collect()
    }

    /// Whether the tool is offered.
    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The tool of that name, if executed by the service.
    pub(super) fn get(&self, name: &str) -> Option<&Registered> {
        match self.find(name)? {
            OfferedTool::Service(tool) => Some(tool),
            OfferedTool::Client(_) => None,
        }
    }

    /// Who executes a call of that name; the service, if there is no such tool.
    pub(super) fn executor(&self, name: &str) -> CallExecutor {
        match self.find(name) {
            Some(OfferedTool::Client(_)) => CallExecutor::Client,
            _ => CallExecutor::Service,
        }
    }

    /// Whether calls of that name require approval.
    pub(super) fn needs_approval(&self, name: &str) -> bool {
        self.get(name).is_some() && self.guarded.iter().any(|guarded| guarded == name)
    }

    fn find(&self, name: &str) -> Option<&OfferedTool> {
        let mut tools = self.tools.iter();
        tools.find(|tool| tool.definition().name.as_str() == name)
    }
}

/// Logs that a listed tool is not offered.
pub(super) fn left_out(tool: &ToolRef) {
    tracing::debug!(%tool, "tool not offered");
}
