//! Functions of an assistant in requests and responses.

use colloquy_domain::{Function, FunctionDescription, FunctionParameters, ToolName};
use colloquy_web::input::{Fields, Input, Kind, boolean, json_value, list, object, text};
use colloquy_web::schema;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;

/// The functions of an assistant.
pub(super) fn functions() -> impl Kind<Value = Vec<Function>> {
    list(Function::MAX_PER_ASSISTANT, object::<FunctionFields>()).describe(
        "Tools that the client carries out. When the model calls one, the run pauses until its outputs are submitted. Names differ from one another and from those of the tools; 256 KiB in all.",
    )
}

/// The members of a function.
struct FunctionFields;

impl Input for FunctionFields {
    type Value = Function;

    fn read(fields: &mut Fields<'_>) -> Option<Function> {
        let name = text(ToolName::parse, || {
            schema::string().pattern(Some("^[a-zA-Z0-9_-]{1,64}$"))
        });
        let name = name.describe("The name that the model calls.");
        let name = fields.required("name", name);
        let description = text(FunctionDescription::parse, || {
            schema::free_text(FunctionDescription::MAX_CHARS)
        });
        let description = description.describe("What it does and when to call it.");
        let description = fields.optional("description", description);
        let parameters = json_value(FunctionParameters::new, ObjectBuilder::new)
            .describe("JSON Schema of the arguments, an object; no arguments unless given.");
        let parameters = fields.optional("parameters", parameters);
        let strict =
            boolean().describe("Whether to ask the provider to hold the model to the schema.");
        let strict = fields.optional("strict", strict.default_is(false));
        Some(Function {
            name: name?,
            description: description.unwrap_or_default(),
            parameters: parameters.unwrap_or_default(),
            is_strict: strict.unwrap_or_default(),
        })
    }
}

/// A tool that the client carries out.
#[derive(Serialize, ToSchema)]
#[schema(as = Function)]
pub(super) struct FunctionView {
    /// The name that the model calls.
    name: String,
    /// What it does and when to call it.
    description: String,
    /// JSON Schema of the arguments.
    #[schema(value_type = Object)]
    parameters: Value,
    /// Whether the provider is asked to hold the model to the schema.
    strict: bool,
}

impl From<&Function> for FunctionView {
    fn from(function: &Function) -> Self {
        Self {
            name: function.name.as_str().to_owned(),
            description: function.description.as_str().to_owned(),
            parameters: function.parameters.as_value().clone(),
            strict: function.is_strict,
        }
    }
}
