//! What holds for every request, whatever it is for. One step after the other, in two functions: a
//! layer for each would box the request's work, and copy all that lies behind it, once a layer.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::Route;
use colloquy_application::ports::IdGenerator;
use futures_util::FutureExt as _;
use tower::{Layer, Service, ServiceExt as _, layer::layer_fn, service_fn, util::option_layer};

use crate::client_address::{ProxyNetwork, TrustedProxies};
use crate::concurrency_limit::{ConcurrencyLimit, Permit};
use crate::cors::{self, Origin};
use crate::input::WithoutQuery;
use crate::logging::RequestLog;
use crate::metrics::{CountedRequest, Metrics};
use crate::problem::{self, Problem};
use crate::request_id::RequestId;
use crate::security_headers;
use crate::unread_body::UnreadBody;

/// What an operator may set of the middleware, and what it takes from its surroundings.
pub struct MiddlewareOptions {
    /// Names the requests that bring no usable `x-request-id`.
    pub ids: Arc<dyn IdGenerator>,
    /// Web origins whose pages may call the routes.
    pub cors_origins: Vec<Origin>,
    /// Proxies whose word counts on where a request comes from.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// How many requests are handled at once or wait for that.
    pub max_requests: usize,
    /// Requests to paths below this count towards `max_requests`.
    pub limited_base: &'static str,
    /// Counts the requests.
    pub metrics: Metrics,
}

/// What the steps need.
struct Context {
    ids: Arc<dyn IdGenerator>,
    metrics: Metrics,
    limit: ConcurrencyLimit,
    without_query: WithoutQuery,
}

/// The layer context each route.
pub fn layer(
    without_query: WithoutQuery,
    options: MiddlewareOptions,
) -> impl Layer<
    Route,
    Service = impl Service<Request, Response = Response, Error = Infallible, Future: Send>
              + Clone
              + Send
              + Sync
              + 'static,
> + Clone
+ Send
+ Sync
+ 'static {
    let origins = options.cors_origins;
    let cors = option_layer((!origins.is_empty()).then(|| cors::layer(origins)));
    let proxies = TrustedProxies::new(options.trusted_proxies);
    let limits = options.metrics.limits().clone();
    let context = Arc::new(Context {
        ids: options.ids,
        metrics: options.metrics,
        limit: ConcurrencyLimit::new(options.limited_base, options.max_requests, proxies, limits),
        without_query,
    });
    layer_fn(move |route: Route| {
        let inner = Arc::clone(&context);
        let work = service_fn(move |request| work(Arc::clone(&inner), route.clone(), request));
        // Refusals too are for the pages of those origins to read.
        let work = cors.layer(work);
        let context = Arc::clone(&context);
        service_fn(move |request| accompany(Arc::clone(&context), work.clone(), request))
    })
}

/// Names the request, counts it, says how it was answered and completes the answer.
async fn accompany(
    context: Arc<Context>,
    service: impl Service<Request, Response = Response, Error = Infallible>,
    mut request: Request,
) -> Result<Response, Infallible> {
    let unread = UnreadBody::of(&mut request);
    let id = RequestId::of(&request, &*context.ids);
    let log = RequestLog::begin(&request, &id);
    let counted = CountedRequest::begin(&context.metrics, &request);
    let mut response = log.of(service.oneshot(request)).await?;
    counted.end(response.status());
    log.in_scope(|| problem::render(&mut response, &id));
    let mut response = log.end(response);
    security_headers::add_to(&mut response);
    id.add_to(&mut response);
    if let Some(unread) = unread {
        unread.drain(&mut response).await;
    }
    Ok(response)
}

/// Has the request's work done when it is its turn. A panic ends its own request only.
async fn work(
    context: Arc<Context>,
    route: Route,
    mut request: Request,
) -> Result<Response, Infallible> {
    if let Err(problem) = context.without_query.check(&request) {
        return Ok(problem.into_response());
    }
    let permit = match Permit::take(&context.limit, &mut request).await {
        Ok(permit) => permit,
        Err(problem) => return Ok(problem.into_response()),
    };
    let worked = AssertUnwindSafe(route.oneshot(request)).catch_unwind();
    let response = tokio::select! {
        biased;
        worked = worked => match worked {
            Ok(response) => response?,
            Err(payload) => Problem::internal(Panic::of(payload)).into_response(),
        },
        () = permit.overdue() => {
            let late = "The request took too long. Try again in a moment.";
            Problem::unavailable(late).into_response()
        }
    };
    permit.end();
    Ok(response)
}

/// What a handler panicked with.
#[derive(Debug, thiserror::Error)]
#[error("panic: {0}")]
struct Panic(String);

impl Panic {
    fn of(payload: Box<dyn Any + Send>) -> Self {
        Self(match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => payload
                .downcast::<&str>()
                .map_or_else(|_| String::new(), |text| text.to_string()),
        })
    }
}
