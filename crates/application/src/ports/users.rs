//! Port: accounts.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{Email, PersonName, Role, TokenId, User, UserId};

use super::{OffsetList, OffsetPage, PortError};
use crate::passwords::PasswordHash;

/// Stores accounts.
#[async_trait]
pub trait UserRepository: Send + Sync {
    /// Stores a new account. Without a hash it cannot sign in by password.
    ///
    /// # Errors
    /// `Conflict(UserEmail)`.
    async fn add(&self, user: &User, password: Option<&PasswordHash>) -> Result<(), PortError>;

    /// Stores the account if there is no administrator, active or not. Returns `true` at most once
    /// among concurrent callers on all instances.
    ///
    /// # Errors
    /// `Conflict(UserEmail)`.
    async fn add_first_administrator(
        &self,
        user: &User,
        password: &PasswordHash,
    ) -> Result<bool, PortError>;

    /// The account; `None` if missing.
    async fn get(&self, id: UserId) -> Result<Option<User>, PortError>;

    /// The accounts with these IDs, in any order, without missing ones.
    async fn find_all(&self, ids: &[UserId]) -> Result<Vec<User>, PortError>;

    /// The account with that email, ignoring case, and its password hash; `None` if missing.
    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, PortError>;

    /// A page of all accounts, oldest first (by ID).
    async fn list(&self, page: OffsetPage) -> Result<OffsetList<User>, PortError>;

    /// Applies `changes` and returns the account. Atomically removes the sessions that they end
    /// and, with `revokes_api_keys`, the API keys.
    ///
    /// # Errors
    /// `NotFound`; `Conflict(UserEmail)`; `Conflict(UserPassword)` if the account is inactive or
    /// lacks the password to replace; `Conflict(LastAdministrator)` if no other active
    /// administrator could sign in (by password or unexpiring API key), also under concurrent
    /// calls.
    async fn update(&self, id: UserId, changes: &UserChanges) -> Result<User, PortError>;

    /// Replaces the hash of an unchanged password if `old` is still stored. Returns whether it did.
    /// Keeps sessions.
    async fn rehash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, PortError>;

    /// Deletes the account and its tokens. Its threads stay without an owner, its runs without a
    /// user.
    ///
    /// # Errors
    /// `NotFound`, `Conflict(LastAdministrator)` as for [`update`](Self::update).
    async fn delete(&self, id: UserId) -> Result<(), PortError>;
}

/// An account with its password hash.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The account.
    pub user: User,
    /// The hash, if a password is set.
    pub password: Option<PasswordHash>,
}

/// Changes to an account; `None` keeps the value.
#[derive(Debug, Clone)]
pub struct UserChanges {
    /// A new email.
    pub email: Option<Email>,
    /// A new name, or none.
    pub name: Option<Option<PersonName>>,
    /// A new role.
    pub role: Option<Role>,
    /// Inactive accounts cannot sign in, and their tokens stop working.
    pub is_active: Option<bool>,
    /// A new password.
    pub password: Option<PasswordChange>,
    /// Whether to revoke the account's API keys.
    pub revokes_api_keys: bool,
    /// The time of the change.
    pub updated_at: DateTime<Utc>,
}

impl UserChanges {
    /// No changes.
    #[must_use]
    pub const fn none(updated_at: DateTime<Utc>) -> Self {
        Self {
            email: None,
            name: None,
            role: None,
            is_active: None,
            password: None,
            revokes_api_keys: false,
            updated_at,
        }
    }

    /// Whether sessions end: with a new password, or because the account is disabled.
    #[must_use]
    pub fn ends_sessions(&self) -> bool {
        self.password.is_some() || self.is_active == Some(false)
    }

    /// The one session that stays.
    #[must_use]
    pub fn kept_session(&self) -> Option<TokenId> {
        let password = self.password.as_ref()?;
        password.keeps.filter(|_| self.is_active != Some(false))
    }

    /// Whether this could remove an active administrator.
    #[must_use]
    pub fn unseats_administrators(&self) -> bool {
        self.role == Some(Role::User) || self.is_active == Some(false)
    }
}

/// A new password.
#[derive(Debug, Clone)]
pub struct PasswordChange {
    /// Its hash.
    pub hash: PasswordHash,
    /// The hash that must be stored, of an active account; `None` for any.
    pub replaces: Option<PasswordHash>,
    /// The session to keep.
    pub keeps: Option<TokenId>,
}

impl PasswordChange {
    /// Replaces any password and ends every session.
    #[must_use]
    pub const fn to(hash: PasswordHash) -> Self {
        Self {
            hash,
            replaces: None,
            keeps: None,
        }
    }
}
