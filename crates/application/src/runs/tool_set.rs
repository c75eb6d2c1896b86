//! The tools that a model may call.

use std::sync::Arc;

use colloquy_domain::{Assistant, AssistantRef, ToolRef};

use super::agent_loop::Talk;
use super::assistant_tool::AssistantTool;
use super::failure::Failure;
use crate::Error;
use crate::access::AssistantAction;
use crate::ports::ToolDefinition;
use crate::schemas::Schema;
use crate::tools::{Registered, Tool};

/// The tools that a model may call in a conversation.
#[derive(Default)]
pub(super) struct ToolSet {
    tools: Vec<Arc<Registered>>,
}

/// How deep assistants ask assistants: the one that a person asks is at depth 0.
const MAX_DEPTH: u32 = 3;

impl ToolSet {
    /// What the assistant lists, as far as it is there and the person may use it. What is not is
    /// left out: it may have been removed since the assistant was saved.
    pub(super) async fn of(talk: &Talk<'_>) -> Result<Self, Failure> {
        let mut set = Self::default();
        for reference in &talk.assistant.tools {
            match find(talk, reference).await? {
                Some(tool) => set.tools.push(tool),
                None => tracing::debug!(tool = %reference, "tool not offered"),
            }
        }
        Ok(set)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// As the model is told of them.
    pub(super) fn definitions(&self) -> Vec<ToolDefinition> {
        let tools = self.tools.iter();
        tools.map(|tool| tool.definition.clone()).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Registered> {
        let mut tools = self.tools.iter();
        let found = tools.find(|tool| tool.definition.name.as_str() == name);
        found.map(|tool| &**tool)
    }
}

async fn find(talk: &Talk<'_>, reference: &ToolRef) -> Result<Option<Arc<Registered>>, Failure> {
    match reference {
        ToolRef::Registered(name) => Ok(talk.engine.toolbox.get(name)),
        ToolRef::Assistant(_) if talk.depth >= MAX_DEPTH => Ok(None),
        ToolRef::Assistant(slug) => {
            let reference = AssistantRef::Slug(slug.clone());
            let access = &talk.engine.access;
            let actor = &talk.context.actor;
            match access
                .assistant(actor, &reference, AssistantAction::Run)
                .await
            {
                Ok(assistant) => Ok(as_tool(talk, assistant)),
                Err(Error::Port(error)) => Err(error.into()),
                Err(_refused) => Ok(None),
            }
        }
    }
}

fn as_tool(talk: &Talk<'_>, assistant: Arc<Assistant>) -> Option<Arc<Registered>> {
    let tool = AssistantTool::new(talk, assistant);
    let definition = tool.definition();
    let arguments = Schema::compile(&definition.parameters).ok()?;
    Some(Arc::new(Registered {
        tool: Arc::new(tool),
        definition,
        arguments,
        is_assistant: true,
    }))
}
