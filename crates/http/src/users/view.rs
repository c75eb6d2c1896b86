//! A user in responses.

use colloquy_domain::User;
use colloquy_web::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::role_schema;

/// Somebody with an account.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    /// The user's id.
    id: Uuid,
    /// Unique without regard to case.
    email: String,
    /// What to call them, if they said.
    #[schema(required = true)]
    name: Option<String>,
    #[schema(schema_with = role_schema)]
    role: &'static str,
    /// A user who is not active cannot sign in, and their tokens do not count.
    is_active: bool,
    /// When the account was made.
    created_at: Timestamp,
    /// When it last changed.
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
