//! Tool sources that need the assistant only: registered tools and client functions.

use async_trait::async_trait;
use colloquy_domain::{Function, ToolRef};

use super::failure::Failure;
use super::talk::Talk;
use super::tool_set::{OfferedTool, ToolSource, left_out};
use crate::ports::ToolDefinition;
use crate::tools::Toolbox;

/// The registered tools.
pub(super) struct RegisteredTools(pub(super) Toolbox);

#[async_trait]
impl ToolSource for RegisteredTools {
    async fn tools(&self, talk: &Talk<'_>) -> Result<Vec<OfferedTool>, Failure> {
        let mut tools = Vec::new();
        for reference in &talk.assistant.tools {
            let ToolRef::Registered(name) = reference else {
                continue;
            };
            match self.0.get(name) {
                Some(tool) => tools.push(OfferedTool::Service(tool)),
                None => left_out(reference),
            }
        }
        Ok(tools)
    }
}

/// Functions of the run's own assistant, executed by the client. Those of assistants called as
/// tools are not offered.
pub(super) struct ClientFunctions;

#[async_trait]
impl ToolSource for ClientFunctions {
    async fn tools(&self, talk: &Talk<'_>) -> Result<Vec<OfferedTool>, Failure> {
        let functions = talk.assistant.functions.iter();
        let functions = functions.filter(|_| talk.depth == 0);
        Ok(functions.map(offered).collect())
    }
}

fn offered(function: &Function) -> OfferedTool {
    OfferedTool::Client(ToolDefinition {
        name: function.name.clone(),
        description: function.description.as_str().to_owned(),
        parameters: function.parameters.as_value().clone(),
        is_strict: function.is_strict,
    })
}
