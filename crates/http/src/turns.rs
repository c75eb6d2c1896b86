//! How many requests are worked on at once.
//!
//! Work that is begun together ends together, and late: so a few are worked on, the next ones wait
//! in their order, and whoever finds too many there is told to come back, at once. Whoever only
//! waits, for a body or for a model, keeps nobody from working. Signs of life are answered all the
//! same. A turn that lasts for too long is taken away.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, Request};
use axum::http::Extensions;
use axum::http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use crate::BASE;
use crate::problem::Problem;

/// Worked on at once: twice the connections to a database, which is what most work waits for, and
/// few enough to leave the runs their part of it.
const AT_WORK: usize = 24;

/// How long anything may take that does not wait for a model; longer than the time that
/// [`read`](crate::input) gives a body to arrive.
const LIMIT: Duration = Duration::from_secs(60);

/// The turns that there are.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    room: Arc<Semaphore>,
    work: Arc<Semaphore>,
}

impl Turns {
    /// So many in all, those that wait included.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            room: Arc::new(Semaphore::new(count)),
            work: Arc::new(Semaphore::new(AT_WORK)),
        }
    }
}

/// A request's turn. It lasts until the head of the answer is there; a handler that then only
/// waits for a model ends it sooner.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turn(Option<Arc<Held>>);

#[derive(Debug)]
struct Held {
    room: Mutex<Option<OwnedSemaphorePermit>>,
    work: Mutex<Option<OwnedSemaphorePermit>>,
    turns: Turns,
}

impl Turn {
    /// The turn of the request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Gives the request its turn, once it comes; none to one that needs none.
    ///
    /// # Errors
    /// When too many wait already.
    pub(crate) async fn take(turns: &Turns, request: &mut Request) -> Result<Self, Problem> {
        if !request.uri().path().starts_with(BASE) {
            return Ok(Self::default());
        }
        let Ok(room) = Arc::clone(&turns.room).try_acquire_owned() else {
            let busy = "The service has as much to do as it can. Try again in a moment.";
            return Err(Problem::unavailable(busy));
        };
        let turn = Self(Some(Arc::new(Held {
            room: Mutex::new(Some(room)),
            work: Mutex::new(None),
            turns: turns.clone(),
        })));
        turn.resume().await;
        request.extensions_mut().insert(turn.clone());
        Ok(turn)
    }

    /// Lets others work, for as long as this request waits for something else.
    pub(crate) fn pause(&self) {
        if let Some(held) = &self.0 {
            *lock(&held.work) = None;
        }
    }

    /// Waits until this request may work again.
    pub(crate) async fn resume(&self) {
        let Some(held) = &self.0 else { return };
        let permit = Arc::clone(&held.turns.work).acquire_owned().await;
        *lock(&held.work) = permit.ok();
    }

    /// Waits until the turn has lasted for longer than [`LIMIT`]; for ever once it has ended, or
    /// where there is none.
    pub(crate) async fn overdue(&self) {
        if self.0.is_some() {
            sleep(LIMIT).await;
        }
        if !self.is_held() {
            pending::<()>().await;
        }
    }

    fn is_held(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|held| lock(&held.room).is_some())
    }

    /// Makes room for others, for good.
    pub(crate) fn end(&self) {
        self.pause();
        if let Some(held) = &self.0 {
            *lock(&held.room) = None;
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Turn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self::of(&parts.extensions))
    }
}

fn lock<T>(permit: &Mutex<T>) -> MutexGuard<'_, T> {
    permit.lock().unwrap_or_else(PoisonError::into_inner)
}
