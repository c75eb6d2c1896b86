//! Rate-limited password checks.

use std::net::IpAddr;
use std::sync::Arc;

use colloquy_domain::{Email, User, UserId};

use crate::Error;
use crate::audit;
use crate::passwords::{Match, Password, PasswordHash, PasswordHasher};
use crate::ports::{
    AccountKey, Clock, Credentials, IdGenerator, PlaceKey, SignInAttempt, UserRepository,
};
use crate::sign_in_limits::{Entry, SignInGuard};

#[derive(Clone)]
pub(crate) struct PasswordCheck {
    pub(crate) users: Arc<dyn UserRepository>,
    pub(crate) guard: SignInGuard,
    pub(crate) hasher: PasswordHasher,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
}

pub(crate) struct Verified {
    pub(crate) user: User,
    /// The stored hash that matched. Writers must check that it is still stored.
    pub(crate) hash: PasswordHash,
}

enum Compared {
    Right(Box<Verified>),
    Wrong(Option<UserId>),
}

/// Attempts when the hash changes during the check.
const ATTEMPTS: u32 = 3;

impl PasswordCheck {
    /// The active account with that email and password. Unknown, inactive and password-less
    /// accounts and wrong passwords take the same time and give the same error.
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
        match self.compare(email, password).await? {
            Compared::Right(verified) => {
                self.guard.succeed(entry).await?;
                Ok(*verified)
            }
            Compared::Wrong(account) => {
                self.guard.refuse(entry).await?;
                audit::sign_in_refused(account);
                Err(Error::InvalidCredentials)
            }
        }
    }

    async fn compare(&self, email: &str, password: Password) -> Result<Compared, Error> {
        // Retries after a concurrent rehash.
        for _ in 0..ATTEMPTS {
            let credentials = self.credentials(email).await?;
            let stored = credentials.as_ref().and_then(|c| c.password.clone());
            let matches = self.hasher.verify(password.clone(), stored).await?;
            let (user, hash) = match credentials {
                Some(Credentials {
                    user,
                    password: Some(hash),
                }) if matches != Match::No && user.is_active => (user, hash),
                other => return Ok(Compared::Wrong(other.map(|other| other.user.id))),
            };
            let hash = match matches {
                Match::Unprepared => self.rehash(&user, &password, hash).await?,
                _ => Some(hash),
            };
            if let Some(hash) = hash {
                return Ok(Compared::Right(Box::new(Verified { user, hash })));
            }
        }
        Ok(Compared::Wrong(None))
    }

    /// Replaces a hash of the password as typed by one of its prepared form; `None` if the old hash
    /// is gone.
    async fn rehash(
        &self,
        user: &User,
        password: &Password,
        old: PasswordHash,
    ) -> Result<Option<PasswordHash>, Error> {
        let Some(prepared) = password.prepared() else {
            return Ok(Some(old));
        };
        let new = self.hasher.hash(prepared).await?;
        let is_stored = self.users.rehash(user.id, &old, &new).await?;
        Ok(is_stored.then_some(new))
    }

    /// Counts the attempt before checking the password: limited attempts cost nothing, and
    /// concurrent ones are limited like sequential ones.
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
