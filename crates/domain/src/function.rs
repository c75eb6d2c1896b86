//! Functions: tools executed by the client.

use serde_json::{Value, json};

use crate::output::check_schema;
use crate::text::text_types;
use crate::{ToolName, Violation};

/// A client function. When the model calls it, the run pauses until the client submits the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The name that the model calls.
    pub name: ToolName,
    /// What it does and when to use it.
    pub description: FunctionDescription,
    /// Its parameters.
    pub parameters: FunctionParameters,
    /// Whether to request strict schema adherence from the provider.
    pub is_strict: bool,
}

impl Function {
    /// Maximum number of functions per assistant.
    pub const MAX_PER_ASSISTANT: usize = 128;
    /// Maximum total bytes of an assistant's functions.
    pub const MAX_TOTAL_BYTES: usize = 256 * 1024;

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let parameters = self.parameters.as_value().to_string();
        self.name.as_str().len() + self.description.as_str().len() + parameters.len()
    }
}

text_types! {
    /// What a function does, for the model.
    FunctionDescription: max 1_024, blank Allowed;
}

impl Default for FunctionDescription {
    /// No description.
    fn default() -> Self {
        Self(String::new())
    }
}

/// JSON Schema of a function's arguments; validity is not checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionParameters(Value);

impl FunctionParameters {
    /// Requires an object, as all providers do, and checks the size.
    ///
    /// # Errors
    /// `wrong_type` or `too_long`.
    pub fn new(schema: Value) -> Result<Self, Violation> {
        check_schema(&schema)?;
        Ok(Self(schema))
    }

    /// The schema.
    #[must_use]
    pub const fn as_value(&self) -> &Value {
        &self.0
    }
}

impl Default for FunctionParameters {
    /// No parameters.
    fn default() -> Self {
        Self(json!({"type": "object", "properties": {}}))
    }
}
