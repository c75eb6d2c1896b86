//! From what goes wrong with a provider to what the run engine understands.

use std::error::Error;
use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use colloquy_application::ports::{ModelError, ModelErrorKind};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// What a provider said instead of an answer. Its words print escaped, in one line.
#[derive(Debug, thiserror::Error)]
#[error("the provider answered {status}: {body:?}")]
pub(crate) struct StatusError {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
}

impl StatusError {
    /// The error that such a response stands for.
    pub(crate) fn into_error(self, headers: &HeaderMap, now: DateTime<Utc>) -> ModelError {
        ModelError {
            kind: self.kind(),
            retry_after: retry_after(headers, now),
            source: Some(Box::new(self)),
        }
    }

    fn kind(&self) -> ModelErrorKind {
        match self.status.as_u16() {
            401 | 403 => ModelErrorKind::NotConfigured,
            408 | 409 | 500.. => ModelErrorKind::Unavailable,
            429 => ModelErrorKind::RateLimited,
            400 | 413 | 422 if says_too_long(&self.body) => ModelErrorKind::ContextTooLong,
            400..500 => ModelErrorKind::Refused,
            _ => ModelErrorKind::Broken,
        }
    }
}

/// The error that a failed connection stands for, before or after the answer's first piece.
pub(crate) fn connection(error: reqwest::Error, has_answered: bool) -> ModelError {
    let kind = if has_answered {
        ModelErrorKind::Broken
    } else if is_untrusted(&error) {
        ModelErrorKind::Refused
    } else if error.is_timeout() {
        ModelErrorKind::TimedOut
    } else {
        ModelErrorKind::Unreachable
    };
    ModelError::new(kind, error.without_url())
}

/// An answer that is none.
pub(crate) fn broken(why: impl Into<String>) -> ModelError {
    ModelError::new(ModelErrorKind::Broken, why.into())
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    let wait = date.to_utc() - now;
    Some(wait.to_std().unwrap_or_default())
}

/// How providers word it; none of them agrees with another, and few have a code for it.
fn says_too_long(body: &str) -> bool {
    const PHRASES: &[&str] = &[
        // OpenAI and its imitators
        "context_length_exceeded",
        "maximum context length",
        "reduce the length of the messages",
        // vLLM
        "maximum model length",
        // llama.cpp
        "exceed_context_size",
        "available context size",
        // Anthropic
        "prompt is too long",
        "exceed context limit",
        // Gemini
        "exceeds the maximum number of tokens",
        // Ollama
        "exceeds the context length",
        "exceeds maximum context",
        // LM Studio
        "context length of only",
        // Text Generation Inference
        "`inputs` tokens",
    ];
    let body = body.to_lowercase();
    PHRASES.iter().any(|phrase| body.contains(phrase))
}

fn is_untrusted(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let tls = cause.downcast_ref::<rustls::Error>();
        matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
    })
}

/// The error and its causes, those inside I/O errors included: their `source` skips the error
/// that they carry.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let carried = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        carried
            .map(|carried| carried as &(dyn Error + 'static))
            .or_else(|| error.source())
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{DateTime, Utc};
    use colloquy_application::ports::ModelErrorKind;
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, RETRY_AFTER};

    use super::{StatusError, retry_after};

    fn wait(value: &str) -> Option<Duration> {
        let now: DateTime<Utc> = "2015-10-21T07:28:00Z".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        retry_after(&headers, now)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(wait("119"), Some(Duration::from_secs(119)));
        assert_eq!(
            wait("Wed, 21 Oct 2015 07:28:05 GMT"),
            Some(Duration::from_secs(5))
        );
        assert_eq!(wait("Wed, 21 Oct 2015 07:27:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-1"), None);
    }

    #[test]
    fn each_provider_says_in_its_own_words_that_the_context_is_too_long() {
        for (status, body) in [
            (400, r#"{"error":{"code":"context_length_exceeded"}}"#),
            (
                400,
                "This model's maximum context length is 4096 tokens. However, you requested",
            ),
            (
                400,
                "The decoder prompt (length 9000) is longer than the maximum model length of 8192.",
            ),
            (
                400,
                r#"{"error":{"code":400,"type":"exceed_context_size_error"}}"#,
            ),
            (400, "prompt is too long: 210000 tokens > 200000 maximum"),
            (
                400,
                "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000",
            ),
            (
                400,
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            ),
            (422, "the input length exceeds the context length"),
            (413, "Request too large: reduce the length of the messages"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let body = body.to_owned();
            let error =
                StatusError { status, body }.into_error(&HeaderMap::new(), DateTime::UNIX_EPOCH);
            assert_eq!(error.kind, ModelErrorKind::ContextTooLong, "{error:?}");
        }
    }
}
