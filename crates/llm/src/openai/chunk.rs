//! One event of a streamed answer. Servers differ in what they send, so members are looked for one
//! by one, and those of an unexpected type are passed over.

use colloquy_domain::Usage;
use serde_json::{Map, Value};

use super::halves::tolerant;

/// An event's data.
pub(super) struct Chunk {
    value: Value,
    /// Whether there may be halves of characters in its texts.
    pub(super) has_halves: bool,
}

/// What a choice says, apart from calls of tools.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) reasoning: String,
    /// What OpenAI's models say instead of content when they will not answer.
    pub(super) refusal: String,
}

/// A piece of a call of a tool.
#[derive(Debug, Default)]
pub(super) struct CallPiece {
    /// Which call of the answer it belongs to.
    pub(super) index: Option<u64>,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Arguments,
}

/// A piece of the arguments, or all of them where a server sends them as JSON.
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

impl Chunk {
    pub(super) fn parse(data: &str) -> Result<Self, serde_json::Error> {
        match serde_json::from_str(data) {
            Ok(value) => Ok(Self {
                value,
                has_halves: false,
            }),
            Err(error) => Ok(Self {
                value: serde_json::from_str(&tolerant(data)).map_err(|_| error)?,
                has_halves: true,
            }),
        }
    }

    /// What went wrong, where the server says that instead.
    pub(super) fn error(&self) -> Option<&Value> {
        self.value.get("error").filter(|error| is_said(error))
    }

    /// Whether it is a piece of an answer.
    pub(super) fn has_choices(&self) -> bool {
        self.value.get("choices").is_some()
    }

    /// The one choice that was asked for.
    pub(super) fn choice(&self) -> Option<&Map<String, Value>> {
        match self.value.get("choices")? {
            Value::Array(choices) => choices.first()?.as_object(),
            choice => choice.as_object(),
        }
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        let usage = self.value.get("usage")?;
        let count = |names: [&str; 2]| names.iter().find_map(|name| count(usage.get(name)?));
        let input = count(["prompt_tokens", "input_tokens"]);
        let output = count(["completion_tokens", "output_tokens"]);
        input.or(output).map(|_| Usage {
            input_tokens: input.unwrap_or(0),
            output_tokens: output.unwrap_or(0),
        })
    }
}

/// What a choice adds; some servers end with a whole message.
pub(super) fn delta(choice: &Map<String, Value>) -> Option<&Map<String, Value>> {
    let delta = choice.get("delta").filter(|delta| !delta.is_null());
    delta.or_else(|| choice.get("message"))?.as_object()
}

/// Why the model stopped. Some servers send an empty reason with every piece.
pub(super) fn finish_reason(choice: &Map<String, Value>) -> Option<&str> {
    let reason = choice.get("finish_reason")?;
    let reason = reason.as_str().or_else(|| reason.get("type")?.as_str())?;
    let reason = reason.trim();
    let none = ["", "null", "none"];
    (!none.contains(&reason.to_ascii_lowercase().as_str())).then_some(reason)
}

pub(super) fn said(delta: &Map<String, Value>) -> Said {
    let mut said = Said::default();
    if let Some(content) = delta.get("content") {
        content_of(content, &mut said);
    }
    // Of several members they have the same text.
    const REASONING: [&str; 4] = [
        "reasoning_content",
        "reasoning",
        "thinking",
        "reasoning_details",
    ];
    let mut reasoning = REASONING.iter().filter_map(|name| delta.get(*name));
    let reasoning = reasoning.find_map(|member| Some(text_of(member)).filter(|it| !it.is_empty()));
    said.reasoning.extend(reasoning);
    said.refusal.extend(delta.get("refusal").map(text_of));
    said
}

/// A text; in parts where Mistral's models show their reasoning too.
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

/// The text in a value: of a list all, of an object what it calls so.
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

/// The pieces of calls; the one call of a function, in the words from before there were tools.
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
        }
    }

    /// How long its texts are, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let (Arguments::Piece(arguments) | Arguments::Whole(arguments)) = &self.arguments;
        self.id.len() + self.name.len() + arguments.len()
    }
}

/// A text, or a number in its place.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// A count, which some servers send with a point, and some as a text.
fn count(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_u64().map_or_else(|| number.as_f64(), |_| None),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked before, and saturating"
    )]
    let number = number
        .filter(|number: &f64| *number >= 0.0)
        .map(|number| number as u64);
    value.as_u64().or(number)
}

/// Whether the value says anything.
fn is_said(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}
