use colloquy_application::ports::{ChatMessage as Said, ChatRequest, ToolDefinition};
use colloquy_domain::{
    Configuration, FrequencyPenalty, PresencePenalty, Temperature, TokenLimit, TopP,
};
use genai::adapter::AdapterKind;
use genai::chat::{
    ChatMessage, ChatOptions, ChatResponseFormat, ContentPart, JsonSpec, MessageContent, Tool,
    ToolCall, ToolChoice, ToolResponse,
};
use serde_json::{Value, json};

/// The conversation in `genai`'s words.
pub(super) fn chat(request: &ChatRequest) -> genai::chat::ChatRequest {
    let messages = request.messages.iter().map(message);
    let chat = genai::chat::ChatRequest::from_messages(messages.collect());
    let chat = match &request.instructions {
        Some(instructions) => chat.with_system(instructions),
        None => chat,
    };
    if request.tools.is_empty() {
        return chat;
    }
    chat.with_tools(request.tools.iter().map(tool).collect::<Vec<_>>())
}

fn message(message: &Said) -> ChatMessage {
    match message {
        Said::User(text) => ChatMessage::user(text.as_str()),
        Said::Assistant { text, tool_calls } => {
            let said = (!text.is_empty()).then(|| ContentPart::Text(text.clone()));
            let calls = tool_calls
                .iter()
                .map(|call| ContentPart::ToolCall(self::call(call)));
            let parts: Vec<_> = said.into_iter().chain(calls).collect();
            ChatMessage::assistant(MessageContent::from(parts))
        }
        Said::Tool(result) => {
            let response = ToolResponse::new(result.call_id.as_str(), result.content.as_str());
            response.with_fn_name(result.name.as_str()).into()
        }
    }
}

fn call(call: &colloquy_domain::ToolCall) -> ToolCall {
    ToolCall {
        call_id: call.id.clone(),
        fn_name: call.name.clone(),
        // These providers take objects only; what was none is told by the call's result.
        fn_arguments: serde_json::from_str(&call.arguments)
            .ok()
            .filter(Value::is_object)
            .unwrap_or_else(|| json!({})),
        thought_signatures: call.signature.clone().map(|signature| vec![signature]),
    }
}

fn tool(tool: &ToolDefinition) -> Tool {
    Tool::new(tool.name.as_str())
        .with_description(tool.description.as_str())
        .with_schema(tool.parameters.clone())
}

pub(super) fn options(request: &ChatRequest, adapter: AdapterKind) -> ChatOptions {
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
    if request.tools.is_empty()
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
