//! Reads chunks of a streamed chat completion.
//!
//! Servers differ in the members they send and in their types, so members are looked up one by one;
//! those of an unexpected type are ignored.

use serde_json::{Map, Value};

use crate::json::{count, is_set};

/// Members with reasoning.
const REASONING: [&str; 4] = [
    "reasoning_content",
    "reasoning",
    "thinking",
    "reasoning_details",
];

/// The text of a delta.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) reasoning: String,
    /// OpenAI's models refuse in a member of its own.
    pub(super) refusal: String,
}

/// A piece of a tool call.
#[derive(Debug, Default)]
pub(super) struct CallPiece {
    pub(super) index: Option<u64>,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Arguments,
    /// Must be sent back with the call: Gemini's signatures.
    pub(super) extra: Option<Value>,
}

/// A piece of the arguments, or all of them from servers that send an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arguments {
    Piece(String),
    Whole(String),
}

impl Default for Arguments {
    fn default() -> Self {
        Self::Piece(String::new())
    }
}

impl Arguments {
    pub(super) const fn text(&self) -> &String {
        let (Self::Piece(text) | Self::Whole(text)) = self;
        text
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text().trim().is_empty()
    }
}

pub(super) fn index(choice: &Map<String, Value>) -> u64 {
    choice.get("index").and_then(count).unwrap_or(0)
}

/// The counts of input and output tokens: at the top, at Groq also in `x_groq`, at Moonshot in the
/// choice.
pub(super) fn usage(chunk: &Value) -> (Option<u64>, Option<u64>) {
    let places = ["/usage", "/x_groq/usage", "/choices/0/usage"];
    let mut usages = places.iter().filter_map(|place| chunk.pointer(place));
    let Some(usage) = usages.find(|usage| usage.is_object()) else {
        return (None, None);
    };
    let find = |names: [&str; 2]| names.iter().find_map(|name| count(usage.get(name)?));
    (
        find(["prompt_tokens", "input_tokens"]),
        find(["completion_tokens", "output_tokens"]),
    )
}

/// What a choice adds. Some servers end with a whole message.
pub(super) fn delta(choice: &Map<String, Value>) -> Option<&Map<String, Value>> {
    let delta = choice.get("delta").filter(|delta| !delta.is_null());
    delta.or_else(|| choice.get("message"))?.as_object()
}

/// Why the model stopped: a string, or an object with a `type`.
pub(super) fn finish_reason(choice: &Map<String, Value>) -> Option<&str> {
    let reason = choice.get("finish_reason")?;
    reason.as_str().or_else(|| reason.get("type")?.as_str())
}

pub(super) fn said(delta: &Map<String, Value>) -> Said {
    let mut said = Said::default();
    if let Some(content) = delta.get("content") {
        content_of(content, &mut said);
    }
    // Servers that send several repeat the text.
    let mut reasoning = REASONING.iter().filter_map(|name| delta.get(*name));
    let reasoning = reasoning.find_map(|member| Some(text_of(member)).filter(|it| !it.is_empty()));
    said.reasoning.extend(reasoning);
    said.refusal.extend(delta.get("refusal").map(text_of));
    said
}

/// Reads a text, or Mistral's list of parts, some of which are reasoning.
fn content_of(content: &Value, said: &mut Said) {
    match content {
        Value::Array(parts) => parts.iter().for_each(|part| content_of(part, said)),
        Value::Object(part) => match part.get("type").and_then(Value::as_str) {
            None | Some("text" | "output_text") => said.text.push_str(&text_of(content)),
            Some("thinking" | "reasoning") => said.reasoning.push_str(&text_of(content)),
            Some("refusal") => said.refusal.push_str(&text_of(content)),
            Some(_) => {}
        },
        content => said.text.push_str(&text_of(content)),
    }
}

/// The text in a value, joined from a list's items.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect(),
        Value::Object(part) => {
            let names = [
                "text",
                "content",
                "thinking",
                "reasoning",
                "summary",
                "refusal",
            ];
            let mut named = names.iter().filter_map(|name| part.get(*name));
            named.next().map(text_of).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// The pieces of tool calls, and of the deprecated `function_call`.
pub(super) fn call_pieces(delta: &Map<String, Value>) -> Vec<CallPiece> {
    let pieces: Vec<&Value> = match delta.get("tool_calls") {
        Some(Value::Array(pieces)) => pieces.iter().collect(),
        Some(piece) => vec![piece],
        None => Vec::new(),
    };
    let function = delta.get("function_call").filter(|it| it.is_object());
    let function = function.map(|function| CallPiece {
        index: Some(0),
        ..CallPiece::of(function)
    });
    let pieces = pieces.into_iter().filter(|piece| piece.is_object());
    pieces.map(CallPiece::of).chain(function).collect()
}

impl CallPiece {
    fn of(piece: &Value) -> Self {
        let function = piece.get("function").filter(|it| it.is_object());
        let function = function.unwrap_or(piece);
        Self {
            index: piece.get("index").and_then(count),
            id: piece.get("id").map(word).unwrap_or_default(),
            name: function.get("name").map(word).unwrap_or_default(),
            arguments: match function.get("arguments") {
                None | Some(Value::Null) => Arguments::default(),
                Some(Value::String(piece)) => Arguments::Piece(piece.clone()),
                Some(whole) => Arguments::Whole(whole.to_string()),
            },
            extra: piece.get("extra_content").filter(|it| is_set(it)).cloned(),
        }
    }
}

/// Whether the delta shows that the model is reasoning, with or without text.
pub(super) fn is_reasoning(delta: &Map<String, Value>) -> bool {
    let mut members = REASONING.iter().filter_map(|name| delta.get(*name));
    members.any(is_set)
}

/// A string, or a number in its place.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}
