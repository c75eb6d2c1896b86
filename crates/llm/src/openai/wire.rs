//! The JSON that goes over the wire.

use colloquy_application::ports::{ChatMessage, ChatRequest, ToolDefinition};
use colloquy_domain::{FrequencyPenalty, PresencePenalty, Temperature, TokenLimit, ToolCall, TopP};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::Wishes;
use super::strict::is_strict;

/// The host that wants the limit of an answer under its newer name, which its imitators ignore.
const OPENAI_HOST: &str = "api.openai.com";

pub(super) fn body(
    request: &ChatRequest,
    wishes: Wishes,
    endpoint: &Url,
) -> Result<Vec<u8>, serde_json::Error> {
    let instructions = request.instructions.iter().map(|text| Message {
        content: Some(text),
        ..Message::of("system")
    });
    let settings = &request.configuration;
    let limit = settings.max_output_tokens.map(TokenLimit::get);
    let is_openai = endpoint.host_str() == Some(OPENAI_HOST);
    let tools = request.tools.iter().filter(|_| request.may_call_tools);
    let schema = request.output_schema.as_ref().filter(|_| wishes.schema);
    serde_json::to_vec(&Body {
        model: request.model.name(),
        messages: instructions
            .chain(request.messages.iter().map(Message::from))
            .collect(),
        tools: tools.map(Tool::from).collect(),
        response_format: schema.map(ResponseFormat::from),
        stream: true,
        stream_options: wishes.usage.then_some(StreamOptions {
            include_usage: true,
        }),
        temperature: settings.temperature.map(Temperature::get),
        top_p: settings.top_p.map(TopP::get),
        presence_penalty: settings.presence_penalty.map(PresencePenalty::get),
        frequency_penalty: settings.frequency_penalty.map(FrequencyPenalty::get),
        max_tokens: limit.filter(|_| !is_openai),
        max_completion_tokens: limit.filter(|_| is_openai),
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
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    /// `null` where the model only called tools.
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

impl Message<'_> {
    const fn of(role: &'static str) -> Self {
        Self {
            role,
            content: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
        }
    }
}

impl<'a> From<&'a ChatMessage> for Message<'a> {
    fn from(message: &'a ChatMessage) -> Self {
        match message {
            ChatMessage::User(text) => Self {
                content: Some(text),
                ..Self::of("user")
            },
            ChatMessage::Assistant { text, tool_calls } => Self {
                content: Some(text.as_str())
                    .filter(|text| !text.is_empty() || tool_calls.is_empty()),
                tool_calls: tool_calls.iter().map(Call::from).collect(),
                ..Self::of("assistant")
            },
            ChatMessage::Tool(result) => Self {
                content: Some(&result.content),
                tool_call_id: Some(&result.call_id),
                ..Self::of("tool")
            },
        }
    }
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    r#type: &'static str,
    function: Called<'a>,
}

#[derive(Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> From<&'a ToolCall> for Call<'a> {
    fn from(call: &'a ToolCall) -> Self {
        Self {
            id: &call.id,
            r#type: "function",
            function: Called {
                name: &call.name,
                arguments: &call.arguments,
            },
        }
    }
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
}

impl<'a> From<&'a ToolDefinition> for Tool<'a> {
    fn from(tool: &'a ToolDefinition) -> Self {
        Self {
            r#type: "function",
            function: Function {
                name: tool.name.as_str(),
                description: &tool.description,
                parameters: &tool.parameters,
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
    /// Whether the provider shall hold the model to it, which it does for some schemas only.
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

/// One event of a streamed answer. Members that we do not know are passed over.
#[derive(Deserialize)]
pub(super) struct Chunk {
    /// Empty in the event that only counts tokens.
    pub(super) choices: Option<Vec<Choice>>,
    pub(super) usage: Option<TokenCount>,
    pub(super) error: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    pub(super) delta: Option<Delta>,
    pub(super) finish_reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Delta {
    pub(super) content: Option<Content>,
    /// What OpenAI's models say instead of content when they will not answer.
    pub(super) refusal: Option<String>,
    /// What a model thinks before it answers, by the two names that are in use.
    pub(super) reasoning: Option<Value>,
    pub(super) reasoning_content: Option<Value>,
    pub(super) tool_calls: Option<Vec<CallPiece>>,
}

/// A piece of a call of a tool.
#[derive(Deserialize)]
pub(super) struct CallPiece {
    /// Which call of the answer it belongs to.
    pub(super) index: Option<u64>,
    /// Comes with the first piece.
    pub(super) id: Option<String>,
    pub(super) function: Option<FunctionPiece>,
}

#[derive(Deserialize)]
pub(super) struct FunctionPiece {
    pub(super) name: Option<String>,
    /// A text that grows; some servers send an object, all at once.
    pub(super) arguments: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct TokenCount {
    pub(super) prompt_tokens: Option<u64>,
    pub(super) completion_tokens: Option<u64>,
}

/// A text; in parts where Mistral's models show their reasoning too.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
pub(super) struct Part {
    /// Absent in parts that are not for the reader.
    text: Option<String>,
}

impl Content {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
        }
    }
}
