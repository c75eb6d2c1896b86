use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{Email, PersonName, Role, TokenId, User, UserId};

use super::{OffsetList, OffsetPage, PortError};
use crate::passwords::PasswordHash;

/// Keeps the accounts.
#[async_trait]
pub trait UserRepository: Send + Sync {
    /// Stores a new account; without a hash it cannot sign in by password.
    ///
    /// # Errors
    /// `Conflict(UserEmail)`.
    async fn add(&self, user: &User, password: Option<&PasswordHash>) -> Result<(), PortError>;

    /// Stores the account only if there is no administrator yet, active or not; whether it did.
    /// Of several callers at once, on several instances, one at most is answered `true`.
    ///
    /// # Errors
    /// `Conflict(UserEmail)`.
    async fn add_first_administrator(
        &self,
        user: &User,
        password: &PasswordHash,
    ) -> Result<bool, PortError>;

    /// The account of that id; absent is `None`.
    async fn get(&self, id: UserId) -> Result<Option<User>, PortError>;

    /// The accounts of these ids, in any order; absent ones are left out.
    async fn find_all(&self, ids: &[UserId]) -> Result<Vec<User>, PortError>;

    /// The account of that email, case aside, and what proves its owner; absent is `None`.
    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, PortError>;

    /// A page of all accounts, oldest first (by id).
    async fn list(&self, page: OffsetPage) -> Result<OffsetList<User>, PortError>;

    /// Writes what `changes` holds and returns the account as it stands then. Removes in the same
    /// step the sessions that the changes end and, with `revokes_api_keys`, the API keys.
    ///
    /// # Errors
    /// `NotFound`; `Conflict(UserEmail)`; `Conflict(UserPassword)` when the account does not have
    /// the password that was to be replaced, or is inactive; `Conflict(LastAdministrator)` when no
    /// other active administrator could sign in (by a password, or an API key that does not
    /// expire), however many callers try at once.
    async fn update(&self, id: UserId, changes: &UserChanges) -> Result<User, PortError>;

    /// Stores another hash of the same password if the stored one still is `old`; whether it did.
    /// Nothing else changes: sessions stay.
    async fn rehash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, PortError>;

    /// Removes the account and its tokens; its threads stay without an owner, its runs without
    /// a user.
    ///
    /// # Errors
    /// `NotFound`, `Conflict(LastAdministrator)` as for [`update`](Self::update).
    async fn delete(&self, id: UserId) -> Result<(), PortError>;
}

/// An account and what proves its owner.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The account.
    pub user: User,
    /// The stored password hash, if a password was ever set.
    pub password: Option<PasswordHash>,
}

/// What to change of an account; `None` stays as it is.
#[derive(Debug, Clone)]
pub struct UserChanges {
    /// A new email.
    pub email: Option<Email>,
    /// A new name, or none.
    pub name: Option<Option<PersonName>>,
    /// A new role.
    pub role: Option<Role>,
    /// Whether the account counts.
    pub is_active: Option<bool>,
    /// A new password.
    pub password: Option<PasswordChange>,
    /// Whether the account's API keys end.
    pub revokes_api_keys: bool,
    /// The time of the change.
    pub updated_at: DateTime<Utc>,
}

impl UserChanges {
    /// No change, at that time.
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

    /// The one session that goes on all the same.
    #[must_use]
    pub fn kept_session(&self) -> Option<TokenId> {
        let password = self.password.as_ref()?;
        password.keeps.filter(|_| self.is_active != Some(false))
    }

    /// Whether an active administrator would be one no more.
    #[must_use]
    pub fn unseats_administrators(&self) -> bool {
        self.role == Some(Role::User) || self.is_active == Some(false)
    }
}

/// A new password, and what it takes the place of.
#[derive(Debug, Clone)]
pub struct PasswordChange {
    /// The hash of the new password.
    pub hash: PasswordHash,
    /// The hash that must be stored, of an active account; `None` is any.
    pub replaces: Option<PasswordHash>,
    /// The one session that goes on.
    pub keeps: Option<TokenId>,
}

impl PasswordChange {
    /// Takes the place of whatever password there is, and ends every session.
    #[must_use]
    pub const fn to(hash: PasswordHash) -> Self {
        Self {
            hash,
            replaces: None,
            keeps: None,
        }
    }
}
