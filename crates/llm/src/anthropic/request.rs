//! Messages API requests.

use colloquy_application::ports::{ChatRequest, RequiredTool, ToolDefinition};
use colloquy_domain::{ReasoningEffort, StopText, Temperature, TokenLimit, TopP};
use serde_json::{Map, Value, json};

use crate::ProviderKind;
use crate::conversation::{Call, Outcome, Turn, non_blank, turns};
use crate::options::RequestOptions;
use crate::refusals::is_about_schema;

/// `max_tokens` is mandatory; the default is the model's own limit.
const DEFAULT_MAX_TOKENS: u32 = 64_000;
/// Limits of older models, by part of the name.
const MAX_TOKENS: [(&str, u32); 7] = [
    ("claude-3-7", 64_000),
    ("claude-3-5", 8_192),
    ("claude-3", 4_096),
    ("claude-opus-4-0", 32_000),
    ("claude-opus-4-1", 32_000),
    ("claude-opus-4-2025", 32_000),
    ("claude-2", 4_096),
];

/// Refused by some models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Options {
    schema: bool,
    top_p: bool,
    effort: bool,
    required_tool: bool,
    /// `max_tokens` unless the assistant sets it.
    default_max_tokens: u32,
}

impl Options {
    pub(super) fn of(request: &ChatRequest) -> Self {
        let name = request.model.name();
        let mut known = MAX_TOKENS.iter();
        let known = known.find(|(part, _)| name.contains(part));
        Self {
            // Not every model supports a schema with tools; the instructions state it, too.
            schema: request.output_schema.is_some() && request.tools.is_empty(),
            top_p: request.configuration.top_p.is_some(),
            effort: effort(request).is_some(),
            required_tool: request.options.required_tool.is_some(),
            default_max_tokens: known.map_or(DEFAULT_MAX_TOKENS, |(_, limit)| *limit),
        }
    }
}

impl RequestOptions for Options {
    fn without_refused(self, message: &str) -> Option<Self> {
        // "This model does not support the effort parameter", "output_config.effort: …"
        if self.effort && message.contains("effort") {
            return Some(Self {
                effort: false,
                ..self
            });
        }
        // "Thinking may not be enabled when tool_choice forces tool use"
        if self.required_tool && message.contains("tool_choice") {
            return Some(Self {
                required_tool: false,
                ..self
            });
        }
        if self.schema && is_about_schema(message) {
            return Some(Self {
                schema: false,
                ..self
            });
        }
        if self.top_p && message.contains("cannot both be specified") {
            return Some(Self {
                top_p: false,
                ..self
            });
        }
        let limit = limit_in(message).filter(|limit| *limit < self.default_max_tokens)?;
        Some(Self {
            default_max_tokens: limit,
            ..self
        })
    }
}

/// 8192 in "`max_tokens`: 64000 > 8192, which is the maximum allowed number of output tokens".
fn limit_in(message: &str) -> Option<u32> {
    let (_, rest) = message.split_once("max_tokens")?;
    let (_, rest) = rest.split_once('>')?;
    let digits = rest.trim_start();
    let end = digits.find(|c: char| !c.is_ascii_digit());
    digits[..end.unwrap_or(digits.len())].parse().ok()
}

pub(super) fn body(request: &ChatRequest, options: Options) -> Value {
    let settings = &request.configuration;
    let limit = settings.max_output_tokens.map(TokenLimit::get);
    let turns = turns(&request.messages, ProviderKind::Anthropic);
    let mut body = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        body.extend(value.map(|value| (name.to_owned(), value)));
    };
    set("model", Some(request.model.name().into()));
    set(
        "max_tokens",
        Some(limit.unwrap_or(options.default_max_tokens).into()),
    );
    set("stream", Some(true.into()));
    let system = request.instructions.as_deref().and_then(non_blank);
    set("system", system.map(|text| text.as_ref().into()));
    set("messages", Some(turns.iter().map(message).collect()));
    // The scale ends at 1 here.
    let temperature = settings.temperature.map(Temperature::get);
    set(
        "temperature",
        temperature.map(|value| value.min(1.0).into()),
    );
    let top_p = settings.top_p.filter(|_| options.top_p).map(TopP::get);
    set("top_p", top_p.map(Into::into));
    // A blank one is refused.
    let stops = request.options.stop.iter().map(StopText::as_str);
    let stops: Vec<_> = stops.filter(|stop| !stop.trim().is_empty()).collect();
    set("stop_sequences", (!stops.is_empty()).then(|| stops.into()));
    if !request.tools.is_empty() {
        set("tools", Some(request.tools.iter().map(tool).collect()));
        set("tool_choice", tool_choice(request, options));
    }
    set("output_config", output_config(request, options));
    Value::Object(body)
}

