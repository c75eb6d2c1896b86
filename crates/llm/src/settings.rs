//! Provider settings.

use colloquy_application::ports::BoxError;
use url::Url;

use crate::ApiKey;

/// A configured provider.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Prefix of its models: lower-case ASCII letters, digits, hyphens, underscores.
    pub name: String,
    /// The API it speaks.
    pub kind: ProviderKind,
    /// Defaults to the kind's; custom OpenAI-compatible providers have none. A trailing slash does
    /// not matter.
    pub base_url: Option<Url>,
    /// The API key.
    pub api_key: Option<ApiKey>,
}

/// A provider's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderKind {
    /// OpenAI's chat completions or compatible. The base URL ends before `chat/completions`.
    OpenAi,
    /// Anthropic's Messages API.
    Anthropic,
    /// Google's Gemini API.
    Gemini,
    /// Mistral's variant of chat completions.
    Mistral,
    /// Ollama. The base URL is the server root.
    Ollama,
}

impl ProviderKind {
    const NAMED: [(&str, Self); 5] = [
        ("openai", Self::OpenAi),
        ("anthropic", Self::Anthropic),
        ("gemini", Self::Gemini),
        ("mistral", Self::Mistral),
        ("ollama", Self::Ollama),
    ];

    /// `openai`, `anthropic`, `gemini`, `mistral` or `ollama`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut named = Self::NAMED.into_iter();
        named
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| kind)
    }

    /// A built-in provider's own, else [`OpenAi`](Self::OpenAi).
    #[must_use]
    pub fn usual_for(provider: &str) -> Self {
        Self::from_name(provider).unwrap_or(Self::OpenAi)
    }

    pub(crate) fn built_in() -> impl Iterator<Item = ProviderSettings> {
        Self::NAMED
            .into_iter()
            .map(|(name, kind)| ProviderSettings {
                name: name.to_owned(),
                kind,
                base_url: None,
                api_key: None,
            })
    }

    const fn usual_address(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1/",
            Self::Anthropic => "https://api.anthropic.com/v1/",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta/",
            Self::Mistral => "https://api.mistral.ai/v1/",
            Self::Ollama => "http://localhost:11434/",
        }
    }
}

/// Invalid settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// Malformed, reserved (`echo`) or used twice.
    #[error("`{0}` is not a valid, unused name of a model provider")]
    Name(String),
    /// The base URL is not `http` or `https`.
    #[error("the base URL of the model provider `{0}` must begin with http:// or https://")]
    BaseUrl(String),
    /// The HTTP client cannot be created.
    #[error("the HTTP client for model providers cannot be created")]
    Client(#[source] BoxError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    ApiKey,
    BaseUrl,
}

impl ProviderSettings {
    const OPENAI: &str = "openai";

    pub(crate) fn validate(&self) -> Result<(), SettingsError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
        if self.name.is_empty() || !self.name.bytes().all(allowed) {
            return Err(SettingsError::Name(self.name.clone()));
        }
        let scheme = self.base_url.as_ref().map(Url::scheme);
        if !matches!(scheme, None | Some("http" | "https")) {
            return Err(SettingsError::BaseUrl(self.name.clone()));
        }
        Ok(())
    }

    pub(crate) fn missing(&self) -> Option<Missing> {
        let own_server = self.kind == ProviderKind::OpenAi && self.name != Self::OPENAI;
        if own_server && self.base_url.is_none() {
            return Some(Missing::BaseUrl);
        }
        let needs_key = !own_server && self.kind != ProviderKind::Ollama;
        (needs_key && self.api_key.is_none()).then_some(Missing::ApiKey)
    }

    /// With a slash at the end.
    pub(crate) fn address(&self) -> Result<Url, SettingsError> {
        let usual = || Url::parse(self.kind.usual_address());
        let mut url = match &self.base_url {
            Some(url) => url.clone(),
            None => usual().map_err(|error| SettingsError::Client(error.into()))?,
        };
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(url)
    }

    /// Keeps the base URL's query.
    pub(crate) fn url(&self, path: &str) -> Result<Url, SettingsError> {
        let address = self.address()?;
        let joined = address.join(path);
        let mut url = joined.map_err(|error| SettingsError::Client(error.into()))?;
        url.set_query(address.query());
        Ok(url)
    }

    /// Gemini's OpenAI-compatible API.
    pub(crate) fn as_openai(&self) -> Result<Self, SettingsError> {
        let below = self.address()?.join("openai/");
        Ok(Self {
            kind: ProviderKind::OpenAi,
            base_url: Some(below.map_err(|error| SettingsError::Client(error.into()))?),
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Missing, ProviderKind, ProviderSettings};
    use crate::ApiKey;

    fn settings(name: &str, base_url: Option<&str>, key: Option<&str>) -> ProviderSettings {
        ProviderSettings {
            name: name.to_owned(),
            kind: ProviderKind::usual_for(name),
            base_url: base_url.map(|url| url.parse().unwrap()),
            api_key: key.map(|key| ApiKey::parse(key).unwrap()),
        }
    }

    #[test]
    fn missing_settings_are_named() {
        let local = Some("http://localhost:8000/v1");
        for (name, base_url, key, missing) in [
            ("openai", None, Some("k"), None),
            ("openai", None, None, Some(Missing::ApiKey)),
            ("openai", local, None, Some(Missing::ApiKey)),
            ("mistral", None, None, Some(Missing::ApiKey)),
            ("ollama", None, None, None),
            ("local", local, None, None),
            ("local", None, Some("k"), Some(Missing::BaseUrl)),
        ] {
            let found = settings(name, base_url, key).missing();
            assert_eq!(found, missing, "{name} {base_url:?}");
        }
    }

    #[test]
    fn base_urls_end_with_a_slash() {
        let address = |url| settings("local", Some(url), None).address().unwrap();
        assert_eq!(address("http://h:1").as_str(), "http://h:1/");
        assert_eq!(address("http://h:1/v1").as_str(), "http://h:1/v1/");
        assert_eq!(address("http://h/v1/?a=b").as_str(), "http://h/v1/?a=b");
    }
}
