//! 201 responses.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// 201 with the created resource and its location.
pub fn created(location: String, view: impl Serialize) -> Response {
    (StatusCode::CREATED, [(LOCATION, location)], Json(view)).into_response()
}
