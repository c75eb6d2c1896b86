//! Port: access tokens.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{AccessToken, TokenId, TokenKind, User, UserId};

use super::{OffsetList, OffsetPage, PortError};
use crate::passwords::PasswordHash;

/// Maximum number of unexpired API keys per user.
pub const MAX_API_KEYS: u32 = 100;

/// Stores access tokens by their hash. Revoked tokens are removed.
#[async_trait]
pub trait TokenRepository: Send + Sync {
    /// Stores a new token if the user is active, the grounds hold and, for an API key, the user has
    /// fewer than [`MAX_API_KEYS`]. A concurrent change of the user counts entirely before or
    /// after.
    ///
    /// # Errors
    /// `NotFound` if the user is gone or inactive or the grounds do not hold;
    /// `Conflict(ApiKeysPerUser)`.
    async fn add(
        &self,
        token: &AccessToken,
        hash: &TokenHash,
        grounds: &Grounds,
    ) -> Result<(), PortError>;

    /// The token with that hash and its user. Records the use at `now`, at most once a minute and
    /// only while the store is writable. Returns expired tokens and inactive users too. May lag
    /// five seconds behind changes, but not behind removals through this object.
    async fn authenticate(
        &self,
        hash: &TokenHash,
        now: DateTime<Utc>,
    ) -> Result<Option<Authenticated>, PortError>;

    /// A page of a user's tokens, expired ones included, by kind, then oldest first (by ID).
    async fn list(
        &self,
        user: UserId,
        kind: Option<TokenKind>,
        page: OffsetPage,
    ) -> Result<OffsetList<AccessToken>, PortError>;

    /// Removes a user's token.
    ///
    /// # Errors
    /// `NotFound` if it is missing or another user's.
    async fn revoke(&self, user: UserId, id: TokenId) -> Result<(), PortError>;

    /// Removes tokens that expired before `now`, in batches. Returns the number.
    async fn remove_expired(&self, now: DateTime<Utc>) -> Result<u64, PortError>;
}

/// What authorises a new token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grounds {
    /// A verified password, if this hash is still stored.
    Password(PasswordHash),
    /// A token of the user, if it still exists.
    Token(TokenId),
    /// The operator's authority.
    Operator,
}

/// A token and its user.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// The token.
    pub token: Arc<AccessToken>,
    /// Its user.
    pub user: Arc<User>,
}

/// SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}
