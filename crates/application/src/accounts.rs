//! Accounts without permission checks: for the operator (command line, first administrator) and,
//! behind the policy, for [`Users`](crate::users::Users).

use std::sync::Arc;

use colloquy_domain::{Email, PersonName, Role, User, UserId};

use crate::Error;
use crate::audit::{self, By};
use crate::passwords::{Password, PasswordHasher};
use crate::ports::{
    Clock, IdGenerator, OffsetList, OffsetPage, PasswordChange, UserChanges, UserRepository,
};

/// Creates, reads and changes accounts.
#[derive(Clone)]
pub struct Accounts {
    users: Arc<dyn UserRepository>,
    pub(crate) hasher: PasswordHasher,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

/// A new account.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Unique, ignoring case.
    pub email: Email,
    /// Without one, the account cannot sign in by password.
    pub password: Option<Password>,
    /// The display name.
    pub name: Option<PersonName>,
    /// The role.
    pub role: Role,
}

impl NewAccount {
    /// A user with that email, without name and password.
    #[must_use]
    pub const fn new(email: Email) -> Self {
        Self {
            email,
            password: None,
            name: None,
            role: Role::User,
        }
    }
}

/// Changes to an account; `None` keeps the value.
#[derive(Debug, Clone, Default)]
pub struct AccountChanges {
    /// A new email.
    pub email: Option<Email>,
    /// A new password; it ends the account's sessions.
    pub password: Option<Password>,
    /// A new name, or none.
    pub name: Option<Option<PersonName>>,
    /// A new role.
    pub role: Option<Role>,
    /// Inactive accounts cannot sign in, and their tokens stop working.
    pub is_active: Option<bool>,
    /// Whether to revoke the account's API keys.
    pub revokes_api_keys: bool,
}

impl Accounts {
    #[must_use]
    pub(crate) fn new(
        users: Arc<dyn UserRepository>,
        hasher: PasswordHasher,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self {
            users,
            hasher,
            clock,
            ids,
        }
    }

    /// Creates an account.
    ///
    /// # Errors
    /// `Duplicate("email")`.
    pub async fn create(&self, new: NewAccount) -> Result<User, Error> {
        self.create_by(By::Operator, new).await
    }

    pub(crate) async fn create_by(&self, by: By<'_>, new: NewAccount) -> Result<User, Error> {
        let hash = match new.password.clone() {
            Some(password) => Some(self.hasher.hash(password).await?),
            None => None,
        };
        let user = self.user(new);
        self.users.add(&user, hash.as_ref()).await?;
        audit::account_created(by, &user);
        Ok(user)
    }

    /// Creates the first administrator; `None` if there already is one.
    ///
    /// # Errors
    /// `Duplicate("email")`.
    pub async fn create_first_administrator(
        &self,
        email: Email,
        password: Password,
    ) -> Result<Option<User>, Error> {
        let hash = self.hasher.hash(password).await?;
        let user = self.user(NewAccount {
            email,
            password: None,
            name: None,
            role: Role::Admin,
        });
        let added = self.users.add_first_administrator(&user, &hash).await?;
        if added {
            audit::account_created(By::Operator, &user);
        }
        Ok(added.then_some(user))
    }

    fn user(&self, new: NewAccount) -> User {
        let now = self.clock.now();
        User {
            id: UserId::from_uuid(self.ids.next_id()),
            email: new.email,
            name: new.name,
            role: new.role,
            is_active: true,
            created_at: now,
            updated_at: now,
        }
    }

    /// A page of all accounts, oldest first.
    ///
    /// # Errors
    /// Only the store's.
    pub async fn list(&self, page: OffsetPage) -> Result<OffsetList<User>, Error> {
        Ok(self.users.list(page).await?)
    }

    /// The account with that ID.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, id: UserId) -> Result<User, Error> {
        self.users.get(id).await?.ok_or(Error::NotFound)
    }

    /// The account with that email, ignoring case.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find(&self, email: &Email) -> Result<User, Error> {
        let credentials = self.users.find_credentials(email).await?;
        Ok(credentials.ok_or(Error::NotFound)?.user)
    }

    /// Changes an account.
    ///
    /// # Errors
    /// `NotFound`, `Duplicate("email")`, `LastAdministrator`.
    pub async fn update(&self, id: UserId, changes: AccountChanges) -> Result<User, Error> {
        self.update_by(By::Operator, id, changes).await
    }

    pub(crate) async fn update_by(
        &self,
        by: By<'_>,
        id: UserId,
        changes: AccountChanges,
    ) -> Result<User, Error> {
        let password = match changes.password {
            Some(password) => Some(PasswordChange::to(self.hasher.hash(password).await?)),
            None => None,
        };
        let changes = UserChanges {
            email: changes.email,
            name: changes.name,
            role: changes.role,
            is_active: changes.is_active,
            password,
            revokes_api_keys: changes.revokes_api_keys,
            updated_at: self.clock.now(),
        };
        let user = self.users.update(id, &changes).await?;
        audit::account_changed(by, &user, &changes);
        Ok(user)
    }

    /// Deletes an account. Its threads stay, without an owner.
    ///
    /// # Errors
    /// `NotFound`, `LastAdministrator`.
    pub async fn delete(&self, id: UserId) -> Result<(), Error> {
        self.delete_by(By::Operator, id).await
    }

    pub(crate) async fn delete_by(&self, by: By<'_>, id: UserId) -> Result<(), Error> {
        self.users.delete(id).await?;
        audit::account_deleted(by, id);
        Ok(())
    }
}
