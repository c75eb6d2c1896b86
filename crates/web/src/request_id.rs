//! The name of a request in responses and logs.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use colloquy_application::ports::IdGenerator;

/// Names a request in answers and logs.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 128;

/// A request's name: the client's, or one of ours. Nothing but letters, digits and `._-`.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The name that the request brings, or a new one.
    pub(crate) fn of(request: &Request, ids: &dyn IdGenerator) -> Self {
        Self::sent(request.headers()).unwrap_or_else(|| Self::new(ids))
    }

    /// Names the request in its answer.
    pub(crate) fn add_to(self, response: &mut Response) {
        response.headers_mut().insert(X_REQUEST_ID, self.0);
    }

    fn new(ids: &dyn IdGenerator) -> Self {
        let id = ids.next_id().to_string();
        // Digits and hyphens are a value always.
        let value = HeaderValue::try_from(id);
        Self(value.unwrap_or_else(|_| HeaderValue::from_static("")))
    }

    fn sent(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(X_REQUEST_ID)?;
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let is_sane =
            (1..=MAX_LENGTH).contains(&value.len()) && value.as_bytes().iter().all(allowed);
        is_sane.then(|| Self(value.clone()))
    }
}
