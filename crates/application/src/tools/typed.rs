//! Tools with typed arguments.

use std::time::Duration;

use async_trait::async_trait;
use colloquy_domain::ToolName;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Tool, ToolContext, ToolError};
use crate::ports::ToolDefinition;

/// A [`Tool`] with typed arguments. The schema for the model is derived from the type; doc comments
/// become descriptions.
#[async_trait]
pub trait TypedTool: Send + Sync {
    /// The arguments; a struct.
    type Arguments: DeserializeOwned + JsonSchema + Send;

    /// The name.
    fn name(&self) -> ToolName;

    /// What it does and when to use it, for the model; by default the doc comment of
    /// [`Self::Arguments`].
    fn description(&self) -> String {
        let schema = schemars::schema_for!(Self::Arguments);
        let description = schema.get("description").and_then(Value::as_str);
        description.unwrap_or_default().to_owned()
    }

    /// See [`Tool::time_limit`].
    fn time_limit(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// See [`Tool::call`].
    ///
    /// # Errors
    /// What went wrong, for the model.
    async fn call(
        &self,
        context: &ToolContext,
        arguments: Self::Arguments,
    ) -> Result<String, ToolError>;
}

#[async_trait]
impl<T: TypedTool> Tool for T {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition {
            name: self.name(),
            description: self.description(),
            parameters: parameters::<T::Arguments>(),
            is_strict: false,
        }
    }

    fn time_limit(&self) -> Duration {
        TypedTool::time_limit(self)
    }

    async fn call(&self, context: &ToolContext, arguments: Value) -> Result<String, ToolError> {
        let arguments = serde_json::from_value(arguments)
            .map_err(|error| ToolError::new(format!("The arguments are wrong: {error}.")))?;
        TypedTool::call(self, context, arguments).await
    }
}

/// The type's JSON Schema, without its name.
pub(super) fn parameters<T: JsonSchema>() -> Value {
    let mut parameters = schemars::schema_for!(T);
    parameters.remove("title");
    parameters.remove("$schema");
    parameters.to_value()
}
