use chrono::{DateTime, Utc};

use crate::named::named;
use crate::text::text_types;
use crate::{TokenId, UserId};

/// A bearer token as it is known after it was given out: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The token's id.
    pub id: TokenId,
    /// Whose rights it carries.
    pub user_id: UserId,
    /// What made it.
    pub kind: TokenKind,
    /// What its owner calls it.
    pub name: TokenName,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// From when on it does not count any more; `None` is never.
    pub expires_at: Option<DateTime<Utc>>,
}

impl AccessToken {
    /// Whether the token's time has run out.
    #[must_use]
    pub fn is_expired_at(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

named! {
    /// What made a token.
    TokenKind {
        /// Signing in with a password.
        Session = "session",
        /// A person who wants a program to act for them.
        ApiKey = "api_key",
    }
}

text_types! {
    /// What a token's owner calls it.
    TokenName: max 255, blank Refused;
}

impl TokenName {
    /// What a token is called that signing in has made.
    #[must_use]
    pub fn of_session() -> Self {
        Self("Sign-in".to_owned())
    }
}
