//! A run's output in responses.

use colloquy_domain::{OutputFormat, json_of};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Text, or the JSON value required by the output schema.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum OutputView {
    Text(String),
    Json(Box<RawValue>),
}

impl OutputView {
    pub(crate) fn new(text: String, format: OutputFormat) -> Self {
        match format {
            // It was valid JSON when the run ended. Kept verbatim: numbers may have more digits
            // than ours.
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
                "The answer: text, or a JSON value if the assistant has an `output_schema`.",
            ))
            .into()
    }
}