fn tool_choice(request: &ChatRequest, options: Options) -> Option<Value> {
    if !request.may_call_tools {
        return Some(json!({"type": "none"}));
    }
    let required = request.options.required_tool.as_ref();
    let mut choice = match required.filter(|_| options.required_tool) {
        Some(RequiredTool::Any) => json!({"type": "any"}),
        Some(RequiredTool::Named(name)) => json!({"type": "tool", "name": name.as_str()}),
        None if request.options.parallel_tool_calls == Some(false) => json!({"type": "auto"}),
        None => return None,
    };
    if request.options.parallel_tool_calls == Some(false) {
        choice["disable_parallel_tool_use"] = true.into();
    }
    Some(choice)
}

fn output_config(request: &ChatRequest, options: Options) -> Option<Value> {
    let schema = request.output_schema.as_ref().filter(|_| options.schema);
    let format = schema.map(|schema| json!({"type": "json_schema", "schema": closed(schema)}));
    let effort = effort(request).filter(|_| options.effort);
    let members = [("format", format), ("effort", effort.map(Value::from))];
    let members = members.into_iter();
    let config: Map<_, _> = members
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    (!config.is_empty()).then_some(config.into())
}

/// The nearest of the efforts that the API knows; it does not think unless asked to.
fn effort(request: &ChatRequest) -> Option<&'static str> {
    match request.options.reasoning_effort? {
        ReasoningEffort::Minimal | ReasoningEffort::Low => Some("low"),
        ReasoningEffort::Medium => Some("medium"),
        ReasoningEffort::High | ReasoningEffort::XHigh => Some("high"),
        _ => None,
    }
}

fn message(turn: &Turn<'_>) -> Value {
    match turn {
        Turn::User(text) => json!({"role": "user", "content": text}),
        Turn::Assistant { text, calls } => {
            let text = text
                .iter()
                .map(|text| json!({"type": "text", "text": text}));
            let calls_content = calls.iter().map(tool_use);
            // Thinking that led to calls must be sent back, in front of everything else.
            let content = thinking(calls).into_iter().chain(text).chain(calls_content);
            json!({"role": "assistant", "content": content.collect::<Vec<_>>()})
        }
        Turn::Tools(outcomes) => {
            let results = outcomes.iter().map(tool_result);
            json!({"role": "user", "content": results.collect::<Vec<_>>()})
        }
    }
}

/// From the signature of the turn's first call.
fn thinking(calls: &[Call<'_>]) -> Vec<Value> {
    let signature = calls.first().and_then(|call| call.signature);
    let blocks = signature.and_then(|signature| serde_json::from_str(signature).ok());
    let blocks: Vec<Value> = blocks.unwrap_or_default();
    blocks.into_iter().filter(is_thinking).collect()
}

fn is_thinking(block: &Value) -> bool {
    let has = |member: &str| block.get(member).is_some_and(Value::is_string);
    match block.get("type").and_then(Value::as_str) {
        Some("thinking") => has("thinking") && has("signature"),
        Some("redacted_thinking") => has("data"),
        _ => false,
    }
}

fn tool_use(call: &Call<'_>) -> Value {
    let input: Map<String, Value> = serde_json::from_str(&call.arguments).unwrap_or_default();
    json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
}

fn tool_result(outcome: &Outcome<'_>) -> Value {
    json!({"type": "tool_result", "tool_use_id": outcome.id, "content": outcome.content})
}

fn tool(tool: &ToolDefinition) -> Value {
    json!({
        "name": tool.name.as_str(),
        "description": tool.description,
        "input_schema": tool.parameters,
    })
}

/// Closes every object, as the API requires.
fn closed(schema: &Value) -> Value {
    match schema {
        Value::Array(schemas) => schemas.iter().map(closed).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| (name.clone(), closed_member(name, value)));
            let mut closed: Map<_, _> = members.collect();
            if closed.get("type") == Some(&json!("object")) || closed.contains_key("properties") {
                let members = closed.entry("additionalProperties");
                members.or_insert(false.into());
            }
            Value::Object(closed)
        }
        value => value.clone(),
    }
}

fn closed_member(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(schemas)) => {
            let schemas = schemas.iter();
            Value::Object(
                schemas
                    .map(|(name, it)| (name.clone(), closed(it)))
                    .collect(),
            )
        }
        ("const" | "enum" | "default" | "examples", value) => value.clone(),
        (_, value) => closed(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{closed, limit_in};

    #[test]
    fn objects_are_closed() {
        let schema = json!({
            "type": "object",
            "properties": {"properties": {"type": "array", "items": {"properties": {}}}},
            "$defs": {"type": {"type": "object", "additionalProperties": true}},
            "default": {"type": "object"},
        });
        let expected = json!({
            "type": "object",
            "properties": {
                "properties": {
                    "type": "array",
                    "items": {"properties": {}, "additionalProperties": false},
                },
            },
            "$defs": {"type": {"type": "object", "additionalProperties": true}},
            "default": {"type": "object"},
            "additionalProperties": false,
        });
        assert_eq!(closed(&schema), expected);
    }

    #[test]
    fn the_limit_is_read_from_the_refusal() {
        let message =
            "max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens";
        assert_eq!(limit_in(message), Some(8_192));
        assert_eq!(limit_in("max_tokens: required"), None);
    }
}
