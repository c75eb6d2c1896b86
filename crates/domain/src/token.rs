//! Access tokens.

use chrono::{DateTime, Utc};

use crate::named::named;
use crate::text::text_types;
use crate::{TokenId, UserId};

/// A bearer token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// ID.
    pub id: TokenId,
    /// The user it authenticates.
    pub user_id: UserId,
    /// How it was created.
    pub kind: TokenKind,
    /// Display name.
    pub name: TokenName,
    /// Creation time.
    pub created_at: DateTime<Utc>,
    /// Last use, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Expiry; `None` means never.
    pub expires_at: Option<DateTime<Utc>>,
}

impl AccessToken {
    /// Whether the token has expired at `now`.
    #[must_use]
    pub fn is_expired_at(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

named! {
    /// Origin of a token.
    TokenKind {
        /// Sign-in.
        Session = "session",
        /// API key for a program.
        ApiKey = "api_key",
    }
}

text_types! {
    /// Display name of a token.
    TokenName: max 255, blank Refused;
}

impl TokenName {
    /// The name of session tokens.
    #[must_use]
    pub fn for_session() -> Self {
        Self("Sign-in".to_owned())
    }
}
