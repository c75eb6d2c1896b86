//! Signing in, and the opaque bearer tokens that sign-ins and programs are given.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use colloquy_domain::{AccessToken, Actor, Email, TokenId, TokenKind, TokenName, UserId};
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::audit::{self, By};
use crate::passwords::{Password, PasswordHasher};
use crate::ports::{
    AccountKey, Authenticated, Clock, Credentials, IdGenerator, PlaceKey, PortError,
    SecretGenerator, SignInAttempt, TokenHash, TokenRepository, UserRepository,
};
use crate::sign_in_limits::{Entry, SignInGuard};

/// How long a sign-in lasts.
pub const SESSION_LIFETIME: Duration = Duration::hours(24);

/// Gives out, checks and revokes tokens.
#[derive(Clone)]
pub struct Tokens {
    users: Arc<dyn UserRepository>,
    tokens: Arc<dyn TokenRepository>,
    guard: SignInGuard,
    hasher: PasswordHasher,
    sources: TokenSources,
}

/// Where a token's time, id and secret come from.
#[derive(Clone)]
pub struct TokenSources {
    /// Time of issue, and of every check.
    pub clock: Arc<dyn Clock>,
    /// The token's id.
    pub ids: Arc<dyn IdGenerator>,
    /// The token's secret.
    pub secrets: Arc<dyn SecretGenerator>,
}

/// A token at the one moment when its text is known.
#[derive(Debug)]
pub struct IssuedToken {
    /// What stays known of it.
    pub token: AccessToken,
    /// The text to send as `Authorization: Bearer <text>`.
    pub text: TokenText,
}

/// A whole bearer token: `clq_`, the token's id in hexadecimal digits, `_` and 256 random bits in
/// unpadded base64url. Does not print.
#[derive(Clone)]
pub struct TokenText(String);

impl TokenText {
    const PREFIX: &str = "clq_";
    /// The prefix, 32 digits, the underscore, 43 characters of secret.
    const LENGTH: usize = 4 + 32 + 1 + 43;

    fn new(id: TokenId, secret: &[u8; 32]) -> Self {
        let id = id.as_uuid().simple();
        let secret = URL_SAFE_NO_PAD.encode(secret);
        Self(format!("{}{id}_{secret}", Self::PREFIX))
    }

    /// Takes what a client presents, if it can be a token of ours at all.
    fn presented(text: &str) -> Option<&str> {
        (text.len() == Self::LENGTH && text.starts_with(Self::PREFIX)).then_some(text)
    }

    /// The text, to hand over to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(..)")
    }
}

fn hash(text: &str) -> TokenHash {
    TokenHash(Sha256::digest(text.as_bytes()).into())
}

impl Tokens {
    /// Tokens in that store for the accounts of that one.
    #[must_use]
    pub fn new(
        users: Arc<dyn UserRepository>,
        tokens: Arc<dyn TokenRepository>,
        guard: SignInGuard,
        hasher: PasswordHasher,
        sources: TokenSources,
    ) -> Self {
        Self {
            users,
            tokens,
            guard,
            hasher,
            sources,
        }
    }

    /// Signs in with email and password, from that address, within the limits that
    /// [`sign_in_limits`](crate::sign_in_limits) tells of. Unknown, inactive and password-less
    /// accounts and wrong passwords cost the same time and give the same errors.
    ///
    /// # Errors
    /// `InvalidCredentials`, `TooManySignIns`, `TooManyWaiting`.
    pub async fn login(
        &self,
        email: &str,
        password: Password,
        from: IpAddr,
    ) -> Result<IssuedToken, Error> {
        let entry = self.enter(email, from).await.inspect_err(|error| {
            if matches!(error, Error::TooManySignIns { .. }) {
                audit::sign_in_held_up();
            }
        })?;
        let credentials = self.credentials(email).await?;
        let stored = credentials.as_ref().and_then(|c| c.password.clone());
        let matches = self.hasher.verify(password, stored).await?;
        let user = match credentials {
            Some(Credentials { user, .. }) if matches && user.is_active => user,
            other => {
                self.guard.refuse(entry).await?;
                audit::sign_in_refused(other.map(|credentials| credentials.user.id));
                return Err(Error::InvalidCredentials);
            }
        };
        self.guard.succeed(entry).await?;
        let name = TokenName::of_session();
        let issued = self
            .issue(user.id, TokenKind::Session, name, Some(SESSION_LIFETIME))
            .await?;
        audit::signed_in(user.id, issued.token.id);
        Ok(issued)
    }

    /// Counts the attempt before its password is looked at: it costs nothing when there were too
    /// many, and those at once are no more than those in turn.
    async fn enter(&self, email: &str, from: IpAddr) -> Result<Entry, Error> {
        let clock = &*self.sources.clock;
        let attempt = SignInAttempt {
            id: self.sources.ids.next_id(),
            account: AccountKey::of(email),
            place: PlaceKey::of(from),
            at: clock.now(),
        };
        self.guard.admit(attempt, clock).await
    }

