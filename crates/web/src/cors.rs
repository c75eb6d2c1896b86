//! Cross-origin access.

use std::str::FromStr;
use std::time::Duration;

use axum::http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LINK,
    LOCATION, RETRY_AFTER,
};
use axum::http::{HeaderValue, Method, Uri};
use tower_http::cors::CorsLayer;

use crate::headers::{LAST_EVENT_ID, PREFER, PREFERENCE_APPLIED};
use crate::idempotency::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED};
use crate::paging::X_TOTAL_COUNT;
use crate::request_id::X_REQUEST_ID;

const PREFLIGHT_LIFETIME: Duration = Duration::from_secs(3600);

/// A web origin, such as `https://chat.example.org` or `http://localhost:3000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// Not a web origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a web origin is http:// or https://, a host and optionally a port, and nothing else")]
pub struct InvalidOrigin;

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let uri: Uri = text.parse().map_err(|_| InvalidOrigin)?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().ok_or(InvalidOrigin)?.as_str();
        let is_bare = !authority.contains('@') && text.ends_with(authority);
        if is_web && is_bare {
            // As browsers send it.
            HeaderValue::from_str(&text.to_ascii_lowercase())
                .map(Self)
                .map_err(|_| InvalidOrigin)
        } else {
            Err(InvalidOrigin)
        }
    }
}

/// Without credentials: the API uses no cookies.
pub(crate) fn layer(origins: Vec<Origin>) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.into_iter().map(|origin| origin.0).collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            AUTHORIZATION,
            CACHE_CONTROL,
            CONTENT_TYPE,
            IDEMPOTENCY_KEY,
            IF_MATCH,
            IF_NONE_MATCH,
            LAST_EVENT_ID,
            PREFER,
            X_REQUEST_ID,
        ])
        .expose_headers([
            ALLOW,
            ETAG,
            IDEMPOTENT_REPLAYED,
            LINK,
            LOCATION,
            PREFERENCE_APPLIED,
            RETRY_AFTER,
            X_REQUEST_ID,
            X_TOTAL_COUNT,
        ])
        .max_age(PREFLIGHT_LIFETIME)
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for text in ["https://chat.example.org", "http://localhost:3000"] {
            assert!(text.parse::<Origin>().is_ok(), "{text}");
        }
        for text in [
            "",
            "*",
            "null",
            "chat.example.org",
            "https://chat.example.org/",
            "https://chat.example.org/path",
            "ftp://chat.example.org",
            "https://user@chat.example.org",
            "https://chat.example.org?query",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
