//! Caps concurrent requests; excess requests queue, then get 503.
//!
//! The queue is round-robin by client address, and no address gets more than half of the requests.
//! Requests that wait for their client (for the body, or until it took another large response) or for
//! a model do not count as running; those that wait for their client have their own limits on number
//! and bytes, per client and in total. Slow requests are cancelled. Health checks are exempt.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::{FromRequestParts, Request};
use axum::http::Extensions;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use colloquy_application::fair_queue::{FairQueue, QueueLimits, QueuePermit};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower::layer::layer_fn;
use tower::{Layer, service_fn};

use crate::client_address::{Network, TrustedProxies};
use crate::http_service::HttpService;
use crate::limits::{Budget, Cut, Holder, Limit, Limits, RequestSlot, RequestSlots, Room, Share};
use crate::problem::Problem;
use crate::serve::{Activity, Ending, Entry, Lane, LaneTurn, Waiting};

/// Twice the database connections, which most requests wait for; leaves capacity to the runs.
const AT_WORK: usize = 24;

/// Time limit of a slot; longer than [`input`](crate::input) lets a body take.
const LIMIT: Duration = Duration::from_secs(60);

/// Bytes of a response that a connection may have only one of; smaller ones fit into buffers.
const LARGE: u64 = 32 * 1024;

/// Of a request that waits for its client, besides the bytes received.
const BODY_COST: usize = 32 * 1024;
/// All of them: 1,792 empty ones, or eleven of the largest avatars.
const BODIES: Room = Room {
    total: 56 * 1024 * 1024,
    hard: None,
};
/// Per client: eight of the largest avatars.
const BODIES_OF_CLIENT: usize = BODIES.total / 4 * 3;

#[derive(Debug, Clone)]
pub(crate) struct ConcurrencyLimit {
    slots: RequestSlots,
    work: FairQueue<Network>,
    bodies: Budget<Arrival>,
    unlimited: &'static [&'static str],
    limits: Limits,
    proxies: TrustedProxies,
}

impl ConcurrencyLimit {
    /// Admits `count` requests, queued ones included, half as many per client.
    pub(crate) fn new(
        unlimited: &'static [&'static str],
        count: usize,
        proxies: TrustedProxies,
        limits: Limits,
    ) -> Self {
        Self {
            unlimited,
            slots: RequestSlots::new(count),
            work: FairQueue::new(AT_WORK, QueueLimits::NONE),
            bodies: Budget::new(BODIES, Limit::RequestBodies, limits.clone()),
            limits,
            proxies,
        }
    }

    fn slot(&self, client: Network) -> Result<RequestSlot, Problem> {
        self.slots.take(client).ok_or_else(|| {
            self.limits.reached(Limit::Requests);
            let busy = "Too many requests are under way. Try again in a moment.";
            Problem::unavailable(busy)
        })
    }
}

/// Gives each request a permit and cancels overdue ones.
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
    let mut response = tokio::select! {
        biased;
        response = inner.call(request) => response?,
        () = permit.overdue() => {
            let late = "The request took too long. Try again in a moment.";
            Problem::unavailable(late).into_response()
        }
    };
    permit.end();
    if let Some(turn) = permit.take_lane_turn().filter(|_| is_large(&response)) {
        response.extensions_mut().insert(turn);
    }
    Ok(response)
}

fn is_large(response: &Response) -> bool {
    let size = response.body().size_hint().exact();
    size.is_some_and(|bytes| bytes >= LARGE)
}

/// A request's slot, held until the response head is ready, or released earlier by handlers that
/// wait for a model.
#[derive(Debug, Clone, Default)]
pub struct Permit(Option<Arc<Held>>);

#[derive(Debug)]
struct Held {
    slot: Mutex<Option<RequestSlot>>,
    work: Mutex<Option<QueuePermit<Network>>>,
    limit: ConcurrencyLimit,
    client: Network,
    connection: Option<Activity>,
    ending: Option<Ending>,
    entry: Entry,
    lane: Option<Lane>,
    lane_turn: Mutex<Option<LaneTurn>>,
}

