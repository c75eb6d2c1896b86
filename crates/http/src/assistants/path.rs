//! The assistant that a path names.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use colloquy_domain::AssistantRef;
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;

/// The assistant that a path names by id or slug.
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
