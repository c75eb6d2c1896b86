//! Reads chunks of a streamed chat completion. Servers differ in members and types, so members are
//! looked up one by one, and those of an unexpected type are ignored.

use serde_json::{Map, Value};

use crate::json::{count, is_set};

const REASONING: [&str; 4] = [
    "reasoning_content",
    "reasoning",
    "thinking",
    "reasoning_details",
];

#[derive(Debug, Default)]
pub(super) struct DeltaText {
    pub(super) text: String,
    pub(super) reasoning: String,
    /// OpenAI's models refuse in a separate member.
    pub(super) refusal: String,
}

#[derive(Debug, Default)]
pub(super) struct CallPiece {
    pub(super) index: Option<u64>,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Arguments,
    /// Must be sent back: Gemini's signatures.
    pub(super) extra: Option<Value>,
}

/// A piece, or all of them from servers that send an object.
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

/// Input and output tokens: at the top, in Groq's `x_groq` or in Moonshot's choice.
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

/// Some servers end with a whole message.
pub(super) fn delta(choice: &Map<String, Value>) -> Option<&Map<String, Value>> {
    let delta = choice.get("delta").filter(|delta| !delta.is_null());
    delta.or_else(|| choice.get("message"))?.as_object()
}

/// A string, or an object with a `type`.
pub(super) fn finish_reason(choice: &Map<String, Value>) -> Option<&str> {
    let reason = choice.get("finish_reason")?;
    reason.as_str().or_else(|| reason.get("type")?.as_str())
}

pub(super) fn text(delta: &Map<String, Value>) -> DeltaText {
    let mut text = DeltaText::default();
    if let Some(content) = delta.get("content") {
        content_of(content, &mut text);
    }
    // Servers that send several repeat the text.
    let mut reasoning = REASONING.iter().filter_map(|name| delta.get(*name));
    let reasoning = reasoning.find_map(|member| Some(text_of(member)).filter(|it| !it.is_empty()));
    text.reasoning.extend(reasoning);
    text.refusal.extend(delta.get("refusal").map(text_of));
    text
}

/// A text, or Mistral's list of parts, some of them reasoning.
fn content_of(content: &Value, delta: &mut DeltaText) {
    match content {
        Value::Array(parts) => parts.iter().for_each(|part| content_of(part, delta)),
        Value::Object(part) => match part.get("type").and_then(Value::as_str) {
            None | Some("text" | "output_text") => delta.text.push_str(&text_of(content)),
            Some("thinking" | "reasoning") => delta.reasoning.push_str(&text_of(content)),
            Some("refusal") => delta.refusal.push_str(&text_of(content)),
            Some(_) => {}
        },
        content => delta.text.push_str(&text_of(content)),
    }
}

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

/// Includes the deprecated `function_call`.
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
