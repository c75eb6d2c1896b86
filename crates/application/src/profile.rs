//! The caller's own account.

use std::net::IpAddr;

use colloquy_domain::{PersonName, User};

use crate::Error;
use crate::audit::{self, By};
use crate::password_check::PasswordCheck;
use crate::passwords::Password;
use crate::ports::{Authenticated, PasswordChange, PortError, UserChanges};

/// Changes the caller's own account.
#[derive(Clone)]
pub struct Profile {
    check: PasswordCheck,
}

/// Changes to the own account; `None` keeps the value.
#[derive(Debug, Clone, Default)]
pub struct ProfileChanges {
    /// A new name, or none.
    pub name: Option<Option<PersonName>>,
    /// A new password; ends every session but the caller's.
    pub password: Option<OwnPassword>,
    /// Whether to revoke the account's API keys.
    pub revokes_api_keys: bool,
}

/// A change of the own password.
#[derive(Debug, Clone)]
pub struct OwnPassword {
    /// The current password.
    pub current: Password,
    /// The new password.
    pub new: Password,
}

impl Profile {
    #[must_use]
    pub(crate) const fn new(check: PasswordCheck) -> Self {
        Self { check }
    }

    /// Changes the caller's own account. A wrong current password counts like a failed sign-in.
    ///
    /// # Errors
    /// `InvalidCredentials` for a wrong current password, `TooManySignIns`, `Unauthenticated` if
    /// the account is gone.
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
            // Deleted after its token was checked.
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
            // The email now belongs to another account.
            return Err(Error::InvalidCredentials);
        }
        Ok(PasswordChange {
            hash: self.check.hasher.hash(password.new).await?,
            replaces: Some(verified.hash),
            keeps: Some(caller.token.id),
        })
    }
}
