//! API keys of providers.

use secrecy::{ExposeSecret as _, SecretString};

/// A provider's API key, hidden from `Debug`.
#[derive(Debug, Clone)]
pub struct ApiKey(SecretString);

/// Blank, or with characters that are not allowed in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an API key consists of visible ASCII characters")]
pub struct InvalidApiKey;

impl ApiKey {
    /// Trims and checks the text.
    ///
    /// # Errors
    /// [`InvalidApiKey`], which does not contain the text.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidApiKey);
        }
        Ok(Self(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::ApiKey;

    #[test]
    fn debug_hides_the_key() {
        let key = ApiKey::parse(" sk-secret\n").unwrap();
        assert_eq!(key.expose(), "sk-secret");
        assert!(!format!("{key:?}").contains("sk-"));
    }

    #[test]
    fn keys_that_no_header_can_carry_are_refused() {
        for text in ["", "  ", "a b", "a\r\nx: y", "schlüssel"] {
            assert!(ApiKey::parse(text).is_err(), "{text:?}");
        }
    }
}