    async fn credentials(&self, email: &str) -> Result<Option<Credentials>, Error> {
        match Email::parse(email) {
            Ok(email) => Ok(self.users.find_credentials(&email).await?),
            Err(_) => Ok(None),
        }
    }

    /// The user behind a presented bearer token.
    ///
    /// # Errors
    /// `Unauthenticated` when the token is unknown, revoked or expired or its user inactive.
    pub async fn authenticate(&self, text: &str) -> Result<Authenticated, Error> {
        let text = TokenText::presented(text).ok_or(Error::Unauthenticated)?;
        let now = self.sources.clock.now();
        let found = self.tokens.authenticate(&hash(text), now).await?;
        found
            .filter(|found| !found.token.is_expired_at(now) && found.user.is_active)
            .ok_or(Error::Unauthenticated)
    }

    /// Revokes the token that the caller presented.
    ///
    /// # Errors
    /// `Unauthenticated` when it was revoked a moment ago.
    pub async fn logout(&self, current: &Authenticated) -> Result<(), Error> {
        match self.tokens.revoke(current.user.id, current.token.id).await {
            Err(PortError::NotFound) => Err(Error::Unauthenticated),
            revoked => {
                revoked?;
                audit::signed_out(current.user.id, current.token.id);
                Ok(())
            }
        }
    }

    /// Gives the actor an API key, which carries their own rights.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn create_api_key(
        &self,
        actor: &Actor,
        name: TokenName,
        lifetime: Option<Duration>,
    ) -> Result<IssuedToken, Error> {
        let user = actor.user_id().ok_or(Error::Unauthenticated)?;
        let issued = self.issue_api_key_by(actor.into(), user, name, lifetime);
        match issued.await {
            // The account was removed after its token was looked at.
            Err(Error::NotFound) => Err(Error::Unauthenticated),
            issued => issued,
        }
    }

    /// Gives that user an API key, without the question who asks: for the machine's operator.
    ///
    /// # Errors
    /// `NotFound` when the user is gone.
    pub async fn issue_api_key(
        &self,
        user: UserId,
        name: TokenName,
        lifetime: Option<Duration>,
    ) -> Result<IssuedToken, Error> {
        self.issue_api_key_by(By::Operator, user, name, lifetime)
            .await
    }

    async fn issue_api_key_by(
        &self,
        by: By<'_>,
        user: UserId,
        name: TokenName,
        lifetime: Option<Duration>,
    ) -> Result<IssuedToken, Error> {
        let issued = self.issue(user, TokenKind::ApiKey, name, lifetime).await?;
        audit::api_key_created(by, user, issued.token.id);
        Ok(issued)
    }

    /// The actor's API keys, oldest first.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn list_api_keys(&self, actor: &Actor) -> Result<Vec<AccessToken>, Error> {
        let user = actor.user_id().ok_or(Error::Unauthenticated)?;
        self.api_keys_of(user).await
    }

    /// That user's API keys, without the question who asks: for the machine's operator.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn api_keys_of(&self, user: UserId) -> Result<Vec<AccessToken>, Error> {
        Ok(self.tokens.list(user, TokenKind::ApiKey).await?)
    }

    /// Revokes one of the actor's tokens.
    ///
    /// # Errors
    /// `Unauthenticated`, `NotFound` also for another user's.
    pub async fn revoke(&self, actor: &Actor, id: TokenId) -> Result<(), Error> {
        let user = actor.user_id().ok_or(Error::Unauthenticated)?;
        self.revoke_by(actor.into(), user, id).await
    }

    /// Revokes that user's token, without the question who asks: for the machine's operator.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_of(&self, user: UserId, id: TokenId) -> Result<(), Error> {
        self.revoke_by(By::Operator, user, id).await
    }

    async fn revoke_by(&self, by: By<'_>, user: UserId, id: TokenId) -> Result<(), Error> {
        self.tokens.revoke(user, id).await?;
        audit::token_revoked(by, user, id);
        Ok(())
    }

    /// Forgets the tokens whose time has run out; how many.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn remove_expired(&self) -> Result<u64, Error> {
        Ok(self.tokens.remove_expired(self.sources.clock.now()).await?)
    }

    /// Forgets the attempts to sign in that do not count any more, up to so many that it takes no
    /// long time; how many.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn remove_outdated_attempts(&self) -> Result<u64, Error> {
        self.guard.remove_outdated(self.sources.clock.now()).await
    }

    async fn issue(
        &self,
        user_id: UserId,
        kind: TokenKind,
        name: TokenName,
        lifetime: Option<Duration>,
    ) -> Result<IssuedToken, Error> {
        let now = self.sources.clock.now();
        let token = AccessToken {
            id: TokenId::from_uuid(self.sources.ids.next_id()),
            user_id,
            kind,
            name,
            created_at: now,
            last_used_at: None,
            expires_at: lifetime.map(|lifetime| now + lifetime),
        };
        let secret = self.sources.secrets.secret().map_err(PortError::Other)?;
        let text = TokenText::new(token.id, &secret);
        self.tokens.add(&token, &hash(text.expose())).await?;
        Ok(IssuedToken { token, text })
    }
}
