//! What servers want back with tool results, stored as a call's signature: `reasoning_content` at
//! `DeepSeek` and Moonshot, `reasoning_details` at `OpenRouter`, each call's `extra_content` at
//! Gemini's OpenAI endpoint.

use serde_json::{Map, Value};

const TEXT: &str = "reasoning_content";
const DETAILS: &str = "reasoning_details";
const EXTRA: &str = "extra_content";

/// Longer signatures are not sent back.
const MAX_BYTES: usize = 512 * 1024;

/// Message members that come from signatures.
pub(super) const MEMBERS: [&str; 3] = [TEXT, DETAILS, EXTRA];

#[derive(Debug, Default)]
pub(super) struct Signature {
    text: String,
    details: Vec<Value>,
    bytes: usize,
}

impl Signature {
    pub(super) fn add(&mut self, delta: &Map<String, Value>) {
        if let Some(Value::String(text)) = delta.get(TEXT) {
            self.grow(text.len());
            self.text.push_str(self.fitting(text));
        }
        if let Some(Value::Array(details)) = delta.get(DETAILS) {
            self.grow(details.iter().map(|it| it.to_string().len()).sum());
            self.details
                .extend(details.iter().filter(|_| self.bytes <= MAX_BYTES).cloned());
        }
    }

    fn grow(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn fitting<'a>(&self, text: &'a str) -> &'a str {
        if self.bytes <= MAX_BYTES { text } else { "" }
    }

    /// Of the next call; the first also gets the answer's members.
    pub(super) fn take(&mut self, extra: Option<Value>) -> Option<String> {
        let own = std::mem::take(self);
        let mut members = Map::new();
        if own.bytes <= MAX_BYTES {
            let text = Some(own.text).filter(|text| !text.is_empty());
            members.extend(text.map(|text| (TEXT.to_owned(), text.into())));
            let details = Some(own.details).filter(|details| !details.is_empty());
            members.extend(details.map(|details| (DETAILS.to_owned(), details.into())));
        }
        members.extend(extra.map(|extra| (EXTRA.to_owned(), extra)));
        (!members.is_empty()).then(|| Value::Object(members).to_string())
    }
}

/// From the signature of the message's first call.
pub(super) fn message_members(signature: Option<&str>) -> Map<String, Value> {
    members(signature, &[TEXT, DETAILS])
}

pub(super) fn call_members(signature: Option<&str>) -> Map<String, Value> {
    members(signature, &[EXTRA])
}

/// Other providers' signatures are not objects.
fn members(signature: Option<&str>, names: &[&str]) -> Map<String, Value> {
    let members = signature.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    let members = members.unwrap_or_default().into_iter();
    members
        .filter(|(name, _)| names.contains(&name.as_str()))
        .collect()
}
