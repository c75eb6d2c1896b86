use chrono::{DateTime, Utc};

use crate::named::named;
use crate::text::text_types;
use crate::{Email, UserId};

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// Unique without regard to case.
    pub email: Email,
    /// What to call them, if they said.
    pub name: Option<PersonName>,
    /// What they may do in general.
    pub role: Role,
    /// A user who is not active cannot sign in and their tokens do not count.
    pub is_active: bool,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

named! {
    /// What a user may do in general; the permission policy says what it means in particular.
    Role {
        /// Manages assistants and users.
        Admin = "admin",
        /// Holds threads with assistants.
        User = "user",
    }
}

text_types! {
    /// What to call a user.
    PersonName: max 255, blank Refused;
}
