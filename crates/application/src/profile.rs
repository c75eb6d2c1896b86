//! A person's own account.

use std::net::IpAddr;

use colloquy_domain::{PersonName, User};

use crate::Error;
use crate::audit::{self, By};
use crate::password_check::PasswordCheck;
use crate::passwords::Password;
use crate::ports::{Authenticated, PasswordChange, PortError, UserChanges};

/// Lets people change their own account.
#[derive(Clone)]
pub struct Profile {
    check: PasswordCheck,
}

/// What somebody changes of their own account; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ProfileChanges {
    /// A new name, or none.
    pub name: Option<Option<PersonName>>,
    /// A new password; it ends every session but the one that asks.
    pub password: Option<OwnPassword>,
    /// Whether the account's API keys end.
    pub revokes_api_keys: bool,
}

/// A new password in the place of one's own.
#[derive(Debug, Clone)]
pub struct OwnPassword {
    /// The password that the account has.
    pub current: Password,
    /// The one that it is to have.
    pub new: Password,
}

impl Profile {
    /// The accounts whose passwords are checked there.
    #[must_use]
    pub(crate) const fn new(check: PasswordCheck) -> Self {
        Self { check }
    }

    /// Changes the caller's own account. A wrong current password counts like one at sign-in.
    ///
    /// # Errors
    /// `InvalidCredentials` when the current password is wrong, `TooManySignIns`,
    /// `Unauthenticated` when the account is gone.
    pub async fn update(
        &self,
        caller: &Authenticated,
        changes: ProfileChanges,
        from: IpAddr,
    ) -> Result<User, Error> {
        let password = match changes.password {
            Some(password) => Some(self.password_change(caller, password, from).await?),
            None => None,
        };
        let changes = UserChanges {
            name: changes.name,
            password,
            revokes_api_keys: changes.revokes_api_keys,
            ..UserChanges::none(self.check.clock.now())
        };
        match self.check.users.update(caller.user.id, &changes).await {
            // The account was removed after its token was looked at.
            Err(PortError::NotFound) => Err(Error::Unauthenticated),
            updated => {
                let user = updated?;
                audit::account_changed(By::User(user.id), &user, &changes);
                Ok(user)
            }
        }
    }

    async fn password_change(
        &self,
        caller: &Authenticated,
        password: OwnPassword,
        from: IpAddr,
    ) -> Result<PasswordChange, Error> {
        let email = caller.user.email.as_str();
        let verified = self.check.verify(email, password.current, from).await?;
        if verified.user.id != caller.user.id {
            // The email is somebody else's by now.
            return Err(Error::InvalidCredentials);
        }
        Ok(PasswordChange {
            hash: self.check.hasher.hash(password.new).await?,
            replaces: Some(verified.hash),
            keeps: Some(caller.token.id),
        })
    }
}
