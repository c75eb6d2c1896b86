use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{AccessToken, TokenId, TokenKind, User, UserId};

use super::{OffsetList, OffsetPage, PortError};
use crate::passwords::PasswordHash;

/// The most API keys that a user may have; expired ones do not count.
pub const MAX_API_KEYS: u32 = 100;

/// Keeps the access tokens, by the hash of the whole token. A revoked token is removed.
#[async_trait]
pub trait TokenRepository: Send + Sync {
    /// Stores a new token, if at that moment its user is there and active, the grounds still hold
    /// and, for an API key, the user has fewer than [`MAX_API_KEYS`]. A change of the user counts
    /// as before or as after the whole step.
    ///
    /// # Errors
    /// `NotFound` when the user is gone or inactive or the grounds do not hold;
    /// `Conflict(ApiKeysPerUser)`.
    async fn add(
        &self,
        token: &AccessToken,
        hash: &TokenHash,
        grounds: &Grounds,
    ) -> Result<(), PortError>;

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

    /// A page of a user's tokens of one kind or of all, by kind, then oldest first (by id), expired
    /// ones included.
    async fn list(
        &self,
        user: UserId,
        kind: Option<TokenKind>,
        page: OffsetPage,
    ) -> Result<OffsetList<AccessToken>, PortError>;

    /// Removes a user's token.
    ///
    /// # Errors
    /// `NotFound` when there is no such token or it is another user's.
    async fn revoke(&self, user: UserId, id: TokenId) -> Result<(), PortError>;

    /// Removes the tokens that expired before `now`; how many. Not atomic: a batch after another.
    async fn remove_expired(&self, now: DateTime<Utc>) -> Result<u64, PortError>;
}

/// On what a token is given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grounds {
    /// The password behind this hash was given: the user's stored hash must still be this one.
    Password(PasswordHash),
    /// This token of the user was presented: it must still be there.
    Token(TokenId),
    /// The machine's operator says so.
    Operator,
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
