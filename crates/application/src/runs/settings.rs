//! Whether a request may ask of a run what it asks.

use colloquy_domain::{
    Actor, Assistant, ResponseFormat, RunSettings, ToolChoice, ToolRef, Violation,
};

use super::RunEngine;
use crate::Error;
use crate::access::Access;

impl RunEngine {
    /// Checks what depends on the caller and on this service.
    ///
    /// # Errors
    /// The policy's refusal of an override; `Invalid` for a model that cannot be asked, a tool that
    /// the assistant does not use, a schema that cannot be used.
    pub(crate) async fn check_settings(
        &self,
        access: &Access,
        actor: &Actor,
        assistant: &Assistant,
        settings: &RunSettings,
    ) -> Result<(), Error> {
        let overrides = [
            ("settings.model", settings.model.is_some()),
            ("settings.instructions", settings.instructions.is_some()),
        ];
        for (field, _) in overrides.into_iter().filter(|(_, is_set)| *is_set) {
            let decision = access.policy().override_run(actor, assistant, field).await;
            decision.require_of(actor, "override_run")?;
        }
        if let Some(model) = &settings.model {
            let checked = self.inner.ports.model.check(model);
            checked.map_err(|violation| violation.at("settings.model"))?;
        }
        check_tool(assistant, settings)?;
        if let Some(ResponseFormat::Schema(schema)) = &settings.response_format {
            let schema = schema.as_value().clone();
            let compiled = self.inner.schemas.compile(actor, schema).await;
            compiled.map_err(|violation| violation.at("settings.response_format.schema"))?;
        }
        Ok(())
    }
}

fn check_tool(assistant: &Assistant, settings: &RunSettings) -> Result<(), Error> {
    let Some(ToolChoice::Named(name)) = &settings.tool_choice else {
        return Ok(());
    };
    let tools = assistant.tools.iter().map(ToolRef::tool_name);
    let functions = assistant.functions.iter().map(|it| it.name.clone());
    if tools.chain(functions).any(|tool| tool == *name) {
        return Ok(());
    }
    let violation = Violation::new("unknown_tool", "names no tool of the assistant");
    Err(violation.at("settings.tool_choice.name").into())
}
