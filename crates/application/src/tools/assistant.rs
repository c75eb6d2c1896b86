//! An assistant as a tool of other assistants.

use colloquy_domain::{Assistant, Description, ToolName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::typed::parameters;
use crate::ports::ToolDefinition;

/// A question or task for an assistant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// The question or task, with everything needed to answer it: nothing else of the
    /// conversation is passed on.
    #[schemars(length(min = 1))]
    pub(crate) message: String,
}

pub(crate) fn description(assistant: &Assistant) -> String {
    let purpose = assistant.description.as_ref();
    let purpose = purpose.map_or("", Description::as_str);
    format!(
        "Asks the assistant {:?}. {purpose}",
        assistant.name.as_str()
    )
}

pub(crate) fn definition(assistant: &Assistant) -> ToolDefinition {
    ToolDefinition {
        name: ToolName::from(&assistant.slug),
        description: description(assistant),
        parameters: parameters::<Question>(),
        is_strict: false,
    }
}
