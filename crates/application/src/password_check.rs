use std::net::IpAddr;
use std::sync::Arc;

use colloquy_domain::{Email, User};

use crate::Error;
use crate::audit;
use crate::passwords::{Password, PasswordHash, PasswordHasher};
use crate::ports::{
    AccountKey, Clock, Credentials, IdGenerator, PlaceKey, SignInAttempt, UserRepository,
};
use crate::sign_in_limits::{Entry, SignInGuard};

/// Compares a password with that of an account, within the limits that
/// [`sign_in_limits`](crate::sign_in_limits) tells of.
#[derive(Clone)]
pub struct PasswordCheck {
    /// Whose passwords.
    pub users: Arc<dyn UserRepository>,
    /// Counts the wrong ones.
    pub guard: SignInGuard,
    /// Does the work.
    pub hasher: PasswordHasher,
    /// Tells when.
    pub clock: Arc<dyn Clock>,
    /// Names the attempts.
    pub ids: Arc<dyn IdGenerator>,
}

/// Somebody whose password was right.
pub(crate) struct Verified {
    pub(crate) user: User,
    /// The stored hash that it fitted. Whatever is done on the strength of it must see to it that
    /// this still is the one.
    pub(crate) hash: PasswordHash,
}

impl PasswordCheck {
    /// The account of that email, if this is its password and it is active. Unknown, inactive and
    /// password-less accounts and wrong passwords cost the same time and give the same errors.
    ///
    /// # Errors
    /// `InvalidCredentials`, `TooManySignIns`, `TooManyWaiting`.
    pub(crate) async fn verify(
        &self,
        email: &str,
        password: Password,
        from: IpAddr,
    ) -> Result<Verified, Error> {
        let entry = self.enter(email, from).await.inspect_err(|error| {
            if matches!(error, Error::TooManySignIns { .. }) {
                audit::sign_in_held_up();
            }
        })?;
        let credentials = self.credentials(email).await?;
        let stored = credentials.as_ref().and_then(|c| c.password.clone());
        let matches = self.hasher.verify(password, stored).await?;
        match credentials {
            Some(Credentials {
                user,
                password: Some(hash),
            }) if matches && user.is_active => {
                self.guard.succeed(entry).await?;
                Ok(Verified { user, hash })
            }
            other => {
                self.guard.refuse(entry).await?;
                audit::sign_in_refused(other.map(|credentials| credentials.user.id));
                Err(Error::InvalidCredentials)
            }
        }
    }

    /// Counts the attempt before its password is looked at: it costs nothing when there were too
    /// many, and those at once are no more than those in turn.
    async fn enter(&self, email: &str, from: IpAddr) -> Result<Entry, Error> {
        let attempt = SignInAttempt {
            id: self.ids.next_id(),
            account: AccountKey::of(email),
            place: PlaceKey::of(from),
            at: self.clock.now(),
        };
        self.guard.admit(attempt, &*self.clock).await
    }

    async fn credentials(&self, email: &str) -> Result<Option<Credentials>, Error> {
        match Email::parse(email) {
            Ok(email) => Ok(self.users.find_credentials(&email).await?),
            Err(_) => Ok(None),
        }
    }
}
