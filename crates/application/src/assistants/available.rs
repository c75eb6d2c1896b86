//! Checks the models, tools and schemas that an assistant names.

use colloquy_domain::{
    Actor, Assistant, AssistantRef, FieldError, Function, ModelName, OutputSchema, ToolName,
    ToolRef, ValidationError, Violation,
};

use super::{Assistants, NewAssistant};
use crate::Error;
use crate::ports::AssistantScope;

impl Assistants {
    /// Checks models, tools and schemas against this service. Returns the model.
    pub(super) async fn check_new(&self, new: &NewAssistant) -> Result<ModelName, Error> {
        let model = self.model_or_default(new.model.clone())?;
        self.check_tools(&new.tools).await?;
        self.check_functions(&Actor::Guest, &new.functions).await?;
        check_names(&new.tools, &new.functions, &new.requires_approval)?;
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

    /// Every function must have a unique name and a valid schema.
    pub(super) async fn check_functions(
        &self,
        actor: &Actor,
        functions: &[Function],
    ) -> Result<(), Error> {
        let bytes: usize = functions.iter().map(Function::bytes).sum();
        if bytes > Function::MAX_TOTAL_BYTES {
            let too_long = Violation::new("too_long", "must have at most 262144 bytes in all");
            return Err(too_long.at("functions").into());
        }
        for (place, function) in functions.iter().enumerate() {
            let schema = function.parameters.as_value().clone();
            let schema = self.schemas.compile(actor, schema).await;
            schema.map_err(|violation| violation.at(format!("functions[{place}].parameters")))?;
        }
        Ok(())
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

/// See [`check_names`].
pub(super) fn check_names_of(assistant: &Assistant) -> Result<(), ValidationError> {
    let Assistant {
        tools,
        functions,
        requires_approval,
        ..
    } = assistant;
    check_names(tools, functions, requires_approval)
}

/// Tools and functions share one namespace for models. Only listed tools can require approval.
fn check_names(
    tools: &[ToolRef],
    functions: &[Function],
    requires_approval: &[ToolRef],
) -> Result<(), ValidationError> {
    let mut errors: Vec<FieldError> = Vec::new();
    let is_tool = |name: &ToolName| tools.iter().any(|tool| tool.tool_name() == *name);
    for (place, function) in functions.iter().enumerate() {
        let before = &functions[..place];
        let violation = if before.iter().any(|other| other.name == function.name) {
            Violation::new("duplicate", "is the name of another function")
        } else if is_tool(&function.name) {
            Violation::new("duplicate", "is the name of one of the assistant's tools")
        } else {
            continue;
        };
        errors.push(violation.at(format!("functions[{place}].name")));
    }
    for (place, tool) in requires_approval.iter().enumerate() {
        let violation = if !tools.contains(tool) {
            Violation::new("unknown_tool", "names none of the assistant's tools")
        } else if requires_approval[..place].contains(tool) {
            Violation::new("duplicate", "is listed twice")
        } else {
            continue;
        };
        errors.push(violation.at(format!("requires_approval[{place}]")));
    }
    match errors.is_empty() {
        true => Ok(()),
        false => Err(ValidationError { errors }),
    }
}
