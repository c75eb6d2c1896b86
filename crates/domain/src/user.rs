//! Users and roles.

use chrono::{DateTime, Utc};

use crate::named::named;
use crate::text::text_types;
use crate::{Email, UserId};

/// A user account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// ID.
    pub id: UserId,
    /// Unique by [`Email::key`].
    pub email: Email,
    /// Display name.
    pub name: Option<PersonName>,
    /// Role.
    pub role: Role,
    /// Inactive users cannot sign in, and their tokens are rejected.
    pub is_active: bool,
    /// Creation time.
    pub created_at: DateTime<Utc>,
    /// Time of the last change.
    pub updated_at: DateTime<Utc>,
}

named! {
    /// A user's role; the permission policy defines its rights.
    Role {
        /// Manages assistants and users.
        Admin = "admin",
        /// Uses assistants.
        User = "user",
    }
}

text_types! {
    /// Display name of a user.
    PersonName: max 255, blank Refused;
}
