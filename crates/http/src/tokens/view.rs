//! A token in responses.

use colloquy_domain::{AccessToken, TokenKind};
use colloquy_web::schema;
use colloquy_web::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;
use uuid::Uuid;

/// An access token without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(crate) struct TokenView {
    /// The token's id.
    id: Uuid,
    /// What its owner calls it.
    name: String,
    #[schema(schema_with = kinds)]
    kind: &'static str,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last used, to the minute.
    #[schema(required = true)]
    last_used_at: Option<Timestamp>,
    /// From when on it does not count any more; `null` is never.
    #[schema(required = true)]
    expires_at: Option<Timestamp>,
}

impl From<AccessToken> for TokenView {
    fn from(token: AccessToken) -> Self {
        Self {
            id: token.id.as_uuid(),
            name: token.name.into_string(),
            kind: token.kind.as_str(),
            created_at: token.created_at.into(),
            last_used_at: token.last_used_at.map(Timestamp::from),
            expires_at: token.expires_at.map(Timestamp::from),
        }
    }
}

fn kinds() -> ObjectBuilder {
    schema::one_of(TokenKind::ALL.iter().map(|kind| kind.as_str()))
        .description(Some("What made it: signing in, or its owner."))
}
