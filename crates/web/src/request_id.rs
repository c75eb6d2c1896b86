//! Request IDs.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use colloquy_application::ports::IdGenerator;
use tower_http::request_id::{MakeRequestId, RequestId};

/// Response header with the request ID.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 128;

/// Removes client IDs unless short and of letters, digits and `._-`: IDs are logged.
pub(crate) fn remove_unusable(mut request: Request) -> Request {
    let headers = request.headers_mut();
    if headers.get(X_REQUEST_ID).is_some_and(|id| !is_usable(id)) {
        headers.remove(X_REQUEST_ID);
    }
    request
}

fn is_usable(id: &HeaderValue) -> bool {
    let is_allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=MAX_LENGTH).contains(&id.len()) && id.as_bytes().iter().all(is_allowed)
}

#[derive(Clone)]
pub(crate) struct NewRequestId(pub(crate) Arc<dyn IdGenerator>);

impl MakeRequestId for NewRequestId {
    fn make_request_id<B>(&mut self, _request: &axum::http::Request<B>) -> Option<RequestId> {
        let id = HeaderValue::try_from(self.0.next_id().to_string());
        id.ok().map(RequestId::new)
    }
}

pub(crate) fn assigned(request: &Request) -> Option<RequestId> {
    request.extensions().get().cloned()
}

pub(crate) fn text(id: Option<&RequestId>) -> &str {
    let text = id.and_then(|id| id.header_value().to_str().ok());
    text.unwrap_or_default()
}
