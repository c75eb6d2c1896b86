//! The caller of a request.

use std::sync::Arc;

use crate::{Role, User, UserId};

/// The caller of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// No token was sent.
    Guest,
    /// A signed-in, active user.
    User(Arc<User>),
}

impl From<User> for Actor {
    fn from(user: User) -> Self {
        Self::User(Arc::new(user))
    }
}

impl Actor {
    /// The signed-in user, if any.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        match self {
            Self::Guest => None,
            Self::User(user) => Some(user),
        }
    }

    /// The signed-in user's ID, if any.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.user().map(|user| user.id)
    }

    /// Whether the caller is an administrator.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.user().is_some_and(|user| user.role == Role::Admin)
    }
}
