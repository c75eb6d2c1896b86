use std::fmt;
use std::sync::Arc;

/// A provider's key. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Arc<str>);

/// The text cannot be a key: it is blank or holds characters that no header may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an API key is made of visible ASCII characters")]
pub struct InvalidApiKey;

impl ApiKey {
    /// Takes the text without the white space around it, which files and shells leave there.
    ///
    /// # Errors
    /// [`InvalidApiKey`], which does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidApiKey);
        }
        Ok(Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::ApiKey;

    #[test]
    fn a_key_does_not_print() {
        let key = ApiKey::parse(" sk-secret\n").unwrap();
        assert_eq!(key.as_str(), "sk-secret");
        assert_eq!(format!("{key:?}"), "ApiKey(..)");
    }

    #[test]
    fn what_no_header_can_carry_is_no_key() {
        for text in ["", "  ", "a b", "a\r\nx: y", "schlüssel"] {
            assert!(ApiKey::parse(text).is_err(), "{text:?}");
        }
    }
}
