//! How many requests are worked on at once.
//!
//! Work that is begun together ends together, and late: so a few are worked on, the next ones wait
//! in their order, and whoever finds too many there is told to come back, at once. Whoever only
//! waits, for a body or for a model, keeps nobody from working: requests whose bodies have not
//! arrived are limited apart from the others, in number and bytes, for each client and in all.
//! Signs of life are answered all the same. A turn that lasts for too long is taken away.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, Request};
use axum::http::Extensions;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower::layer::layer_fn;
use tower::{Layer, service_fn};

use crate::client_address::{Network, TrustedProxies};
use crate::http_service::HttpService;
use crate::limits::{Budget, Holder, Limit, Limits, Room, Share};
use crate::problem::Problem;
use crate::serve::{Activity, Waiting};

/// Worked on at once: twice the connections to a database, which is what most work waits for, and
/// few enough to leave the runs their part of it.
const AT_WORK: usize = 24;

/// How long anything may take that does not wait for a model; longer than the time that
/// [`read`](crate::input) gives a body to arrive.
const LIMIT: Duration = Duration::from_secs(60);

/// What a request that waits for its body counts besides the bytes that it has received.
const BODY_COST: usize = 32 * 1024;
/// What all of them may hold together: 1,792 without a byte, or eleven of the largest pictures.
const BODIES: Room = Room {
    total: 56 * 1024 * 1024,
    hard: None,
};
/// What those of one client may hold: eight of the largest pictures.
const BODIES_OF_CLIENT: usize = BODIES.total / 4 * 3;

/// How many requests are handled at once, and how many wait.
#[derive(Debug, Clone)]
pub(crate) struct ConcurrencyLimit {
    room: Arc<Semaphore>,
    work: Arc<Semaphore>,
    bodies: Budget<Arrival>,
    /// Beginnings of paths that are not limited.
    unlimited: &'static [&'static str],
    limits: Limits,
    proxies: TrustedProxies,
}

impl ConcurrencyLimit {
    /// Admits `count` requests, those that wait included, and any to `unlimited` paths.
    pub(crate) fn new(
        unlimited: &'static [&'static str],
        count: usize,
        proxies: TrustedProxies,
        limits: Limits,
    ) -> Self {
        Self {
            unlimited,
            room: Arc::new(Semaphore::new(count)),
            work: Arc::new(Semaphore::new(AT_WORK)),
            bodies: Budget::new(BODIES, Limit::RequestBodies, limits.clone()),
            limits,
            proxies,
        }
    }

    fn room(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            self.limits.reached(Limit::Requests);
            let busy = "The service has as much to do as it can. Try again in a moment.";
            Problem::unavailable(busy)
        })
    }
}

/// The layer that gives each request its permit, and takes it away from one that lasts too long.
pub(crate) fn layer<S: HttpService>(
    limit: ConcurrencyLimit,
) -> impl Layer<S, Service = impl HttpService> + Clone {
    layer_fn(move |inner: S| {
        let limit = limit.clone();
        service_fn(move |request: Request| handle(limit.clone(), inner.clone(), request))
    })
}

async fn handle(
    limit: ConcurrencyLimit,
    mut inner: impl HttpService,
    mut request: Request,
) -> Result<Response, Infallible> {
    let permit = match Permit::take(&limit, &mut request).await {
        Ok(permit) => permit,
        Err(problem) => return Ok(problem.into_response()),
    };
    let response = tokio::select! {
        biased;
        response = inner.call(request) => response?,
        () = permit.overdue() => {
            let late = "The request took too long. Try again in a moment.";
            Problem::unavailable(late).into_response()
        }
    };
    permit.end();
    Ok(response)
}

/// A request's turn. It lasts until the head of the answer is there; a handler that then only
/// waits for a model ends it sooner.
#[derive(Debug, Clone, Default)]
pub struct Permit(Option<Arc<Held>>);

#[derive(Debug)]
struct Held {
    room: Mutex<Option<OwnedSemaphorePermit>>,
    work: Mutex<Option<OwnedSemaphorePermit>>,
    limit: ConcurrencyLimit,
    client: Network,
    connection: Option<Activity>,
}

