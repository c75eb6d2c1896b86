//! Extracts the caller.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use colloquy_application::ports::Authenticated;
use colloquy_application::tokens::Tokens;
use colloquy_application::{Error, audit};
use colloquy_domain::Actor;

use crate::logging;
use crate::problem::Problem;

/// The token's user, or a guest without a token. Invalid tokens are rejected.
pub struct CurrentActor(pub Actor);

impl<S: Sync> FromRequestParts<S> for CurrentActor
where
    Arc<Tokens>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = authenticate(&parts.headers, &Arc::<Tokens>::from_ref(state)).await?;
        Ok(Self(match found {
            Some(found) => Actor::User(found.user),
            None => Actor::Guest,
        }))
    }
}

/// The signed-in user; guests get 401. Must be the first extractor, so that guests learn nothing.
pub struct SignedIn {
    /// For use cases.
    pub actor: Actor,
    /// The user and the presented token.
    pub session: Authenticated,
}

impl<S: Sync> FromRequestParts<S> for SignedIn
where
    Arc<Tokens>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let session = authenticate(&parts.headers, &Arc::<Tokens>::from_ref(state))
            .await?
            .ok_or_else(refused)?;
        Ok(Self {
            actor: Actor::User(Arc::clone(&session.user)),
            session,
        })
    }
}

async fn authenticate(
    headers: &HeaderMap,
    tokens: &Tokens,
) -> Result<Option<Authenticated>, Problem> {
    let Some(token) = presented(headers).map_err(|_| refused())? else {
        return Ok(None);
    };
    let found = match tokens.authenticate(token).await {
        Err(Error::Unauthenticated) => return Err(refused()),
        found => found?,
    };
    logging::note_user(found.user.id);
    Ok(Some(found))
}

fn refused() -> Problem {
    audit::access_denied(&Actor::Guest, "authenticate", "unauthenticated");
    Problem::unauthenticated()
}

/// Bearer token; other schemes are rejected.
pub(crate) fn presented(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(bearer_token);
    match token {
        Some(token) if values.next().is_none() => Ok(Some(token)),
        _ => Err(Problem::unauthenticated()),
    }
}

fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start_matches(' '))
}