impl Permit {
    pub(crate) fn from_extensions(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Waits for a slot; exempt requests get an empty permit. Fails if the queue is full.
    pub(crate) async fn take(
        limit: &ConcurrencyLimit,
        request: &mut Request,
    ) -> Result<Self, Problem> {
        let path = request.uri().path();
        if limit.unlimited.iter().any(|it| path.starts_with(it)) {
            return Ok(Self::default());
        }
        let client = Network::from_request(request, &limit.proxies);
        let turn = Self(Some(Arc::new(Held {
            slot: Mutex::new(Some(limit.slot(client)?)),
            work: Mutex::new(None),
            limit: limit.clone(),
            client,
            connection: request.extensions().get().cloned(),
            ending: request.extensions().get().cloned(),
            entry: request.extensions().get().cloned().unwrap_or_default(),
            lane: request.extensions().get().cloned(),
            lane_turn: Mutex::new(None),
        })));
        turn.work().await;
        request.extensions_mut().insert(turn.clone());
        Ok(turn)
    }

    /// Releases the slot while the request waits for something else.
    pub fn pause(&self) {
        if let Some(held) = &self.0 {
            *lock(&held.work) = None;
            held.entry.leave();
        }
    }

    /// Waits, with the slot released, until the connection's other large response was sent.
    ///
    /// # Errors
    /// If too many requests wait for their clients.
    pub async fn begin_large_response(&self) -> Result<(), Problem> {
        let Some(held) = &self.0 else { return Ok(()) };
        let Some(lane) = &held.lane else {
            return Ok(());
        };
        let turn = match lane.try_enter() {
            Some(turn) => Some(turn),
            None => self.await_lane(lane).await?,
        };
        *lock(&held.lane_turn) = turn;
        Ok(())
    }

    async fn await_lane(&self, lane: &Lane) -> Result<Option<LaneTurn>, Problem> {
        // Other requests of the connection would only wait behind this one.
        let waiting = self.await_client()?;
        let turn = tokio::select! {
            turn = lane.enter() => turn,
            lost = waiting.lost() => return Err(lost),
        };
        drop(waiting);
        self.resume().await?;
        Ok(turn)
    }

    fn take_lane_turn(&self) -> Option<LaneTurn> {
        lock(&self.0.as_ref()?.lane_turn).take()
    }

    /// Releases the slot while the body arrives. Fails if too many requests wait for their clients.
    pub(crate) fn await_body(&self) -> Result<AwaitedClient, Problem> {
        self.end();
        self.await_client()
    }

    fn await_client(&self) -> Result<AwaitedClient, Problem> {
        let Some(held) = &self.0 else {
            return Ok(AwaitedClient::new(Arc::default()));
        };
        *lock(&held.work) = None;
        *lock(&held.slot) = None;
        let arrival = Arc::new(Arrival {
            lost: CancellationToken::new(),
            ending: held.ending.clone(),
        });
        let holder = Arc::clone(&arrival);
        let bodies = &held.limit.bodies;
        let share = bodies.take(held.client, BODIES_OF_CLIENT, BODY_COST, holder);
        Ok(AwaitedClient {
            share: Some(share.map_err(|_| no_room_to_wait())?),
            _waiting: held.connection.as_ref().map(Activity::wait),
            arrival,
        })
    }

    /// Waits for a slot again. Fails if the queue is full.
    pub(crate) async fn resume(&self) -> Result<(), Problem> {
        if let Some(held) = &self.0 {
            let slot = held.limit.slot(held.client)?;
            *lock(&held.slot) = Some(slot);
        }
        self.work().await;
        Ok(())
    }

    async fn work(&self) {
        let Some(held) = &self.0 else { return };
        let permit = held.limit.work.enter(held.client).await;
        *lock(&held.work) = permit.ok();
    }

    /// Completes once the slot was held longer than [`LIMIT`]; never without a slot.
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
            .is_some_and(|held| lock(&held.slot).is_some())
    }

    /// Releases the slot for good.
    pub fn end(&self) {
        self.pause();
        if let Some(held) = &self.0 {
            *lock(&held.slot) = None;
        }
    }
}

/// A request that waits for its client.
pub(crate) struct AwaitedClient {
    arrival: Arc<Arrival>,
    share: Option<Share<Arrival>>,
    _waiting: Option<Waiting>,
}

impl AwaitedClient {
    fn new(arrival: Arc<Arrival>) -> Self {
        Self {
            arrival,
            share: None,
            _waiting: None,
        }
    }

    /// Accounts for received bytes. Fails above the limit.
    pub(crate) fn grow(&self, bytes: usize) -> Result<(), Problem> {
        let grown = self.share.as_ref().map_or(Ok(()), |it| it.grow(bytes));
        grown.map_err(|_| no_room_to_wait())
    }

    /// Completes with the reason when the request is evicted in favour of others.
    pub(crate) async fn lost(&self) -> Problem {
        self.arrival.lost.cancelled().await;
        no_room_to_wait()
    }
}

#[derive(Debug, Default)]
struct Arrival {
    lost: CancellationToken,
    ending: Option<Ending>,
}

impl Holder for Arrival {
    fn may_yield(&self) -> bool {
        true
    }

    /// A flood gets no answers and no log lines.
    fn cut(&self, cut: Cut) {
        match &self.ending {
            Some(ending) if cut == Cut::Flood => ending.end(),
            _ => self.lost.cancel(),
        }
    }
}

fn no_room_to_wait() -> Problem {
    Problem::unavailable(
        "Too many requests are waiting for their clients. Send whole requests, take the responses, \
         then try again.",
    )
}

impl<S: Sync> FromRequestParts<S> for Permit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self::from_extensions(&parts.extensions))
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
