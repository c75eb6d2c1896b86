//! Structured answers.

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::Violation;
use crate::named::named;

named! {
    /// Format of an answer.
    OutputFormat {
        /// Plain text.
        Text = "text",
        /// One JSON value: see [`json_of`].
        Json = "json",
    }
}

/// JSON Schema of an assistant's answers; validity is not checked here. Keeps the members' order,
/// which models follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSchema(Value);

impl OutputSchema {
    /// Maximum bytes of JSON: more than providers accept.
    pub const MAX_BYTES: usize = 65_536;

    /// Requires an object, as all providers do, and checks the size.
    ///
    /// # Errors
    /// `wrong_type` or `too_long`.
    pub fn new(schema: Value) -> Result<Self, Violation> {
        check_schema(&schema)?;
        Ok(Self(schema))
    }

    /// The schema of any JSON object.
    #[must_use]
    pub fn any_object() -> Self {
        Self(serde_json::json!({"type": "object"}))
    }

    /// The schema.
    #[must_use]
    pub const fn as_value(&self) -> &Value {
        &self.0
    }

    /// The schema, owned.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.0
    }
}

/// Rules for all schemas sent to models.
pub(crate) fn check_schema(schema: &Value) -> Result<(), Violation> {
    if !schema.is_object() {
        return Err(Violation::new("wrong_type", "must be an object"));
    }
    if schema.to_string().len() > OutputSchema::MAX_BYTES {
        return Err(Violation::new(
            "too_long",
            "must have at most 65536 bytes of JSON",
        ));
    }
    Ok(())
}

/// The JSON value in an answer, or else the whole answer. Models wrap JSON in code fences, add
/// sentences, or think aloud first.
#[must_use]
pub fn json_of(answer: &str) -> &str {
    let answer = bare(answer);
    if is_json(answer) {
        return answer;
    }
    let body = answer
        .rsplit_once("</think>")
        .map_or(answer, |(_thoughts, body)| bare(body));
    if is_json(body) {
        return body;
    }
    let found = fenced(body).or_else(|| embedded(body));
    // The reasoning may come last.
    found.or_else(|| embedded(answer)).unwrap_or(body)
}

fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}')
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The last code block that is JSON.
fn fenced(text: &str) -> Option<&str> {
    let blocks = text.split("```").skip(1).step_by(2);
    blocks.filter_map(json_in_block).last()
}

/// A code block without the language tag.
fn json_in_block(block: &str) -> Option<&str> {
    let untagged = block.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    let mut candidates = [untagged, block].into_iter().map(bare);
    candidates.find(|candidate| is_json(candidate))
}

/// The longest object or array in a text.
fn embedded(text: &str) -> Option<&str> {
    // Bounds the work for texts full of brackets.
    const MAX_TRIES: usize = 32;
    let mut rest = text;
    let mut longest: Option<&str> = None;
    for _ in 0..MAX_TRIES {
        let Some(begin) = rest.find(['{', '[']) else {
            break;
        };
        rest = &rest[begin..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        let length = match values.next() {
            Some(Ok(_)) => values.byte_offset(),
            _ => 0,
        };
        let value = &rest[..length];
        if longest.is_none_or(|longest| value.len() > longest.len()) {
            longest = Some(value);
        }
        rest = &rest[length.max(1)..];
    }
    longest.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::json_of;

    #[test]
    fn fences_and_white_space_are_not_json() {
        for answer in [
            "{\"a\": 1}",
            "\n {\"a\": 1}\n",
            "\u{FEFF}{\"a\": 1}",
            "```json\n{\"a\": 1}\n```",
            "```JSON\r\n{\"a\": 1}\r\n```",
            "```json5\n{\"a\": 1}\n```",
            "```\n{\"a\": 1}```\n",
            "```json {\"a\": 1}```",
            "```json\n{\"a\": 1}",
        ] {
            assert_eq!(json_of(answer), "{\"a\": 1}", "{answer:?}");
        }
        for answer in [
            "{\"s\": \"use the </think> tag\"}",
            "{\"s\": \"<think>x</think>y\"}",
        ] {
            assert_eq!(json_of(answer), answer);
        }
        assert_eq!(json_of("{\"a\": 1}<think>bye</think>"), "{\"a\": 1}");
        assert_eq!(json_of("```"), "```");
        assert_eq!(json_of("```json\n42\n```"), "42");
        assert_eq!(json_of("```true```"), "true");
        assert_eq!(json_of(" \"``` [1] ```\" "), "\"``` [1] ```\"");
    }

    #[test]
    fn sentences_and_thoughts_are_not_json() {
        for answer in [
            "Here you are:\n```json\n{\"a\": 1}\n```",
            "```json\n{\"a\": 1}\n```\nI hope that [this] helps.",
            "Not ```{\"a\": 0}``` but ```{\"a\": 1}```.",
            "Sure! {\"a\": 1} See [1].",
            "As {name} said: {\"a\": 1}",
            "<think>{\"a\": 0}</think>\n\n{\"a\": 1}",
            "[0]? No. </think> ```json\n{\"a\": 1}\n```",
        ] {
            assert_eq!(json_of(answer), "{\"a\": 1}", "{answer:?}");
        }
        for none in ["no JSON", "{\"a\":", "", "{name} [and so on"] {
            assert_eq!(json_of(none), none);
        }
        let brackets = "[{".repeat(100_000);
        assert_eq!(json_of(&brackets), brackets);
    }
}
