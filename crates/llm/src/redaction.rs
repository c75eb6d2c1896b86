//! Removes credentials from provider responses before logging.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::ProviderSettings;

/// The API key, and the base URL's user and password in every form sent.
#[derive(Clone)]
pub(crate) struct Redaction(Arc<[SecretString]>);

impl Redaction {
    pub(crate) fn of(settings: &ProviderSettings) -> Self {
        let key = settings.api_key.as_ref().map(|key| key.expose().to_owned());
        let address = settings.base_url.as_ref().into_iter();
        let mut secrets: Vec<String> = address.flat_map(of_address).chain(key).collect();
        secrets.retain(|secret| !secret.is_empty());
        // Longest first: a secret may contain another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(secrets.into_iter().map(SecretString::from).collect())
    }

    pub(crate) fn apply(&self, text: &str) -> String {
        let secrets = self.0.iter();
        secrets.fold(text.to_owned(), |text, secret| {
            text.replace(secret.expose_secret(), "[key]")
        })
    }
}

/// Includes the base64 form of `Authorization: Basic`. A user without a password is a token.
fn of_address(url: &Url) -> Vec<String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = url.username();
    let (password, hidden) = match url.password() {
        Some(password) => (password, password),
        None if user.is_empty() => return Vec::new(),
        None => ("", user),
    };
    let basic = format!("{}:{}", decoded(user), decoded(password));
    vec![hidden.to_owned(), decoded(hidden), STANDARD.encode(basic)]
}

#[cfg(test)]
mod tests {
    use super::Redaction;
    use crate::{ApiKey, ProviderKind, ProviderSettings};

    fn redacted(base_url: &str, text: &str) -> String {
        let settings = ProviderSettings {
            name: "test".to_owned(),
            kind: ProviderKind::OpenAi,
            base_url: Some(base_url.parse().unwrap()),
            api_key: Some(ApiKey::parse("sk-1").unwrap()),
        };
        Redaction::of(&settings).apply(text)
    }

    #[test]
    fn secrets_are_removed_in_every_form() {
        let address = "https://me:a%2Fb@host/v1";
        let text = "key sk-1, password a/b or a%2Fb, Basic bWU6YS9i, user me";
        assert_eq!(
            redacted(address, text),
            "key [key], password [key] or [key], Basic [key], user me"
        );
        let token = "https://tok-7@host/v1";
        assert_eq!(redacted(token, "tok-7, dG9rLTc6"), "[key], [key]");
        assert_eq!(redacted("https://host/v1", "nothing"), "nothing");
    }
}
