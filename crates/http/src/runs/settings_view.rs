//! Settings of one run in responses.

use colloquy_domain::{
    FrequencyPenalty, Instructions, PresencePenalty, ReasoningEffort, ResponseFormat, RunSettings,
    RunTokenLimit, Seed, StopText, Temperature, ToolChoice, TopP, Truncation,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// What the request asked of the run: the members that were sent.
#[derive(Serialize, ToSchema)]
#[schema(as = RunSettings)]
pub(super) struct RunSettingsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    instructions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    additional_instructions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = f64, required = false)]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = f64, required = false)]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = f64, required = false)]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = f64, required = false)]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    stop: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = i64, required = false)]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    max_prompt_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    parallel_tool_calls: Option<bool>,
    /// `none`, `auto`, `required` or `{name}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    tool_choice: Option<Value>,
    /// `auto`, `off` or `{last_messages}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    truncation: Option<Value>,
    /// `text`, `json` or `{schema}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    response_format: Option<Value>,
}

impl From<RunSettings> for RunSettingsView {
    fn from(settings: RunSettings) -> Self {
        let stops = |stops: Vec<StopText>| stops.iter().map(|it| it.as_str().to_owned()).collect();
        Self {
            model: settings.model.map(|it| it.as_str().to_owned()),
            instructions: settings.instructions.map(Instructions::into_string),
            additional_instructions: settings
                .additional_instructions
                .map(Instructions::into_string),
            temperature: settings.temperature.map(Temperature::get),
            top_p: settings.top_p.map(TopP::get),
            presence_penalty: settings.presence_penalty.map(PresencePenalty::get),
            frequency_penalty: settings.frequency_penalty.map(FrequencyPenalty::get),
            stop: settings.stop.map(stops),
            seed: settings.seed.map(Seed::get),
            reasoning_effort: settings.reasoning_effort.map(ReasoningEffort::as_str),
            max_prompt_tokens: settings.max_prompt_tokens.map(RunTokenLimit::get),
            max_completion_tokens: settings.max_completion_tokens.map(RunTokenLimit::get),
            parallel_tool_calls: settings.parallel_tool_calls,
            tool_choice: settings.tool_choice.map(|choice| match choice {
                ToolChoice::None => "none".into(),
                ToolChoice::Auto => "auto".into(),
                ToolChoice::Required => "required".into(),
                ToolChoice::Named(name) => json!({"name": name.as_str()}),
            }),
            truncation: settings.truncation.map(|truncation| match truncation {
                Truncation::Auto => "auto".into(),
                Truncation::Off => "off".into(),
                Truncation::LastMessages(limit) => json!({"last_messages": limit.get()}),
            }),
            response_format: settings.response_format.map(|format| match format {
                ResponseFormat::Text => "text".into(),
                ResponseFormat::Json => "json".into(),
                ResponseFormat::Schema(schema) => json!({"schema": schema.into_value()}),
            }),
        }
    }
}
