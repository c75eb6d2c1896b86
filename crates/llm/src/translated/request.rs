use colloquy_application::ports::{ChatRequest, ToolDefinition};
use colloquy_domain::{
    Configuration, FrequencyPenalty, PresencePenalty, Temperature, TokenLimit, TopP,
};
use genai::adapter::AdapterKind;
use genai::chat::{
    ChatMessage, ChatOptions, ChatResponseFormat, ContentPart, JsonSpec, MessageContent, Tool,
    ToolCall, ToolChoice, ToolResponse,
};
use serde_json::{Value, json};

use crate::ProviderKind;
use crate::conversation::{Call, Outcome, Turn, spoken, turns};

/// The conversation in `genai`'s words.
pub(super) fn chat(request: &ChatRequest, kind: ProviderKind) -> genai::chat::ChatRequest {
    let turns = turns(&request.messages, kind);
    let messages = turns.iter().map(message);
    let chat = genai::chat::ChatRequest::from_messages(messages.collect());
    let chat = match request.instructions.as_deref().and_then(spoken) {
        Some(instructions) => chat.with_system(instructions),
        None => chat,
    };
    if request.tools.is_empty() {
        return chat;
    }
    chat.with_tools(request.tools.iter().map(tool).collect::<Vec<_>>())
}

fn message(turn: &Turn<'_>) -> ChatMessage {
    match turn {
        Turn::User(text) => ChatMessage::user(text.as_ref()),
        Turn::Assistant { text, calls } => {
            let said = text.as_deref();
            let said = said.map(|text| ContentPart::Text(text.to_owned()));
            let calls = calls
                .iter()
                .map(|call| ContentPart::ToolCall(self::call(call)));
            let parts: Vec<_> = said.into_iter().chain(calls).collect();
            ChatMessage::assistant(MessageContent::from(parts))
        }
        // All of them in one message, which providers want behind the calls.
        Turn::Tools(outcomes) => {
            let parts = outcomes.iter().map(outcome).map(ContentPart::ToolResponse);
            ChatMessage::tool(MessageContent::from(parts.collect::<Vec<_>>()))
        }
    }
}

fn outcome(outcome: &Outcome<'_>) -> ToolResponse {
    ToolResponse::new(outcome.id.as_ref(), outcome.content.as_ref())
        .with_fn_name(outcome.name.as_ref())
}

fn call(call: &Call<'_>) -> ToolCall {
    ToolCall {
        call_id: call.id.as_ref().to_owned(),
        fn_name: call.name.as_ref().to_owned(),
        fn_arguments: serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({})),
        thought_signatures: call.signature.map(|signature| vec![signature.to_owned()]),
    }
}

fn tool(tool: &ToolDefinition) -> Tool {
    Tool::new(tool.name.as_str())
        .with_description(tool.description.as_str())
        .with_schema(tool.parameters.clone())
}

/// The settings, with the output schema or without.
pub(super) fn options(
    request: &ChatRequest,
    adapter: AdapterKind,
    with_schema: bool,
) -> ChatOptions {
    let settings = &request.configuration;
    let mut options = ChatOptions::default()
        .with_capture_usage(true)
        .with_capture_tool_calls(true);
    options.temperature = settings.temperature.map(Temperature::get);
    options.top_p = settings.top_p.map(TopP::get);
    options.max_tokens = settings.max_output_tokens.map(TokenLimit::get);
    options.extra_body = penalties(settings, adapter);
    if !request.tools.is_empty() && !request.may_call_tools {
        options.tool_choice = Some(ToolChoice::None);
    }
    // Neither takes a schema beside tools in all of its models; the instructions say it then.
    if with_schema
        && request.tools.is_empty()
        && let Some(schema) = &request.output_schema
    {
        let format = JsonSpec::new("answer", schema.clone());
        options.response_format = Some(ChatResponseFormat::JsonSpec(format));
    }
    options
}

/// Anthropic has no penalties. `genai` does not know Gemini's, and whoever adds a member to
/// Gemini's generation settings replaces them all.
fn penalties(settings: &Configuration, adapter: AdapterKind) -> Option<Value> {
    let presence = settings.presence_penalty.map(PresencePenalty::get);
    let frequency = settings.frequency_penalty.map(FrequencyPenalty::get);
    if adapter != AdapterKind::Gemini || presence.or(frequency).is_none() {
        return None;
    }
    let mut generation = json!({
        "temperature": settings.temperature.map(Temperature::get),
        "topP": settings.top_p.map(TopP::get),
        "maxOutputTokens": settings.max_output_tokens.map(TokenLimit::get),
        "presencePenalty": presence,
        "frequencyPenalty": frequency,
    });
    let members = generation.as_object_mut()?;
    members.retain(|_, value| !value.is_null());
    Some(json!({ "generationConfig": generation }))
}
