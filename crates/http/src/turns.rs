//! How many requests are worked on at once.
//!
//! Beyond what the machine can do, waiting helps nobody: whoever comes then is told to come back,
//! at once. Signs of life are answered all the same.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::BASE;
use crate::problem::Problem;

/// The turns that there are.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }
}

/// A request's turn. It lasts until the head of the answer is there; a handler that then only
/// waits for a model ends it sooner.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turn(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Turn {
    pub(crate) fn end(&self) {
        let mut permit = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *permit = None;
    }
}

impl<S: Sync> FromRequestParts<S> for Turn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// Gives the request its turn, or refuses it.
pub(crate) async fn take(
    State(Turns(turns)): State<Turns>,
    mut request: Request,
    next: Next,
) -> Response {
    if !request.uri().path().starts_with(BASE) {
        return next.run(request).await;
    }
    let Ok(permit) = turns.try_acquire_owned() else {
        let busy = "The service has as much to do as it can. Try again in a moment.";
        return Problem::unavailable(busy).into_response();
    };
    let turn = Turn(Arc::new(Mutex::new(Some(permit))));
    request.extensions_mut().insert(turn.clone());
    let response = next.run(request).await;
    turn.end();
    response
}
