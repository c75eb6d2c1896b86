//! Model names.

use std::fmt;

use crate::Violation;

/// A provider and model, `provider::name`: for example `openai::gpt-4o-mini` or `echo::echo`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelName {
    written: String,
    /// Bytes of the provider part.
    provider: usize,
}

impl ModelName {
    /// Maximum length in characters, provider included.
    pub const MAX_CHARS: usize = 255;
    const SEPARATOR: &str = "::";

    /// Checks the format only; the provider may not exist.
    ///
    /// # Errors
    /// `invalid_format` or `too_long`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Violation> {
        let written = text.into();
        crate::text::check(&written, Self::MAX_CHARS, crate::text::Blank::Allowed)?;
        let shape = || {
            Violation::new(
                "invalid_format",
                "must be `provider::name`, the provider in lower-case letters, digits, hyphens or underscores",
            )
        };
        let (provider, name) = written.split_once(Self::SEPARATOR).ok_or_else(shape)?;
        let provider_ok = !provider.is_empty()
            && provider
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        let name_ok =
            !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control());
        if !provider_ok || !name_ok {
            return Err(shape());
        }
        let provider = provider.len();
        Ok(Self { written, provider })
    }

    /// `provider::name`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The part before the first `::`.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.written[..self.provider]
    }

    /// The part after the first `::`, which may contain `::`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.written[self.provider + Self::SEPARATOR.len()..]
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::ModelName;

    #[test]
    fn a_model_name_has_a_provider_and_a_name() {
        let model = ModelName::parse("ollama::llama3.2:1b").unwrap();
        assert_eq!((model.provider(), model.name()), ("ollama", "llama3.2:1b"));
        let nested = ModelName::parse("local::org::model").unwrap();
        assert_eq!((nested.provider(), nested.name()), ("local", "org::model"));
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in [
            "",
            "gpt-4o",
            "::x",
            "openai::",
            "Open AI::x",
            "openai::a b",
            "OPENAI::x",
        ] {
            assert_eq!(
                ModelName::parse(text).unwrap_err().code,
                "invalid_format",
                "{text}"
            );
        }
    }
}
