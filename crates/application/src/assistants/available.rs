//! Checks the models, tools and schemas that an assistant names.

use colloquy_domain::{
    Actor, AssistantRef, FieldError, ModelName, OutputSchema, ToolRef, ValidationError, Violation,
};

use super::{Assistants, NewAssistant};
use crate::Error;
use crate::ports::AssistantScope;

impl Assistants {
    /// Checks models, tools and schemas against this service. Returns the model.
    pub(super) async fn check_new(&self, new: &NewAssistant) -> Result<ModelName, Error> {
        let model = self.model_or_default(new.model.clone())?;
        self.check_tools(&new.tools).await?;
        self.check_schema(&Actor::Guest, new.output_schema.as_ref())
            .await?;
        Ok(model)
    }

    fn model_or_default(&self, model: Option<ModelName>) -> Result<ModelName, Error> {
        let model = model
            .or_else(|| self.default_model.clone())
            .ok_or_else(|| Violation::new("required", "is required").at("model"))?;
        self.check_model(&model)?;
        Ok(model)
    }

    pub(super) fn check_model(&self, model: &ModelName) -> Result<(), Error> {
        Ok(self.models.check(model).map_err(|v| v.at("model"))?)
    }

    pub(super) async fn check_tools(&self, tools: &[ToolRef]) -> Result<(), Error> {
        let mut errors: Vec<FieldError> = Vec::new();
        for (place, tool) in tools.iter().enumerate() {
            let violation = if !self.is_there(tool).await? {
                Violation::new("unknown_tool", "must name a tool of this service")
            } else if tools[..place]
                .iter()
                .any(|other| other.tool_name() == tool.tool_name())
            {
                Violation::new(
                    "duplicate",
                    "must not have the name of another tool in the list",
                )
            } else {
                continue;
            };
            errors.push(violation.at(format!("tools[{place}]")));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ValidationError { errors }.into())
        }
    }

    pub(super) async fn check_schema(
        &self,
        actor: &Actor,
        schema: Option<&OutputSchema>,
    ) -> Result<(), Error> {
        if let Some(schema) = schema {
            let schema = schema.as_value().clone();
            let schema = self.schemas.compile(actor, schema).await;
            schema.map_err(|violation| violation.at("output_schema"))?;
        }
        Ok(())
    }

    async fn is_there(&self, tool: &ToolRef) -> Result<bool, Error> {
        match tool {
            ToolRef::Registered(name) => Ok(self.toolbox.get(name).is_some()),
            ToolRef::Assistant(slug) => {
                let reference = AssistantRef::Slug(slug.clone());
                let found = self.assistants.get(&reference, &AssistantScope::All);
                Ok(found.await?.is_some())
            }
        }
    }
}
