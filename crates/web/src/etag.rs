//! Entity tags (RFC 9110, section 13).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::IF_NONE_MATCH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use crate::headers::members;

/// `If-None-Match`.
pub struct IfNoneMatch(Vec<HeaderValue>);

impl IfNoneMatch {
    /// Parses the headers.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        Self(headers.get_all(IF_NONE_MATCH).iter().cloned().collect())
    }

    /// Weak comparison.
    #[must_use]
    pub fn names(&self, tag: &str) -> bool {
        members(&self.0).any(|member| member == "*" || member.trim_start_matches("W/") == tag)
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::from_headers(&parts.headers))
    }
}
