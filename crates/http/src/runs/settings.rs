//! Settings of one run in requests and responses.

use colloquy_domain::{
    FrequencyPenalty, HistoryLimit, Instructions, OutputSchema, PresencePenalty, ReasoningEffort,
    ResponseFormat, RunSettings, RunTokenLimit, Seed, StopText, Temperature, ToolChoice, ToolName,
    TopP, Truncation,
};
use colloquy_web::input::{
    Fields, Input, Kind, boolean, choice, decimal, integer, json_value, list, name_or, object,
    text, up_to,
};
use colloquy_web::schema;
use utoipa::openapi::schema::ObjectBuilder;

use crate::assistants::model;

/// The members of `settings`.
pub(crate) struct RunSettingsFields;

/// `settings` of a request that starts a run.
pub(crate) fn read_settings(fields: &mut Fields<'_>) -> RunSettings {
    let settings = object::<RunSettingsFields>().describe(
        "What is asked of this run only; `null` leaves a setting to the assistant. With any setting the answer cache is bypassed.",
    );
    let settings = fields.nullable("settings", settings);
    settings.flatten().unwrap_or_default()
}

impl Input for RunSettingsFields {
    type Value = RunSettings;

    fn read(fields: &mut Fields<'_>) -> Option<RunSettings> {
        let model = model().describe("Only for administrators.");
        let temperature = decimal(Temperature::new, Temperature::MIN, Temperature::MAX);
        let top_p = decimal(TopP::new, TopP::MIN, TopP::MAX);
        let (min, max) = (PresencePenalty::MIN, PresencePenalty::MAX);
        let presence_penalty = decimal(PresencePenalty::new, min, max);
        let (min, max) = (FrequencyPenalty::MIN, FrequencyPenalty::MAX);
        let frequency_penalty = decimal(FrequencyPenalty::new, min, max);
        let tokens = || up_to(RunTokenLimit::new, RunTokenLimit::MAX);
        Some(RunSettings {
            model: fields.nullable("model", model).flatten(),
            instructions: fields
                .nullable("instructions", instructions("Only for administrators."))
                .flatten(),
            additional_instructions: fields
                .nullable(
                    "additional_instructions",
                    instructions("Appended to the assistant's instructions."),
                )
                .flatten(),
            temperature: fields.nullable("temperature", temperature).flatten(),
            top_p: fields.nullable("top_p", top_p).flatten(),
            presence_penalty: fields
                .nullable("presence_penalty", presence_penalty)
                .flatten(),
            frequency_penalty: fields
                .nullable("frequency_penalty", frequency_penalty)
                .flatten(),
            stop: fields.nullable("stop", stop()).flatten(),
            seed: fields.nullable("seed", seed()).flatten(),
            reasoning_effort: fields.nullable("reasoning_effort", effort()).flatten(),
            max_prompt_tokens: fields
                .nullable("max_prompt_tokens", tokens().describe(MAX_PROMPT_TOKENS))
                .flatten(),
            max_completion_tokens: fields
                .nullable(
                    "max_completion_tokens",
                    tokens().describe(MAX_COMPLETION_TOKENS),
                )
                .flatten(),
            parallel_tool_calls: fields.nullable("parallel_tool_calls", boolean()).flatten(),
            tool_choice: fields.nullable("tool_choice", tool_choice()).flatten(),
            truncation: fields.nullable("truncation", truncation()).flatten(),
            response_format: fields
                .nullable("response_format", response_format())
                .flatten(),
        })
    }
}

const MAX_PROMPT_TOKENS: &str =
    "Input tokens of all rounds together. Used up, the run completes with `prompt_tokens`.";
const MAX_COMPLETION_TOKENS: &str =
    "Output tokens of all rounds together. Used up, the run completes with `length`.";

fn instructions(description: &'static str) -> impl Kind<Value = Instructions> {
    text(Instructions::parse, || {
        schema::free_text(Instructions::MAX_CHARS)
    })
    .describe(description)
}

fn stop() -> impl Kind<Value = Vec<StopText>> {
    let stop = text(StopText::parse, || {
        schema::free_text(StopText::MAX_CHARS).min_length(Some(1))
    });
    list(RunSettings::MAX_STOPS, stop).describe("Texts at which the model stops.")
}

fn seed() -> impl Kind<Value = Seed> {
    integer(Seed::new, Seed::MAX).describe("Makes sampling repeatable where the provider can.")
}

fn effort() -> impl Kind<Value = ReasoningEffort> {
    let names = || ReasoningEffort::ALL.iter().map(|it| it.as_str()).collect();
    choice(ReasoningEffort::from_name, names).describe("How much a reasoning model thinks.")
}

fn tool_choice() -> impl Kind<Value = ToolChoice> {
    let named = |name: &str| match name {
        "none" => Some(ToolChoice::None),
        "auto" => Some(ToolChoice::Auto),
        "required" => Some(ToolChoice::Required),
        _ => None,
    };
    let names = choice(named, || vec!["none", "auto", "required"]);
    name_or(names, object::<NamedToolFields>()).describe(
        "`none` offers no tools; `required`, or the name of a tool of the assistant, demands a call in the first round.",
    )
}

struct NamedToolFields;

impl Input for NamedToolFields {
    type Value = ToolChoice;

    fn read(fields: &mut Fields<'_>) -> Option<ToolChoice> {
        let name = text(ToolName::parse, || {
            schema::string().pattern(Some("^[a-zA-Z0-9_-]{1,64}$"))
        });
        fields.required("name", name).map(ToolChoice::Named)
    }
}

fn truncation() -> impl Kind<Value = Truncation> {
    let named = |name: &str| match name {
        "auto" => Some(Truncation::Auto),
        "off" => Some(Truncation::Off),
        _ => None,
    };
    let names = choice(named, || vec!["auto", "off"]);
    name_or(names, object::<LastMessagesFields>()).describe(
        "What of a long history is left out: `auto`, what exceeds the assistant's limits or `max_prompt_tokens`; `off`, nothing, and a history that is too long fails the run.",
    )
}

struct LastMessagesFields;

impl Input for LastMessagesFields {
    type Value = Truncation;

    fn read(fields: &mut Fields<'_>) -> Option<Truncation> {
        let limit = up_to(HistoryLimit::new, HistoryLimit::MAX)
            .describe("How many of the newest messages are sent, including the new one.");
        fields
            .required("last_messages", limit)
            .map(Truncation::LastMessages)
    }
}

fn response_format() -> impl Kind<Value = ResponseFormat> {
    let named = |name: &str| match name {
        "text" => Some(ResponseFormat::Text),
        "json" => Some(ResponseFormat::Json),
        _ => None,
    };
    let names = choice(named, || vec!["text", "json"]);
    name_or(names, object::<SchemaFields>())
        .describe("Text, a JSON object, or a JSON value under a schema.")
}

struct SchemaFields;

impl Input for SchemaFields {
    type Value = ResponseFormat;

    fn read(fields: &mut Fields<'_>) -> Option<ResponseFormat> {
        let schema = json_value(OutputSchema::new, ObjectBuilder::new);
        fields
            .required("schema", schema)
            .map(ResponseFormat::Schema)
    }
}
