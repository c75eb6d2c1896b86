//! Sign-in by the embedding program: a proxy's header or its own sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use colloquy_application::accounts::{Accounts, NewAccount};
use colloquy_application::tokens::{TokenText, Tokens};
use colloquy_application::{Error, UseCases};
use colloquy_domain::{Email, PersonName, User};

use crate::client_address::{TrustedProxies, peer};
use crate::problem::Problem;

/// Identifies callers by something other than a bearer token.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Called for every request; `None` falls back to the bearer token.
    ///
    /// # Errors
    /// `Unauthenticated` rejects the request.
    async fn identify(&self, request: &Parts) -> Result<Option<Identity>, Error>;
}

/// A caller identified by an [`Authenticator`]. The first request creates the account, without a
/// password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Identifies the account.
    pub email: Email,
    /// Used for a new account.
    pub name: Option<PersonName>,
}

/// Trusts a header with the user's email if a trusted proxy sent it.
pub struct TrustedHeader {
    name: HeaderName,
    proxies: TrustedProxies,
}

impl TrustedHeader {
    /// The proxies must remove the header `name` from clients' requests.
    #[must_use]
    pub const fn new(name: HeaderName, proxies: TrustedProxies) -> Self {
        Self { name, proxies }
    }
}

#[async_trait]
impl Authenticator for TrustedHeader {
    async fn identify(&self, request: &Parts) -> Result<Option<Identity>, Error> {
        if !self.proxies.include(peer(&request.extensions)) {
            return Ok(None);
        }
        let mut values = request.headers.get_all(&self.name).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let email = value.to_str().ok().and_then(|text| Email::parse(text).ok());
        match email {
            Some(email) if values.next().is_none() => Ok(Some(Identity { email, name: None })),
            _ => Err(Error::Unauthenticated),
        }
    }
}

/// Gives requests of identified callers a session token, as if they had sent a bearer token.
pub struct ExternalSignIn {
    authenticator: Arc<dyn Authenticator>,
    accounts: Accounts,
    tokens: Tokens,
    sessions: Mutex<HashMap<String, TokenText>>,
}

/// Some 200 bytes each.
const MAX_SESSIONS: usize = 10_000;

impl ExternalSignIn {
    /// Signs in callers that `authenticator` identifies.
    #[must_use]
    pub fn new(authenticator: Arc<dyn Authenticator>, use_cases: &UseCases) -> Self {
        Self {
            authenticator,
            accounts: use_cases.accounts.clone(),
            tokens: use_cases.tokens.clone(),
            sessions: Mutex::default(),
        }
    }

    async fn authorization(&self, request: &Parts) -> Result<Option<HeaderValue>, Error> {
        let Some(identity) = self.authenticator.identify(request).await? else {
            return Ok(None);
        };
        let token = self.session(identity).await?;
        let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
        let mut value = value.map_err(|_| Error::Unauthenticated)?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    async fn session(&self, identity: Identity) -> Result<TokenText, Error> {
        let known = self.sessions().get(identity.email.key()).cloned();
        if let Some(token) = known {
            match self.tokens.authenticate(token.expose()).await {
                Ok(found) if found.user.email == identity.email => return Ok(token),
                // Expired, revoked, or the account's email has changed.
                Ok(_) | Err(Error::Unauthenticated) => {}
                Err(error) => return Err(error),
            }
        }
        let email = identity.email.key().to_owned();
        let user = self.account(identity).await?;
        let issued = match self.tokens.open_session(user.id).await {
            // Disabled.
            Err(Error::NotFound) => return Err(Error::Unauthenticated),
            issued => issued?,
        };
        let mut sessions = self.sessions();
        if sessions.len() >= MAX_SESSIONS {
            sessions.clear();
        }
        sessions.insert(email, issued.text.clone());
        Ok(issued.text)
    }

    async fn account(&self, identity: Identity) -> Result<User, Error> {
        match self.accounts.find(&identity.email).await {
            Err(Error::NotFound) => {}
            found => return found,
        }
        let new = NewAccount {
            name: identity.name,
            ..NewAccount::new(identity.email.clone())
        };
        match self.accounts.create(new).await {
            // Created by a concurrent request.
            Err(Error::Duplicate(_)) => self.accounts.find(&identity.email).await,
            created => created,
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, TokenText>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Middleware: sets the bearer token of identified callers.
pub async fn sign_in(
    State(sign_in): State<Arc<ExternalSignIn>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match sign_in.authorization(&parts).await {
        Ok(None) => {}
        Ok(Some(value)) => {
            parts.headers.insert(AUTHORIZATION, value);
        }
        Err(error) => return Problem::from(error).into_response(),
    }
    next.run(Request::from_parts(parts, body)).await
}
