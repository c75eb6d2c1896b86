//! The assistant named by a path or an input.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use colloquy_domain::{AssistantRef, Violation};
use colloquy_web::input::{Kind, text};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::schema;

/// The assistant in a path, by ID or slug.
pub(crate) struct AssistantPath(pub(crate) AssistantRef);

impl<S: Send + Sync> FromRequestParts<S> for AssistantPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ids(text) = Ids::<String>::from_request_parts(parts, state).await?;
        AssistantRef::parse(&text)
            .map(Self)
            .ok_or_else(Problem::not_found)
    }
}

/// Assistant ID or slug in an input.
pub(crate) fn assistant() -> impl Kind<Value = AssistantRef> {
    let parse = |text: String| {
        AssistantRef::parse(&text).ok_or_else(|| {
            let sentence = "must be the id or the slug of an assistant";
            Violation::new("invalid_format", sentence)
        })
    };
    text(parse, schema::assistant_reference)
}
