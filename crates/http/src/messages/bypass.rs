//! Bypassing the answer cache.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use colloquy_web::headers::members;
use colloquy_web::schema;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

/// Whether the client wants a fresh answer: `Cache-Control: no-cache` or `no-store`.
pub(crate) struct CacheBypass(pub(crate) bool);

impl<S: Sync> FromRequestParts<S> for CacheBypass {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let mut directives = members(parts.headers.get_all(CACHE_CONTROL));
        Ok(Self(directives.any(|directive| {
            directive.eq_ignore_ascii_case("no-cache") || directive.eq_ignore_ascii_case("no-store")
        })))
    }
}

impl IntoParams for CacheBypass {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description =
            "`no-cache` bypasses the answer cache and does not store the answer in it.";
        vec![schema::header_parameter(
            "Cache-Control",
            schema::string(),
            description,
        )]
    }
}
