use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{Email, PersonName, Role, User, UserId};

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

    /// Writes what `changes` holds and returns the account as it stands then. A new password
    /// hash removes the account's sessions in the same step; API keys stay.
    ///
    /// # Errors
    /// `NotFound`, `Conflict(UserEmail)`.
    async fn update(&self, id: UserId, changes: &UserChanges) -> Result<User, PortError>;

    /// Removes the account and its tokens; its threads stay without an owner, its runs without
    /// a user.
    ///
    /// # Errors
    /// `NotFound`.
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
    /// A new password, hashed.
    pub password: Option<PasswordHash>,
    /// The time of the change.
    pub updated_at: DateTime<Utc>,
}
