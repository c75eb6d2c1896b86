//! Idempotency keys.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use colloquy_domain::IdempotencyKey;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::problem::Problem;
use crate::schema;

/// `Idempotency-Key`.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks a response to a repeated request.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The idempotency key, if any.
pub struct KeyHeader(pub Option<IdempotencyKey>);

impl<S: Sync> FromRequestParts<S> for KeyHeader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        match key(value) {
            Some(key) if values.next().is_none() => Ok(Self(Some(key))),
            _ => Err(Problem::malformed(
                "`Idempotency-Key` must be 1 to 255 visible ASCII characters, sent once.",
            )),
        }
    }
}

fn key(value: &HeaderValue) -> Option<IdempotencyKey> {
    let is_visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
    let text = value.to_str().ok().filter(|_| is_visible)?;
    IdempotencyKey::parse(text).ok()
}

impl IntoParams for KeyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key = schema::string()
            .min_length(Some(1))
            .max_length(Some(IdempotencyKey::MAX_CHARS))
            .pattern(Some("^[!-~]+$"));
        let description = "Client-chosen key. Repeating a request with the same key returns the run of the first one.";
        vec![schema::header_parameter(
            "Idempotency-Key",
            key,
            description,
        )]
    }
}

/// Marks a replayed response.
pub fn mark_replayed(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
}
