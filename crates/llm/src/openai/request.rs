//! Chat completion requests.

use colloquy_application::ports::{ChatRequest, ToolDefinition};
use colloquy_domain::{FrequencyPenalty, PresencePenalty, Temperature, TokenLimit, TopP};
use serde::Serialize;
use serde_json::{Map, Value};

use super::extras::Members;
use super::learned::{LimitName, Options};
use super::signature::{call_members, message_members};
use super::strict::is_strict;
use crate::ProviderKind;
use crate::conversation::{self, Outcome, Turn, non_blank, turns};

pub(super) fn body(
    request: &ChatRequest,
    options: Options,
    kind: ProviderKind,
) -> Result<Vec<u8>, serde_json::Error> {
    let instructions = request.instructions.as_deref().and_then(non_blank);
    let instructions = instructions.as_deref().map(|text| Message {
        content: Some(text),
        ..Message::of("system")
    });
    let turns = turns(&request.messages, kind);
    let settings = &request.configuration;
    let limit = settings.max_output_tokens.map(TokenLimit::get);
    let limit_as = |name| limit.filter(|_| options.limit == Some(name));
    let tools = request.tools.iter().filter(|_| request.may_call_tools);
    let schema = request.output_schema.as_ref().filter(|_| options.schema);
    serde_json::to_vec(&Body {
        model: request.model.name(),
        messages: instructions
            .into_iter()
            .chain(turns.iter().flat_map(|turn| messages(turn, options)))
            .collect(),
        tools: tools.map(Tool::from).collect(),
        response_format: schema.map(ResponseFormat::from),
        stream: true,
        stream_options: options.usage.then_some(StreamOptions {
            include_usage: true,
        }),
        temperature: settings.temperature.map(Temperature::get),
        top_p: settings.top_p.map(TopP::get),
        presence_penalty: settings.presence_penalty.map(PresencePenalty::get),
        frequency_penalty: settings.frequency_penalty.map(FrequencyPenalty::get),
        max_tokens: limit_as(LimitName::MaxTokens),
        max_completion_tokens: limit_as(LimitName::MaxCompletionTokens),
        extras: options.extras.members(request, kind),
    })
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(flatten)]
    extras: Members<'a>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    /// `null` if the model only called tools.
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    #[serde(flatten)]
    signed: Map<String, Value>,
}

impl Message<'_> {
    fn of(role: &'static str) -> Self {
        Self {
            role,
            content: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            signed: Map::new(),
        }
    }
}

fn messages<'a>(turn: &'a Turn<'_>, options: Options) -> Vec<Message<'a>> {
    match turn {
        Turn::User(text) => vec![Message {
            content: Some(text),
            ..Message::of("user")
        }],
        Turn::Assistant { text, calls } => vec![Message {
            content: text.as_deref(),
            tool_calls: calls.iter().map(|it| Call::new(it, options)).collect(),
            signed: message_members(calls.first().and_then(|call| signature(call, options))),
            ..Message::of("assistant")
        }],
        Turn::Tools(outcomes) => outcomes.iter().map(Message::from).collect(),
    }
}

impl<'a> From<&'a Outcome<'_>> for Message<'a> {
    fn from(outcome: &'a Outcome<'_>) -> Self {
        Self {
            content: Some(&outcome.content),
            tool_call_id: Some(&outcome.id),
            ..Self::of("tool")
        }
    }
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    r#type: &'static str,
    function: Called<'a>,
    #[serde(flatten)]
    signed: Map<String, Value>,
}

#[derive(Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> Call<'a> {
    fn new(call: &'a conversation::Call<'_>, options: Options) -> Self {
        Self {
            id: &call.id,
            r#type: "function",
            function: Called {
                name: &call.name,
                arguments: &call.arguments,
            },
            signed: call_members(signature(call, options)),
        }
    }
}

fn signature<'a>(call: &conversation::Call<'a>, options: Options) -> Option<&'a str> {
    call.signature.filter(|_| options.signatures)
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
    /// Only where asked for: few servers know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

impl<'a> From<&'a ToolDefinition> for Tool<'a> {
    fn from(tool: &'a ToolDefinition) -> Self {
        Self {
            r#type: "function",
            function: Function {
                name: tool.name.as_str(),
                description: &tool.description,
                parameters: &tool.parameters,
                strict: tool.is_strict.then_some(true),
            },
        }
    }
}

#[derive(Serialize)]
struct ResponseFormat<'a> {
    r#type: &'static str,
    json_schema: JsonSchema<'a>,
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    name: &'static str,
    schema: &'a Value,
    /// Enforced by the provider; not supported for every schema.
    strict: bool,
}

impl<'a> From<&'a Value> for ResponseFormat<'a> {
    fn from(schema: &'a Value) -> Self {
        Self {
            r#type: "json_schema",
            json_schema: JsonSchema {
                name: "answer",
                schema,
                strict: is_strict(schema),
            },
        }
    }
}
