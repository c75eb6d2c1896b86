//! A user in responses.

use colloquy_domain::User;
use colloquy_web::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::role_schema;

/// A user account.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    /// ID.
    id: Uuid,
    /// Unique, ignoring case.
    email: String,
    /// Display name, if given.
    #[schema(required = true)]
    name: Option<String>,
    #[schema(schema_with = role_schema)]
    role: &'static str,
    /// Inactive users cannot sign in, and their tokens are rejected.
    is_active: bool,
    /// Creation time.
    created_at: Timestamp,
    /// Time of the last change.
    updated_at: Timestamp,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.as_uuid(),
            email: user.email.as_str().to_owned(),
            name: user.name.as_ref().map(|name| name.as_str().to_owned()),
            role: user.role.as_str(),
            is_active: user.is_active,
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
        }
    }
}
