//! Sign-in and bearer tokens.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use colloquy_domain::{AccessToken, Actor, TokenId, TokenKind, TokenName, UserId};
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::audit::{self, By};
use crate::password_check::{PasswordCheck, Verified};
use crate::passwords::Password;
use crate::ports::{
    Authenticated, Grounds, OffsetList, OffsetPage, PortError, SecretGenerator, TokenHash,
    TokenRepository,
};

/// Lifetime of a session.
pub const SESSION_LIFETIME: Duration = Duration::hours(24);

/// Issues, checks and revokes tokens.
#[derive(Clone)]
pub struct Tokens {
    check: PasswordCheck,
    tokens: Arc<dyn TokenRepository>,
    secrets: Arc<dyn SecretGenerator>,
    key_lifetime: Option<Duration>,
}

/// A new token, the only time its text is known.
#[derive(Debug)]
pub struct IssuedToken {
    /// The stored part.
    pub token: AccessToken,
    /// Sent as `Authorization: Bearer <text>`.
    pub text: TokenText,
}

/// A bearer token: `clq_`, the ID in hexadecimal, `_` and 256 random bits in unpadded base64url.
/// Not printable.
#[derive(Clone)]
pub struct TokenText(String);

impl TokenText {
    const PREFIX: &str = "clq_";
    /// Prefix, 32 digits, underscore, 43 characters of secret.
    const LENGTH: usize = 4 + 32 + 1 + 43;

    fn new(id: TokenId, secret: &[u8; 32]) -> Self {
        let id = id.as_uuid().simple();
        let secret = URL_SAFE_NO_PAD.encode(secret);
        Self(format!("{}{id}_{secret}", Self::PREFIX))
    }

    /// The text, if it has the form of a token.
    fn presented(text: &str) -> Option<&str> {
        (text.len() == Self::LENGTH && text.starts_with(Self::PREFIX)).then_some(text)
    }

    /// The text, to return to its owner.
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
    #[must_use]
    pub(crate) fn new(
        check: PasswordCheck,
        tokens: Arc<dyn TokenRepository>,
        secrets: Arc<dyn SecretGenerator>,
    ) -> Self {
        Self {
            check,
            tokens,
            secrets,
            key_lifetime: None,
        }
    }

    /// Sets the default lifetime of API keys; `None` for unlimited.
    #[must_use]
    pub(crate) const fn with_key_lifetime(mut self, lifetime: Option<Duration>) -> Self {
        self.key_lifetime = lifetime;
        self
    }

    /// Signs in with email and password. All failures take the same time and give the same error. A
    /// password changed meanwhile counts as wrong.
    ///
    /// # Errors
    /// `InvalidCredentials`, `TooManySignIns`, `TooManyWaiting`.
    pub async fn login(
        &self,
        email: &str,
        password: Password,
        from: IpAddr,
    ) -> Result<IssuedToken, Error> {
        let Verified { user, hash } = self.check.verify(email, password, from).await?;
        let session = NewToken::session(user.id);
        match self.issue(session, Grounds::Password(hash)).await {
            Err(Error::NotFound) => {
                audit::sign_in_refused(Some(user.id));
                Err(Error::InvalidCredentials)
            }
            issued => {
                let issued = issued?;
                audit::signed_in(user.id, issued.token.id);
                Ok(issued)
            }
        }
    }

    /// Opens a session for a user whom the embedding program has authenticated.
    ///
    /// # Errors
    /// `NotFound` if the user is gone or inactive.
    pub async fn open_session(&self, user: UserId) -> Result<IssuedToken, Error> {
        let session = NewToken::session(user);
        let issued = self.issue(session, Grounds::Operator).await?;
        audit::signed_in(user, issued.token.id);
        Ok(issued)
    }

    /// The user of a bearer token.
    ///
    /// # Errors
    /// `Unauthenticated` if the token is unknown, revoked or expired, or the user inactive.
    pub async fn authenticate(&self, text: &str) -> Result<Authenticated, Error> {
        let text = TokenText::presented(text).ok_or(Error::Unauthenticated)?;
        let now = self.check.clock.now();
        let found = self.tokens.authenticate(&hash(text), now).await?;
        found
            .filter(|found| !found.token.is_expired_at(now) && found.user.is_active)
            .ok_or(Error::Unauthenticated)
    }

    /// Revokes the caller's token.
    ///
    /// # Errors
    /// `Unauthenticated` if it was just revoked.
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

