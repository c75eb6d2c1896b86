//! What a run's answer is to programs.

use serde_json::Value;

use crate::Violation;
use crate::named::named;

named! {
    /// As what an answer's text is to be read.
    OutputFormat {
        /// As it stands.
        Text = "text",
        /// As one JSON value: see [`json_of`].
        Json = "json",
    }
}

/// The JSON Schema that an assistant's answers keep to. Whether it is a valid one only a validator
/// knows. The order of its members is kept: models write them in that order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSchema(Value);

impl OutputSchema {
    /// The largest schema, in bytes of JSON: above what providers take.
    pub const MAX_BYTES: usize = 65_536;

    /// Checks the size, and that it is an object, which every provider asks for.
    ///
    /// # Errors
    /// A `Violation` with the code `wrong_type` or `too_long`.
    pub fn new(schema: Value) -> Result<Self, Violation> {
        if !schema.is_object() {
            return Err(Violation::new("wrong_type", "must be an object"));
        }
        if schema.to_string().len() > Self::MAX_BYTES {
            return Err(Violation::new(
                "too_long",
                "must have at most 65536 bytes of JSON",
            ));
        }
        Ok(Self(schema))
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

/// The JSON in an answer: many models put theirs between the fences of a code block.
#[must_use]
pub fn json_of(answer: &str) -> &str {
    let answer = answer.trim();
    let fenced = answer
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"));
    match fenced {
        Some(code) => code.strip_prefix("json").unwrap_or(code).trim(),
        None => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::json_of;

    #[test]
    fn fences_and_white_space_are_not_json() {
        for answer in [
            "{\"a\": 1}",
            "\n {\"a\": 1}\n",
            "```json\n{\"a\": 1}\n```",
            "```\n{\"a\": 1}```\n",
        ] {
            assert_eq!(json_of(answer), "{\"a\": 1}", "{answer:?}");
        }
        assert_eq!(json_of("```"), "```");
    }
}
