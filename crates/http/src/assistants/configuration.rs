//! Generation settings in requests and responses.

use colloquy_application::assistants::ConfigurationChanges;
use colloquy_domain::{
    Configuration, FrequencyPenalty, HistoryLimit, PresencePenalty, Tag, Temperature, TokenLimit,
    TopP,
};
use colloquy_web::input::{Fields, Input, decimal, list, text, up_to};
use colloquy_web::schema;
use serde::Serialize;
use utoipa::ToSchema;

/// Generation settings; `null` leaves a setting to the provider or service.
#[derive(Serialize, ToSchema)]
#[schema(as = Configuration)]
pub(super) struct ConfigurationView {
    /// Sampling temperature.
    #[schema(required = true)]
    temperature: Option<f64>,
    /// Nucleus sampling mass.
    #[schema(required = true)]
    top_p: Option<f64>,
    /// Presence penalty.
    #[schema(required = true)]
    presence_penalty: Option<f64>,
    /// Frequency penalty.
    #[schema(required = true)]
    frequency_penalty: Option<f64>,
    /// Maximum answer length in tokens.
    #[schema(required = true)]
    max_output_tokens: Option<u32>,
    /// Maximum number of messages sent to the model, including the new one.
    #[schema(required = true)]
    history_max_messages: Option<u32>,
    /// Approximate maximum of history tokens sent, including the new message.
    #[schema(required = true)]
    history_max_tokens: Option<u32>,
    /// Labels for filtering logs.
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

/// The members of `configuration`.
pub(super) struct ConfigurationFields;

impl Input for ConfigurationFields {
    type Value = ConfigurationChanges;

    fn read(fields: &mut Fields<'_>) -> Option<ConfigurationChanges> {
        let temperature = decimal(Temperature::new, Temperature::MIN, Temperature::MAX);
        let top_p = decimal(TopP::new, TopP::MIN, TopP::MAX);
        let (min, max) = (PresencePenalty::MIN, PresencePenalty::MAX);
        let presence_penalty = decimal(PresencePenalty::new, min, max);
        let (min, max) = (FrequencyPenalty::MIN, FrequencyPenalty::MAX);
        let frequency_penalty = decimal(FrequencyPenalty::new, min, max);
        let tokens = || up_to(TokenLimit::new, TokenLimit::MAX);
        let messages = up_to(HistoryLimit::new, HistoryLimit::MAX);
        let tag = text(Tag::parse, || schema::text(Tag::MAX_CHARS));
        Some(ConfigurationChanges {
            temperature: fields.nullable("temperature", temperature),
            top_p: fields.nullable("top_p", top_p),
            presence_penalty: fields.nullable("presence_penalty", presence_penalty),
            frequency_penalty: fields.nullable("frequency_penalty", frequency_penalty),
            max_output_tokens: fields.nullable("max_output_tokens", tokens()),
            history_max_messages: fields.nullable("history_max_messages", messages),
            history_max_tokens: fields.nullable("history_max_tokens", tokens()),
            tags: fields.nullable("tags", list(Configuration::MAX_TAGS, tag)),
        })
    }
}

/// Changes that clear every setting.
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
