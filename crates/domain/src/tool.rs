//! Tools: names, references, calls and results.

use std::borrow::Cow;
use std::fmt;

use crate::text::text_types;
use crate::{Slug, Violation};

/// A tool's name for models: `^[a-zA-Z0-9_-]{1,64}$`, which all providers accept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ToolName(Cow<'static, str>);

impl ToolName {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 64;

    /// Checks the pattern.
    ///
    /// # Errors
    /// `invalid_format`.
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

    /// For [`tool_name!`](crate::tool_name): checks at compile time.
    #[doc(hidden)]
    #[must_use]
    pub const fn checked(text: &'static str, complaint: &'static str) -> Self {
        assert!(is_name(text), "{}", complaint);
        Self(Cow::Borrowed(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A [`ToolName`] from a literal, checked at compile time:
///
/// ```compile_fail
/// colloquy_domain::tool_name!("get weather");
/// ```
#[macro_export]
macro_rules! tool_name {
    ($name:literal) => {
        const {
            $crate::ToolName::checked(
                $name,
                concat!(
                    "`",
                    $name,
                    "` is no tool name: 1 to 64 ASCII letters, digits, hyphens or underscores"
                ),
            )
        }
    };
}

const fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        let byte = bytes[index];
        if !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b'-' {
            return false;
        }
        index += 1;
    }
    !bytes.is_empty() && bytes.len() <= ToolName::MAX_CHARS
}

/// Every slug is a valid tool name.
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

/// A tool in an assistant's list: `calculator`, or `assistant:<slug>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ToolRef {
    /// A tool registered with the service.
    Registered(ToolName),
    /// Another assistant, offered under its slug.
    Assistant(Slug),
}

impl ToolRef {
    /// Maximum tools per assistant. Models choose badly beyond this; all providers accept as many.
    pub const MAX_PER_ASSISTANT: usize = 64;
    const ASSISTANT: &str = "assistant:";

    /// Parses a reference; the tool may not exist.
    ///
    /// # Errors
    /// `invalid_format`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        match text.strip_prefix(Self::ASSISTANT) {
            Some(slug) => Slug::parse(slug).map(Self::Assistant),
            None => ToolName::parse(text).map(Self::Registered),
        }
    }

    /// The name that the model calls.
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

/// A tool call by a model. The texts are unvalidated, but without NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// Unique within the run; globally for client-side calls.
    pub id: String,
    /// The tool; may not exist.
    pub name: String,
    /// Arguments; JSON if the model complies.
    pub arguments: String,
    /// Opaque provider data to send back with the call during the run. Kept in the run's log, not
    /// in messages.
    pub signature: Option<String>,
}

/// Result of a [`ToolCall`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolResult {
    /// ID of the call.
    pub call_id: String,
    /// Tool of the call.
    pub name: String,
    /// Output or error for the model. Without NUL.
    pub content: String,
    /// Whether the call failed.
    pub is_error: bool,
}

text_types! {
    /// A function's result or error, from the client, for the model.
    ToolOutput: max 262_144, blank Allowed;
    /// Why a call was declined, for the model.
    ApprovalReason: max 1_000, blank Refused;
}

impl ToolOutput {
    /// Maximum total bytes of submitted outputs.
    pub const MAX_TOTAL_BYTES: usize = 256 * 1024;
}

/// The call that a `Tool` message answers.
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
