//! Gemini requests.

use colloquy_application::ports::{ChatRequest, RequiredTool, ToolDefinition};
use colloquy_domain::{
    FrequencyPenalty, PresencePenalty, ReasoningEffort, Seed, StopText, Temperature, TokenLimit,
    TopP,
};
use serde_json::{Map, Value, json};

use crate::ProviderKind;
use crate::conversation::{Call, Outcome, Turn, non_blank, turns};
use crate::options::RequestOptions;
use crate::refusals::is_about_schema;

/// Stands for an unknown signature; Gemini 3 requires one on a turn's first call.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// Refused by some models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Options {
    schema: bool,
}

impl Options {
    pub(super) fn of(request: &ChatRequest) -> Self {
        Self {
            // Not every model supports a schema with tools; the instructions state it, too.
            schema: request.output_schema.is_some() && request.tools.is_empty(),
        }
    }
}

impl RequestOptions for Options {
    fn without_refused(self, message: &str) -> Option<Self> {
        (self.schema && is_about_schema(message)).then_some(Self { schema: false })
    }
}

pub(super) fn body(request: &ChatRequest, options: Options) -> Value {
    let turns = turns(&request.messages, ProviderKind::Gemini);
    let needs_signature = request.model.name().contains("gemini-3");
    let contents: Vec<_> = turns
        .iter()
        .map(|turn| content(turn, needs_signature))
        .collect();
    let mut body = Map::new();
    body.insert("contents".to_owned(), contents.into());
    if let Some(text) = request.instructions.as_deref().and_then(non_blank) {
        let system = json!({"parts": [{"text": text}]});
        body.insert("systemInstruction".to_owned(), system);
    }
    if !request.tools.is_empty() {
        let functions: Vec<_> = request.tools.iter().map(function).collect();
        let tools = json!([{"functionDeclarations": functions}]);
        body.insert("tools".to_owned(), tools);
    }
    if let Some(calling) = calling_config(request) {
        let config = json!({"functionCallingConfig": calling});
        body.insert("toolConfig".to_owned(), config);
    }
    let settings = generation_config(request, options);
    if !settings.is_empty() {
        body.insert("generationConfig".to_owned(), settings.into());
    }
    Value::Object(body)
}

fn calling_config(request: &ChatRequest) -> Option<Value> {
    if request.tools.is_empty() {
        return None;
    }
    if !request.may_call_tools {
        return Some(json!({"mode": "NONE"}));
    }
    Some(match request.options.required_tool.as_ref()? {
        RequiredTool::Any => json!({"mode": "ANY"}),
        RequiredTool::Named(name) => {
            json!({"mode": "ANY", "allowedFunctionNames": [name.as_str()]})
        }
    })
}

/// Gemini 3 has levels, 2.5 has budgets; others do not think, or not by order.
fn thinking_config(request: &ChatRequest) -> Option<Value> {
    let effort = request.options.reasoning_effort?;
    let name = request.model.name();
    if name.contains("gemini-3") {
        let level = match effort {
            ReasoningEffort::Medium | ReasoningEffort::High | ReasoningEffort::XHigh => "high",
            _ => "low",
        };
        return Some(json!({"thinkingLevel": level}));
    }
    // The Pro model cannot but think.
    let budget = match effort {
        ReasoningEffort::None if name.contains("pro") => 128,
        ReasoningEffort::None => 0,
        ReasoningEffort::Minimal | ReasoningEffort::Low => 1_024,
        ReasoningEffort::Medium => 8_192,
        _ => 24_576,
    };
    let thinks = name.contains("gemini-2.5");
    thinks.then(|| json!({"thinkingBudget": budget}))
}

fn generation_config(request: &ChatRequest, options: Options) -> Map<String, Value> {
    let settings = &request.configuration;
    let schema = request.output_schema.as_ref().filter(|_| options.schema);
    let presence = settings.presence_penalty.map(PresencePenalty::get);
    let frequency = settings.frequency_penalty.map(FrequencyPenalty::get);
    let stops = request.options.stop.iter().map(StopText::as_str);
    let stops: Vec<_> = stops.collect();
    // A 32-bit number here.
    let seed = request.options.seed.map(Seed::get);
    let seed = seed.and_then(|seed| i32::try_from(seed).ok());
    let members: [(&str, Option<Value>); 10] = [
        (
            "temperature",
            settings.temperature.map(Temperature::get).map(Into::into),
        ),
        ("topP", settings.top_p.map(TopP::get).map(Into::into)),
        (
            "maxOutputTokens",
            settings
                .max_output_tokens
                .map(TokenLimit::get)
                .map(Into::into),
        ),
        ("presencePenalty", presence.map(Into::into)),
        ("frequencyPenalty", frequency.map(Into::into)),
        ("stopSequences", (!stops.is_empty()).then(|| stops.into())),
        ("seed", seed.map(Into::into)),
        ("thinkingConfig", thinking_config(request)),
        (
            "responseMimeType",
            schema.map(|_| "application/json".into()),
        ),
        ("responseJsonSchema", schema.cloned()),
    ];
    let members = members.into_iter();
    members
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

fn content(turn: &Turn<'_>, needs_signature: bool) -> Value {
    match turn {
        Turn::User(text) => json!({"role": "user", "parts": [{"text": text}]}),
        Turn::Assistant { text, calls } => {
            let text = text.iter().map(|text| json!({"text": text}));
            let calls = (0..).zip(calls);
            let calls =
                calls.map(|(place, call)| function_call(call, needs_signature && place == 0));
            json!({"role": "model", "parts": text.chain(calls).collect::<Vec<_>>()})
        }
        Turn::Tools(outcomes) => {
            let parts = outcomes.iter().map(function_response);
            json!({"role": "user", "parts": parts.collect::<Vec<_>>()})
        }
    }
}

fn function_call(call: &Call<'_>, needs_signature: bool) -> Value {
    let arguments: Map<String, Value> = serde_json::from_str(&call.arguments).unwrap_or_default();
    let mut function = json!({"name": call.name, "args": arguments});
    add_id(&mut function, &call.id);
    let mut part = json!({"functionCall": function});
    let signature = call.signature.filter(|signature| is_base64(signature));
    let signature = signature.or(needs_signature.then_some(NO_SIGNATURE));
    if let Some(signature) = signature {
        part["thoughtSignature"] = signature.into();
    }
    part
}

fn function_response(outcome: &Outcome<'_>) -> Value {
    let mut function = json!({"name": outcome.name, "response": {"output": outcome.content}});
    add_id(&mut function, &outcome.id);
    json!({"functionResponse": function})
}

/// Only the API's own IDs: most models send none, and generated ones begin with `call`.
fn add_id(function: &mut Value, id: &str) {
    if !id.starts_with("call") {
        function["id"] = id.into();
    }
}

/// Other providers' signatures are JSON.
fn is_base64(signature: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte);
    signature.bytes().all(is_allowed)
}

fn function(tool: &ToolDefinition) -> Value {
    json!({
        "name": tool.name.as_str(),
        "description": tool.description,
        "parametersJsonSchema": tool.parameters,
    })
}
