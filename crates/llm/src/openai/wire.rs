//! The JSON that goes over the wire.

use colloquy_application::ports::{ChatMessage, ChatRequest, ChatRole};
use colloquy_domain::{FrequencyPenalty, PresencePenalty, Temperature, TokenLimit, TopP};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

/// The host that wants the limit of an answer under its newer name, which its imitators ignore.
const OPENAI_HOST: &str = "api.openai.com";

pub(super) fn body(
    request: &ChatRequest,
    asks_usage: bool,
    endpoint: &Url,
) -> Result<Vec<u8>, serde_json::Error> {
    let instructions = request.instructions.iter().map(|text| Message {
        role: "system",
        content: text,
    });
    let settings = &request.configuration;
    let limit = settings.max_output_tokens.map(TokenLimit::get);
    let is_openai = endpoint.host_str() == Some(OPENAI_HOST);
    serde_json::to_vec(&Body {
        model: request.model.name(),
        messages: instructions
            .chain(request.messages.iter().map(Message::from))
            .collect(),
        stream: true,
        stream_options: asks_usage.then_some(StreamOptions {
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
    content: &'a str,
}

impl<'a> From<&'a ChatMessage> for Message<'a> {
    fn from(message: &'a ChatMessage) -> Self {
        let role = match message.role {
            ChatRole::User => "user",
            ChatRole::Assistant => "assistant",
        };
        Self {
            role,
            content: &message.content,
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
