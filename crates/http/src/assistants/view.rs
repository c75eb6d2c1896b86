//! Responses with assistants.

use axum::Json;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, VARY};
use axum::response::{IntoResponse, IntoResponseParts, Response};
use colloquy_application::assistants::Assistants;
use colloquy_domain::Assistant;

use super::fields::AssistantView;
use super::revision;

/// The full view with its tag.
pub(crate) fn tagged(assistants: &Assistants, assistant: &Assistant) -> Response {
    let tag = revision::tag(assistant.revision, true);
    let is_defined_in_code = assistants.is_defined_in_code(assistant);
    let view = AssistantView::whole(assistant, is_defined_in_code);
    (validity(tag), Json(view)).into_response()
}

/// Cache headers for this tag: the response depends on the caller.
pub(super) fn validity(tag: String) -> impl IntoResponseParts {
    let fixed = [
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (VARY, HeaderValue::from_static("authorization")),
    ];
    ([(ETAG, tag)], fixed)
}

/// A body that is already JSON.
pub(super) fn json(body: impl Into<Body>) -> impl IntoResponse {
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind)], body.into())
}
