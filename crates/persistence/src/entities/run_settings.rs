//! The JSON in `runs.settings`.

use colloquy_application::ports::{BoxError, PortError};
use colloquy_domain::{
    FrequencyPenalty, HistoryLimit, Instructions, ModelName, OutputSchema, PresencePenalty,
    ReasoningEffort, ResponseFormat, RunSettings, RunTokenLimit, Seed, StopText, Temperature,
    ToolChoice, ToolName, TopP, Truncation, Violation,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Missing members are `None`.
#[derive(Serialize, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Stored {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_instructions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_prompt_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<StoredToolChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncation: Option<StoredTruncation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<StoredFormat>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredToolChoice {
    None,
    Auto,
    Required,
    Named(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredTruncation {
    Auto,
    LastMessages(u32),
    Off,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredFormat {
    Text,
    Json,
    Schema(Value),
}

/// As they are stored.
pub(super) fn written(settings: &RunSettings) -> Result<String, PortError> {
    serde_json::to_string(&Stored::from(settings)).map_err(PortError::other)
}

/// As they were stored.
pub(super) fn read(json: &str) -> Result<RunSettings, BoxError> {
    Ok(serde_json::from_str::<Stored>(json)?.try_into()?)
}

impl From<&RunSettings> for Stored {
    fn from(settings: &RunSettings) -> Self {
        let text = |it: &Instructions| it.as_str().to_owned();
        let stops = |stops: &Vec<StopText>| stops.iter().map(|it| it.as_str().to_owned()).collect();
        Self {
            model: settings.model.as_ref().map(|it| it.as_str().to_owned()),
            instructions: settings.instructions.as_ref().map(text),
            additional_instructions: settings.additional_instructions.as_ref().map(text),
            temperature: settings.temperature.map(Temperature::get),
            top_p: settings.top_p.map(TopP::get),
            presence_penalty: settings.presence_penalty.map(PresencePenalty::get),
            frequency_penalty: settings.frequency_penalty.map(FrequencyPenalty::get),
            stop: settings.stop.as_ref().map(stops),
            seed: settings.seed.map(Seed::get),
            reasoning_effort: settings.reasoning_effort.map(|it| it.as_str().to_owned()),
            max_prompt_tokens: settings.max_prompt_tokens.map(RunTokenLimit::get),
            max_completion_tokens: settings.max_completion_tokens.map(RunTokenLimit::get),
            parallel_tool_calls: settings.parallel_tool_calls,
            tool_choice: settings.tool_choice.as_ref().map(|choice| match choice {
                ToolChoice::None => StoredToolChoice::None,
                ToolChoice::Auto => StoredToolChoice::Auto,
                ToolChoice::Required => StoredToolChoice::Required,
                ToolChoice::Named(name) => StoredToolChoice::Named(name.to_string()),
            }),
            truncation: settings.truncation.map(|truncation| match truncation {
                Truncation::Auto => StoredTruncation::Auto,
                Truncation::LastMessages(limit) => StoredTruncation::LastMessages(limit.get()),
                Truncation::Off => StoredTruncation::Off,
            }),
            response_format: settings
                .response_format
                .as_ref()
                .map(|format| match format {
                    ResponseFormat::Text => StoredFormat::Text,
                    ResponseFormat::Json => StoredFormat::Json,
                    ResponseFormat::Schema(schema) => {
                        StoredFormat::Schema(schema.as_value().clone())
                    }
                }),
        }
    }
}

impl TryFrom<Stored> for RunSettings {
    type Error = Violation;

    fn try_from(stored: Stored) -> Result<Self, Violation> {
        let instructions = |text: Option<String>| text.map(Instructions::parse).transpose();
        let limit = |limit: Option<u32>| limit.map(RunTokenLimit::new).transpose();
        let presence = stored.presence_penalty.map(PresencePenalty::new);
        let frequency = stored.frequency_penalty.map(FrequencyPenalty::new);
        let stops = |stops: Vec<String>| stops.into_iter().map(StopText::parse).collect();
        let effort = |name: String| {
            let unknown = Violation::new("unknown_value", "is no effort");
            ReasoningEffort::from_name(&name).ok_or(unknown)
        };
        Ok(Self {
            model: stored.model.map(ModelName::parse).transpose()?,
            instructions: instructions(stored.instructions)?,
            additional_instructions: instructions(stored.additional_instructions)?,
            temperature: stored.temperature.map(Temperature::new).transpose()?,
            top_p: stored.top_p.map(TopP::new).transpose()?,
            presence_penalty: presence.transpose()?,
            frequency_penalty: frequency.transpose()?,
            stop: stored.stop.map(stops).transpose()?,
            seed: stored.seed.map(Seed::new).transpose()?,
            reasoning_effort: stored.reasoning_effort.map(effort).transpose()?,
            max_prompt_tokens: limit(stored.max_prompt_tokens)?,
            max_completion_tokens: limit(stored.max_completion_tokens)?,
            parallel_tool_calls: stored.parallel_tool_calls,
            tool_choice: stored.tool_choice.map(ToolChoice::try_from).transpose()?,
            truncation: stored.truncation.map(Truncation::try_from).transpose()?,
            response_format: stored
                .response_format
                .map(ResponseFormat::try_from)
                .transpose()?,
        })
    }
}

impl TryFrom<StoredToolChoice> for ToolChoice {
    type Error = Violation;

    fn try_from(stored: StoredToolChoice) -> Result<Self, Violation> {
        Ok(match stored {
            StoredToolChoice::None => Self::None,
            StoredToolChoice::Auto => Self::Auto,
            StoredToolChoice::Required => Self::Required,
            StoredToolChoice::Named(name) => Self::Named(ToolName::parse(name)?),
        })
    }
}

impl TryFrom<StoredTruncation> for Truncation {
    type Error = Violation;

    fn try_from(stored: StoredTruncation) -> Result<Self, Violation> {
        Ok(match stored {
            StoredTruncation::Auto => Self::Auto,
            StoredTruncation::LastMessages(limit) => Self::LastMessages(HistoryLimit::new(limit)?),
            StoredTruncation::Off => Self::Off,
        })
    }
}

impl TryFrom<StoredFormat> for ResponseFormat {
    type Error = Violation;

    fn try_from(stored: StoredFormat) -> Result<Self, Violation> {
        Ok(match stored {
            StoredFormat::Text => Self::Text,
            StoredFormat::Json => Self::Json,
            StoredFormat::Schema(schema) => Self::Schema(OutputSchema::new(schema)?),
        })
    }
}