impl Permit {
    /// The turn of the request with these extensions.
    pub(crate) fn from_extensions(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Gives the request its turn, once it comes; none to one that needs none.
    ///
    /// # Errors
    /// When too many wait already.
    pub(crate) async fn take(
        limit: &ConcurrencyLimit,
        request: &mut Request,
    ) -> Result<Self, Problem> {
        let path = request.uri().path();
        if limit.unlimited.iter().any(|it| path.starts_with(it)) {
            return Ok(Self::default());
        }
        let turn = Self(Some(Arc::new(Held {
            room: Mutex::new(Some(limit.room()?)),
            work: Mutex::new(None),
            limit: limit.clone(),
            client: Network::from_request(request, &limit.proxies),
            connection: request.extensions().get().cloned(),
        })));
        turn.work().await;
        request.extensions_mut().insert(turn.clone());
        Ok(turn)
    }

    /// Lets others work, for as long as this request waits for something else.
    pub fn pause(&self) {
        if let Some(held) = &self.0 {
            *lock(&held.work) = None;
        }
    }

    /// Makes room for others while the rest of the request's body is awaited.
    ///
    /// # Errors
    /// When there is no room for requests that wait.
    pub(crate) fn await_body(&self) -> Result<AwaitedBody, Problem> {
        self.end();
        let arrival = Arc::new(Arrival::default());
        let Some(held) = &self.0 else {
            return Ok(AwaitedBody::new(arrival));
        };
        let holder = Arc::clone(&arrival);
        let bodies = &held.limit.bodies;
        let share = bodies.take(held.client, BODIES_OF_CLIENT, BODY_COST, holder);
        Ok(AwaitedBody {
            share: Some(share.map_err(|_| no_room_for_body())?),
            _waiting: held.connection.as_ref().map(Activity::wait),
            arrival,
        })
    }

    /// Waits until this request, whose body has arrived, may work again.
    ///
    /// # Errors
    /// When too many wait already.
    pub(crate) async fn resume(&self) -> Result<(), Problem> {
        if let Some(held) = &self.0 {
            let room = held.limit.room()?;
            *lock(&held.room) = Some(room);
        }
        self.work().await;
        Ok(())
    }

    async fn work(&self) {
        let Some(held) = &self.0 else { return };
        let permit = Arc::clone(&held.limit.work).acquire_owned().await;
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
    pub fn end(&self) {
        self.pause();
        if let Some(held) = &self.0 {
            *lock(&held.room) = None;
        }
    }
}

/// A request waits for the rest of its body.
pub(crate) struct AwaitedBody {
    arrival: Arc<Arrival>,
    share: Option<Share<Arrival>>,
    _waiting: Option<Waiting>,
}

impl AwaitedBody {
    fn new(arrival: Arc<Arrival>) -> Self {
        Self {
            arrival,
            share: None,
            _waiting: None,
        }
    }

    /// So many bytes more are held.
    ///
    /// # Errors
    /// When there is no room for them.
    pub(crate) fn grow(&self, bytes: usize) -> Result<(), Problem> {
        let grown = self.share.as_ref().map_or(Ok(()), |it| it.grow(bytes));
        grown.map_err(|_| no_room_for_body())
    }

    /// Waits until its place is needed by others; why it cannot wait any longer.
    pub(crate) async fn lost(&self) -> Problem {
        self.arrival.0.cancelled().await;
        no_room_for_body()
    }
}

/// Says that the request has lost its place.
#[derive(Debug, Default)]
struct Arrival(CancellationToken);

impl Holder for Arrival {
    fn may_yield(&self) -> bool {
        true
    }

    fn cut(&self) {
        self.0.cancel();
    }
}

fn no_room_for_body() -> Problem {
    Problem::unavailable(
        "Too many requests wait for their bodies. Send the whole request, then try again.",
    )
}

impl<S: Sync> FromRequestParts<S> for Permit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self::from_extensions(&parts.extensions))
    }
}

fn lock<T>(permit: &Mutex<T>) -> MutexGuard<'_, T> {
    permit.lock().unwrap_or_else(PoisonError::into_inner)
}
