use colloquy_domain::{OutputFormat, json_of};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A run's answer: a text, or the JSON value that the assistant's output schema asks for.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum OutputView {
    Text(String),
    Json(Box<RawValue>),
}

impl OutputView {
    pub(crate) fn new(text: String, format: OutputFormat) -> Self {
        match format {
            // It was JSON when the run ended. To the digit: a number may have more of them than
            // ours have.
            OutputFormat::Json => RawValue::from_string(json_of(&text).to_owned())
                .map_or(Self::Text(text), Self::Json),
            _ => Self::Text(text),
        }
    }
}

impl ToSchema for OutputView {
    fn name() -> std::borrow::Cow<'static, str> {
        "Output".into()
    }
}

impl PartialSchema for OutputView {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::AnyValue)
            .description(Some(
                "The answer: its text, or a JSON value where the assistant has an                  `output_schema`.",
            ))
            .into()
    }
}
