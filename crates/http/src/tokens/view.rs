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
    /// ID.
    id: Uuid,
    /// Display name.
    name: String,
    #[schema(schema_with = kinds)]
    kind: &'static str,
    /// Creation time.
    created_at: Timestamp,
    /// Last use, to the minute.
    #[schema(required = true)]
    last_used_at: Option<Timestamp>,
    /// Expiry; `null` means never.
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
    schema::one_of(TokenKind::ALL.iter().map(|kind| kind.as_str())).description(Some(
        "Created by signing in, or by its owner as an API key.",
    ))
}
