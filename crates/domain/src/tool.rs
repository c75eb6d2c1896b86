//! What an assistant may use besides its words.

use std::borrow::Cow;
use std::fmt;

use crate::{Slug, Violation};

/// The name by which a model calls a tool: `^[a-zA-Z0-9_-]{1,64}$`, what every provider takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ToolName(Cow<'static, str>);

impl ToolName {
    /// The most characters a tool's name may have.
    pub const MAX_CHARS: usize = 64;

    /// Checks the pattern.
    ///
    /// # Errors
    /// A `Violation` with the code `invalid_format`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Violation> {
        let text = text.into();
        if is_name(&text) {
            Ok(Self(Cow::Owned(text)))
        } else {
            Err(Violation::new(
                "invalid_format",
                "must be 1 to 64 letters, digits, hyphens or underscores (ASCII)",
            ))
        }
    }

    /// A name that is written in the program.
    ///
    /// # Panics
    /// When it breaks the pattern; in a `const`, that stops the build.
    #[must_use]
    pub const fn constant(text: &'static str) -> Self {
        assert!(is_name(text), "not a tool's name");
        Self(Cow::Borrowed(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut place = 0;
    while place < bytes.len() {
        let byte = bytes[place];
        if !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b'-' {
            return false;
        }
        place += 1;
    }
    !bytes.is_empty() && bytes.len() <= ToolName::MAX_CHARS
}

/// Every slug is a tool's name.
impl From<&Slug> for ToolName {
    fn from(slug: &Slug) -> Self {
        Self(Cow::Owned(slug.as_str().to_owned()))
    }
}

impl fmt::Display for ToolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tool as an assistant's list names it: `calculator`, or `assistant:<slug>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ToolRef {
    /// One that the service was composed with.
    Registered(ToolName),
    /// Another assistant, which the model sees as a tool of its slug's name.
    Assistant(Slug),
}

impl ToolRef {
    /// The most tools that an assistant may list: about where models begin to choose badly, and
    /// below what every provider takes in a request.
    pub const MAX_PER_ASSISTANT: usize = 64;
    const ASSISTANT: &str = "assistant:";

    /// Reads the name as lists have it. Whether there is such a tool only the toolbox knows.
    ///
    /// # Errors
    /// A `Violation` with the code `invalid_format`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        match text.strip_prefix(Self::ASSISTANT) {
            Some(slug) => Slug::parse(slug).map(Self::Assistant),
            None => ToolName::parse(text).map(Self::Registered),
        }
    }

    /// The name by which the model calls it.
    #[must_use]
    pub fn tool_name(&self) -> ToolName {
        match self {
            Self::Registered(name) => name.clone(),
            Self::Assistant(slug) => slug.into(),
        }
    }
}

impl fmt::Display for ToolRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered(name) => name.fmt(f),
            Self::Assistant(slug) => write!(f, "{}{slug}", Self::ASSISTANT),
        }
    }
}

/// A model's wish to use a tool. The texts are the model's, whatever they are, without NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// Tells the calls of one run apart.
    pub id: String,
    /// Which tool it asks for; there may be none of that name.
    pub name: String,
    /// With what: JSON, if the model keeps to it.
    pub arguments: String,
    /// What the provider wants back with the call as long as the run lasts, in its own terms;
    /// not kept.
    pub signature: Option<String>,
}

/// What came of a [`ToolCall`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolResult {
    /// The call's id.
    pub call_id: String,
    /// The call's tool.
    pub name: String,
    /// What the tool says, or what went wrong, for the model to read. Without NUL.
    pub content: String,
    /// Whether it went wrong.
    pub is_error: bool,
}

/// The call that a message of the kind `Tool` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredCall {
    /// See [`ToolCall`].
    pub call: ToolCall,
    /// See [`ToolResult::is_error`].
    pub is_error: bool,
}

#[cfg(test)]
mod tests {
    use super::{ToolName, ToolRef};

    #[test]
    fn a_reference_names_a_registered_tool_or_an_assistant() {
        let calculator = ToolRef::parse("calculator").unwrap();
        assert!(matches!(&calculator, ToolRef::Registered(name) if name.as_str() == "calculator"));
        let guide = ToolRef::parse("assistant:travel-guide").unwrap();
        assert!(matches!(&guide, ToolRef::Assistant(slug) if slug.as_str() == "travel-guide"));
        assert_eq!(guide.to_string(), "assistant:travel-guide");
        assert_eq!(guide.tool_name(), ToolName::parse("travel-guide").unwrap());
    }

    #[test]
    fn other_texts_name_no_tool() {
        for text in [
            "",
            "assistant:",
            "assistant:a b",
            "a b",
            "a:b",
            &"x".repeat(65),
        ] {
            assert_eq!(
                ToolRef::parse(text).unwrap_err().code,
                "invalid_format",
                "{text}"
            );
        }
    }
}
