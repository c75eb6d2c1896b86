use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use colloquy_application::ports::IdGenerator;

/// Names a request in answers and logs.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 128;

/// A request's name: the client's, or one of ours.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that [`assign`] has given to the request.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_else(|| Self("".into()))
    }

    fn sent(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(X_REQUEST_ID)?.to_str().ok()?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let is_sane = (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(allowed);
        is_sane.then(|| Self(text.into()))
    }
}

/// Gives the request its id and the response the header.
pub(crate) async fn assign(
    State(ids): State<Arc<dyn IdGenerator>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::sent(request.headers())
        .unwrap_or_else(|| RequestId(ids.next_id().to_string().into()));
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}
