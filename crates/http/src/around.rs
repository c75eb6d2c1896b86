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

use crate::client_address::TrustedProxies;
use crate::input::WithoutQuery;
use crate::logging::RequestLog;
use crate::metrics::CountedRequest;
use crate::problem::{self, Problem};
use crate::request_id::RequestId;
use crate::turns::{Turn, Turns};
use crate::unread_body::UnreadBody;
use crate::{HttpOptions, Metrics, cors, security_headers};

/// What the steps need.
struct Around {
    ids: Arc<dyn IdGenerator>,
    metrics: Metrics,
    turns: Turns,
    without_query: WithoutQuery,
}

/// Puts all of it around each route.
pub(crate) fn layer(
    without_query: WithoutQuery,
    options: HttpOptions,
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
    let around = Arc::new(Around {
        ids: options.ids,
        metrics: options.metrics,
        turns: Turns::new(options.max_requests, proxies, limits),
        without_query,
    });
    layer_fn(move |route: Route| {
        let inner = Arc::clone(&around);
        let work = service_fn(move |request| work(Arc::clone(&inner), route.clone(), request));
        // Refusals too are for the pages of those origins to read.
        let work = cors.layer(work);
        let around = Arc::clone(&around);
        service_fn(move |request| accompany(Arc::clone(&around), work.clone(), request))
    })
}

/// Names the request, counts it, says how it was answered and completes the answer.
async fn accompany(
    around: Arc<Around>,
    service: impl Service<Request, Response = Response, Error = Infallible>,
    mut request: Request,
) -> Result<Response, Infallible> {
    let unread = UnreadBody::of(&mut request);
    let id = RequestId::of(&request, &*around.ids);
    let log = RequestLog::begin(&request, &id);
    let counted = CountedRequest::begin(&around.metrics, &request);
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
    around: Arc<Around>,
    route: Route,
    mut request: Request,
) -> Result<Response, Infallible> {
    if let Err(problem) = around.without_query.check(&request) {
        return Ok(problem.into_response());
    }
    let turn = match Turn::take(&around.turns, &mut request).await {
        Ok(turn) => turn,
        Err(problem) => return Ok(problem.into_response()),
    };
    let worked = AssertUnwindSafe(route.oneshot(request)).catch_unwind();
    let response = tokio::select! {
        biased;
        worked = worked => match worked {
            Ok(response) => response?,
            Err(payload) => Problem::internal(Panic::of(payload)).into_response(),
        },
        () = turn.overdue() => {
            let late = "The request took too long. Try again in a moment.";
            Problem::unavailable(late).into_response()
        }
    };
    turn.end();
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
