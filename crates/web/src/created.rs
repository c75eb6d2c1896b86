//! The response to a request that created something.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The answer to a request that has made something: what it is like, and where.
pub fn created(location: String, view: impl Serialize) -> Response {
    (StatusCode::CREATED, [(LOCATION, location)], Json(view)).into_response()
}
