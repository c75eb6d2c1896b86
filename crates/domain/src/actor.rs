use std::sync::Arc;

use crate::{Role, User, UserId};

/// Who asks: somebody without a token, or a user with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Nobody signed in.
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
    /// The signed-in user, if there is one.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        match self {
            Self::Guest => None,
            Self::User(user) => Some(user),
        }
    }

    /// The signed-in user's id, if there is one.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.user().map(|user| user.id)
    }

    /// Whether this is an administrator.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.user().is_some_and(|user| user.role == Role::Admin)
    }
}
