use colloquy_application::assistants::ConfigurationChanges;
use colloquy_domain::{
    Configuration, FrequencyPenalty, HistoryLimit, PresencePenalty, Tag, Temperature, TokenLimit,
    TopP,
};
use colloquy_web::input::{Fields, decimal, list, text, whole_number};
use colloquy_web::schema::{BodySchema, between, nullable, up_to};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

/// How an assistant's model is run; `null` is left to the provider, or to the service.
#[derive(Serialize, ToSchema)]
#[schema(as = Configuration)]
pub(super) struct ConfigurationView {
    /// Randomness of the answer.
    #[schema(required = true)]
    temperature: Option<f64>,
    /// Share of probability mass that is sampled from.
    #[schema(required = true)]
    top_p: Option<f64>,
    /// Push towards new subjects.
    #[schema(required = true)]
    presence_penalty: Option<f64>,
    /// Push against repetition.
    #[schema(required = true)]
    frequency_penalty: Option<f64>,
    /// The longest answer, in the model's tokens.
    #[schema(required = true)]
    max_output_tokens: Option<u32>,
    /// The newest messages sent to the model, the new one included.
    #[schema(required = true)]
    history_max_messages: Option<u32>,
    /// Roughly how many tokens of history are sent, the new message included.
    #[schema(required = true)]
    history_max_tokens: Option<u32>,
    /// Labels by which operators tell assistants apart.
    #[schema(required = true)]
    tags: Option<Vec<String>>,
}

impl From<&Configuration> for ConfigurationView {
    fn from(settings: &Configuration) -> Self {
        let tags = |tags: &Vec<Tag>| tags.iter().map(|tag| tag.as_str().to_owned()).collect();
        Self {
            temperature: settings.temperature.map(Temperature::get),
            top_p: settings.top_p.map(TopP::get),
            presence_penalty: settings.presence_penalty.map(PresencePenalty::get),
            frequency_penalty: settings.frequency_penalty.map(FrequencyPenalty::get),
            max_output_tokens: settings.max_output_tokens.map(TokenLimit::get),
            history_max_messages: settings.history_max_messages.map(HistoryLimit::get),
            history_max_tokens: settings.history_max_tokens.map(TokenLimit::get),
            tags: settings.tags.as_ref().map(tags),
        }
    }
}

/// Reads the changes from the members of `configuration`.
pub(super) fn read(fields: &mut Fields<'_>) -> Option<ConfigurationChanges> {
    Some(ConfigurationChanges {
        temperature: fields.nullable("temperature", decimal(Temperature::new)),
        top_p: fields.nullable("top_p", decimal(TopP::new)),
        presence_penalty: fields.nullable("presence_penalty", decimal(PresencePenalty::new)),
        frequency_penalty: fields.nullable("frequency_penalty", decimal(FrequencyPenalty::new)),
        max_output_tokens: fields.nullable("max_output_tokens", whole_number(TokenLimit::new)),
        history_max_messages: fields
            .nullable("history_max_messages", whole_number(HistoryLimit::new)),
        history_max_tokens: fields.nullable("history_max_tokens", whole_number(TokenLimit::new)),
        tags: fields.nullable("tags", list(Configuration::MAX_TAGS, text(Tag::parse))),
    })
}

/// The changes that clear every setting.
pub(super) fn cleared() -> ConfigurationChanges {
    ConfigurationChanges {
        temperature: Some(None),
        top_p: Some(None),
        presence_penalty: Some(None),
        frequency_penalty: Some(None),
        max_output_tokens: Some(None),
        history_max_messages: Some(None),
        history_max_tokens: Some(None),
        tags: Some(None),
    }
}

/// What [`ConfigurationChanges`] are read from, or `null` to clear every setting.
pub(super) fn configuration_schema() -> RefOr<Schema> {
    let tokens = || nullable(up_to(TokenLimit::MAX));
    let tags = ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(colloquy_web::schema::text(Tag::MAX_CHARS))
        .max_items(Some(Configuration::MAX_TAGS));
    BodySchema::new("How the model is run. A member left out stays, `null` clears it.")
        .optional(
            "temperature",
            nullable(between(Temperature::MIN, Temperature::MAX)),
        )
        .optional("top_p", nullable(between(TopP::MIN, TopP::MAX)))
        .optional(
            "presence_penalty",
            nullable(between(PresencePenalty::MIN, PresencePenalty::MAX)),
        )
        .optional(
            "frequency_penalty",
            nullable(between(FrequencyPenalty::MIN, FrequencyPenalty::MAX)),
        )
        .optional("max_output_tokens", tokens())
        .optional("history_max_messages", nullable(up_to(HistoryLimit::MAX)))
        .optional("history_max_tokens", tokens())
        .optional("tags", tags)
        .or_null()
}
