//! The tools that a model may call, and the sources that they come from.

use std::sync::Arc;

use async_trait::async_trait;
use colloquy_domain::{CallExecutor, ToolRef};

use super::failure::Failure;
use super::talk::Talk;
use crate::ports::ToolDefinition;
use crate::tools::Registered;

/// Where tools come from.
#[async_trait]
pub(super) trait ToolSource: Send + Sync {
    /// What the source offers in the conversation. What the assistant lists but is not there any
    /// more, or not for this person, is left out.
    ///
    /// # Errors
    /// The store's own.
    async fn tools(&self, talk: &Talk<'_>) -> Result<Vec<OfferedTool>, Failure>;
}

/// The sources that an engine takes tools from.
#[derive(Clone)]
pub(crate) struct ToolSources(pub(super) Vec<Arc<dyn ToolSource>>);

/// A tool that a model may call.
pub(super) enum OfferedTool {
    /// The service carries its calls out.
    Service(Arc<Registered>),
    /// The client does.
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
    /// Names of the tools whose calls need an approval.
    guarded: Vec<String>,
}

impl ToolSet {
    /// What all sources offer in the conversation.
    pub(super) async fn of(talk: &Talk<'_>) -> Result<Self, Failure> {
        let guarded = talk.assistant.requires_approval.iter();
        let guarded = guarded.map(|tool| tool.tool_name().to_string());
        let mut set = Self {
            tools: Vec::new(),
            guarded: guarded.collect(),
        };
        for source in &talk.engine.tool_sources.0 {
            for tool in source.tools(talk).await? {
                // Two changes of the assistant at once may have given one name twice.
                if set.find(tool.definition().name.as_str()).is_none() {
                    set.tools.push(tool);
                }
            }
        }
        // Nobody can be asked in the midst of another assistant's call.
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

    /// The tool of that name, if the service carries it out.
    pub(super) fn get(&self, name: &str) -> Option<&Registered> {
        match self.find(name)? {
            OfferedTool::Service(tool) => Some(tool),
            OfferedTool::Client(_) => None,
        }
    }

    /// Who carries out a call of that name. One that names no tool is answered by the service.
    pub(super) fn executor(&self, name: &str) -> CallExecutor {
        match self.find(name) {
            Some(OfferedTool::Client(_)) => CallExecutor::Client,
            _ => CallExecutor::Service,
        }
    }

    /// Whether somebody has to approve a call of that name.
    pub(super) fn needs_approval(&self, name: &str) -> bool {
        self.get(name).is_some() && self.guarded.iter().any(|guarded| guarded == name)
    }

    fn find(&self, name: &str) -> Option<&OfferedTool> {
        let mut tools = self.tools.iter();
        tools.find(|tool| tool.definition().name.as_str() == name)
    }
}

/// Notes that a listed tool is not offered.
pub(super) fn left_out(tool: &ToolRef) {
    tracing::debug!(%tool, "tool not offered");
}
