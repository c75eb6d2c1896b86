use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{AccessToken, TokenId, TokenKind, User, UserId};

use super::PortError;

/// Keeps the access tokens, by the hash of the whole token. A revoked token is removed.
#[async_trait]
pub trait TokenRepository: Send + Sync {
    /// Stores a new token.
    ///
    /// # Errors
    /// `NotFound` when its user is gone.
    async fn add(&self, token: &AccessToken, hash: &TokenHash) -> Result<(), PortError>;

    /// The token of that hash with its user, and notes its use at `now`, at most once a minute
    /// per token and only while the store can be written to. Absent is `None`. An expired token or an inactive user is returned all the
    /// same: judging them is the caller's. May be up to five seconds behind changes that other
    /// instances made, and behind changes of the user; a token removed through this object is
    /// absent at once.
    async fn authenticate(
        &self,
        hash: &TokenHash,
        now: DateTime<Utc>,
    ) -> Result<Option<Authenticated>, PortError>;

    /// A user's tokens of one kind, oldest first (by id), expired ones included.
    async fn list(&self, user: UserId, kind: TokenKind) -> Result<Vec<AccessToken>, PortError>;

    /// Removes a user's token.
    ///
    /// # Errors
    /// `NotFound` when there is no such token or it is another user's.
    async fn revoke(&self, user: UserId, id: TokenId) -> Result<(), PortError>;

    /// Removes the tokens that expired before `now`; how many. Not atomic: a batch after another.
    async fn remove_expired(&self, now: DateTime<Utc>) -> Result<u64, PortError>;
}

/// A token that exists, and whose it is.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// The token.
    pub token: Arc<AccessToken>,
    /// Its user.
    pub user: Arc<User>,
}

/// SHA-256 of a whole token; what is stored in its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}
