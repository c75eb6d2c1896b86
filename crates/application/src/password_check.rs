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

/// Compares a password with that of an account, within the limits that
/// [`sign_in_limits`](crate::sign_in_limits) tells of.
#[derive(Clone)]
pub(crate) struct PasswordCheck {
    /// Whose passwords.
    pub(crate) users: Arc<dyn UserRepository>,
    /// Counts the wrong ones.
    pub(crate) guard: SignInGuard,
    /// Does the work.
    pub(crate) hasher: PasswordHasher,
    /// Tells when.
    pub(crate) clock: Arc<dyn Clock>,
    /// Names the attempts.
    pub(crate) ids: Arc<dyn IdGenerator>,
}

/// Somebody whose password was right.
pub(crate) struct Verified {
    pub(crate) user: User,
    /// The stored hash that it fitted. Whatever is done on the strength of it must see to it that
    /// this still is the one.
    pub(crate) hash: PasswordHash,
}

enum Compared {
    Right(Box<Verified>),
    /// With whose password, where there is such an account.
    Wrong(Option<UserId>),
}

/// How often a password is looked at whose hash changes meanwhile.
const ATTEMPTS: u32 = 3;

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
        // A hash that others store anew meanwhile, for the same reason, is looked at again.
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

    /// Stores the hash of the prepared password in the place of one that was hashed as typed;
    /// `None` when that is there no more.
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
