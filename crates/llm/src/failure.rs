//! Maps provider failures to `ModelError`.

use std::error::Error;
use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use colloquy_application::ports::{ModelError, ModelErrorKind};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::refusals::is_about_length;

/// Displays the body escaped, on one line.
#[derive(Debug, thiserror::Error)]
#[error("the provider answered {status}: {body:?}")]
pub(crate) struct StatusError {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
}

impl StatusError {
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
            413 => ModelErrorKind::ContextTooLong,
            400 | 422 | 500 if is_about_length(&self.body) => ModelErrorKind::ContextTooLong,
            408 | 409 | 500.. => ModelErrorKind::Unavailable,
            429 => ModelErrorKind::RateLimited,
            400..500 => ModelErrorKind::Refused,
            _ => ModelErrorKind::Broken,
        }
    }
}

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

/// The response if the provider refused the request; some servers send 500 for that.
pub(crate) fn refusal(error: &ModelError) -> Option<&StatusError> {
    let response = error.source.as_ref()?.downcast_ref::<StatusError>()?;
    let is_refusal = error.kind == ModelErrorKind::Refused || response.status.as_u16() == 500;
    is_refusal.then_some(response)
}

pub(crate) fn broken(why: impl Into<String>) -> ModelError {
    ModelError::new(ModelErrorKind::Broken, why.into())
}

/// `retry-after-ms`, as OpenAI's clients read it, or `retry-after`: seconds, possibly fractional,
/// or a date. Out-of-range numbers become the longest wait.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = |name| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(wait) = value("retry-after-ms").and_then(|value| wait(value, 0.001)) {
        return Some(wait);
    }
    let value = value(RETRY_AFTER.as_str())?;
    if let Some(wait) = wait(value, 1.0) {
        return Some(wait);
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?.to_utc();
    Some(date.signed_duration_since(now).to_std().unwrap_or_default())
}

/// `unit`: in seconds.
fn wait(digits: &str, unit: f64) -> Option<Duration> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    if !digits.bytes().all(is_digit) {
        return None;
    }
    let seconds = digits.parse::<f64>().ok()? * unit;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn is_untrusted(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let tls = cause.downcast_ref::<rustls::Error>();
        matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
    })
}

/// The error and its causes, including those inside I/O errors, which `source` skips.
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
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    use super::retry_after;

    fn wait(value: &str) -> Option<Duration> {
        let now: DateTime<Utc> = "2015-10-21T07:28:00Z".parse().unwrap();
        let mut headers = HeaderMap::new();
        let value =
            HeaderValue::from_str(value).or_else(|_| HeaderValue::from_bytes(value.as_bytes()));
        headers.insert(RETRY_AFTER, value.unwrap());
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
        for none in [
            "soon", "-1", "1e3", "inf", "NaN", "", ".", "1.2.3", "0x10", "١",
        ] {
            assert_eq!(wait(none), None, "{none}");
        }
        assert_eq!(wait("1.5"), Some(Duration::from_millis(1_500)));
    }

    #[test]
    fn no_retry_after_is_too_much() {
        let nines = "9".repeat(400);
        for forever in ["18446744073709551615", "18446744073709551616", &nines] {
            let wait = wait(forever).unwrap();
            assert!(wait >= Duration::from_secs(u64::MAX / 2), "{forever}");
        }
        let far = wait("Fri, 31 Dec 9999 23:59:59 GMT").unwrap();
        assert!(far > Duration::from_secs(7_000 * 365 * 86_400));
        assert_eq!(wait("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("Fri, 31 Dec 99999999999 23:59:59 GMT"), None);
    }
}