    /// Issues an API key with the caller's rights. A `lifetime` of `Some(None)` is unlimited,
    /// `None` the default.
    ///
    /// # Errors
    /// `TooManyApiKeys`; `Unauthenticated` if the caller's token is no longer valid.
    pub async fn create_api_key(
        &self,
        caller: &Authenticated,
        name: TokenName,
        lifetime: Option<Option<Duration>>,
    ) -> Result<IssuedToken, Error> {
        let user = caller.user.id;
        let lifetime = lifetime.unwrap_or(self.key_lifetime);
        let key = NewToken::api_key(user, name, lifetime);
        match self.issue(key, Grounds::Token(caller.token.id)).await {
            Err(Error::NotFound) => Err(Error::Unauthenticated),
            issued => {
                let issued = issued?;
                audit::api_key_created(By::User(user), user, issued.token.id);
                Ok(issued)
            }
        }
    }

    /// Issues an API key for a user without a permission check, for the operator.
    ///
    /// # Errors
    /// `TooManyApiKeys`; `NotFound` if the user is gone or inactive.
    pub async fn issue_api_key(
        &self,
        user: UserId,
        name: TokenName,
        lifetime: Option<Duration>,
    ) -> Result<IssuedToken, Error> {
        let key = NewToken::api_key(user, name, lifetime);
        let issued = self.issue(key, Grounds::Operator).await?;
        audit::api_key_created(By::Operator, user, issued.token.id);
        Ok(issued)
    }

    /// A page of the actor's API keys, oldest first.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn list_api_keys(
        &self,
        actor: &Actor,
        page: OffsetPage,
    ) -> Result<OffsetList<AccessToken>, Error> {
        let user = actor.user_id().ok_or(Error::Unauthenticated)?;
        self.api_keys_of(user, page).await
    }

    /// A page of a user's API keys without a permission check, for the operator.
    ///
    /// # Errors
    /// Only the store's.
    pub async fn api_keys_of(
        &self,
        user: UserId,
        page: OffsetPage,
    ) -> Result<OffsetList<AccessToken>, Error> {
        let kind = Some(TokenKind::ApiKey);
        Ok(self.tokens.list(user, kind, page).await?)
    }

    /// A page of that user's sessions and API keys, without a permission check.
    pub(crate) async fn all_of(
        &self,
        user: UserId,
        page: OffsetPage,
    ) -> Result<OffsetList<AccessToken>, Error> {
        Ok(self.tokens.list(user, None, page).await?)
    }

    /// Revokes one of the actor's tokens.
    ///
    /// # Errors
    /// `Unauthenticated`; `NotFound`, also for another user's.
    pub async fn revoke(&self, actor: &Actor, id: TokenId) -> Result<(), Error> {
        let user = actor.user_id().ok_or(Error::Unauthenticated)?;
        self.revoke_by(actor.into(), user, id).await
    }

    /// Revokes a user's token without a permission check, for the operator.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_of(&self, user: UserId, id: TokenId) -> Result<(), Error> {
        self.revoke_by(By::Operator, user, id).await
    }

    pub(crate) async fn revoke_by(
        &self,
        by: By<'_>,
        user: UserId,
        id: TokenId,
    ) -> Result<(), Error> {
        self.tokens.revoke(user, id).await?;
        audit::token_revoked(by, user, id);
        Ok(())
    }

    /// Removes expired tokens. Returns the number.
    ///
    /// # Errors
    /// Only the store's.
    pub async fn remove_expired(&self) -> Result<u64, Error> {
        Ok(self.tokens.remove_expired(self.check.clock.now()).await?)
    }

    /// Removes a bounded number of outdated sign-in attempts. Returns the number.
    ///
    /// # Errors
    /// Only the store's.
    pub async fn remove_outdated_attempts(&self) -> Result<u64, Error> {
        self.check
            .guard
            .remove_outdated(self.check.clock.now())
            .await
    }

    async fn issue(&self, new: NewToken, grounds: Grounds) -> Result<IssuedToken, Error> {
        let now = self.check.clock.now();
        let token = AccessToken {
            id: TokenId::from_uuid(self.check.ids.next_id()),
            user_id: new.user,
            kind: new.kind,
            name: new.name,
            created_at: now,
            last_used_at: None,
            expires_at: new.lifetime.map(|lifetime| now + lifetime),
        };
        let secret = self.secrets.secret().map_err(PortError::Other)?;
        let text = TokenText::new(token.id, &secret);
        let hash = hash(text.expose());
        self.tokens.add(&token, &hash, &grounds).await?;
        Ok(IssuedToken { token, text })
    }
}

struct NewToken {
    user: UserId,
    kind: TokenKind,
    name: TokenName,
    lifetime: Option<Duration>,
}

impl NewToken {
    fn session(user: UserId) -> Self {
        Self {
            user,
            kind: TokenKind::Session,
            name: TokenName::for_session(),
            lifetime: Some(SESSION_LIFETIME),
        }
    }

    const fn api_key(user: UserId, name: TokenName, lifetime: Option<Duration>) -> Self {
        Self {
            user,
            kind: TokenKind::ApiKey,
            name,
            lifetime,
        }
    }
}
