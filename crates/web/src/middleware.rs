//! The middleware around all routes: one stack, to be read from the outside in.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse as _, Response};
use colloquy_application::ports::IdGenerator;
use tower::ServiceBuilder;
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::map_response_body::MapResponseBodyLayer;
use tower_http::normalize_path::NormalizePath;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::client_address::{ProxyNetwork, TrustedProxies};
use crate::concurrency_limit::{self, ConcurrencyLimit};
use crate::cors::{self, Origin};
use crate::input::{self, WithoutQuery};
use crate::metrics::{self, Metrics};
use crate::problem::{self, Problem};
use crate::request_id::{self, NewRequestId, X_REQUEST_ID};
use crate::{compression, logging, unread_body};

/// What an operator may set of the middleware, and what it takes from its surroundings.
pub struct MiddlewareOptions {
    /// Names the requests that bring no usable `x-request-id`.
    pub ids: Arc<dyn IdGenerator>,
    /// Web origins whose pages may call the routes; without one no page of another origin may.
    pub cors_origins: Vec<Origin>,
    /// Proxies whose word counts on where a request comes from.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// How many requests are handled at once or wait for that.
    pub max_requests: usize,
    /// Beginnings of paths that are answered under any load.
    pub unlimited_paths: &'static [&'static str],
    /// Counts the requests.
    pub metrics: Metrics,
}

/// Puts the middleware around the routes, and answers requests that no route is for.
pub fn wrap(routes: Router, without_query: WithoutQuery, options: MiddlewareOptions) -> Router {
    let limit = ConcurrencyLimit::new(
        options.unlimited_paths,
        options.max_requests,
        TrustedProxies::new(options.trusted_proxies),
        options.metrics.limits().clone(),
    );
    let origins = options.cors_origins;
    let cors = option_layer((!origins.is_empty()).then(|| cors::layer(origins)));
    let stack = ServiceBuilder::new()
        .layer(unread_body::layer())
        .layer(SetSensitiveRequestHeadersLayer::new([
            AUTHORIZATION,
            COOKIE,
        ]))
        .map_request(request_id::remove_unusable)
        .layer(SetRequestIdLayer::new(
            X_REQUEST_ID,
            NewRequestId(options.ids),
        ))
        .layer(PropagateRequestIdLayer::new(X_REQUEST_ID))
        .layer(default_header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(default_header(REFERRER_POLICY, "no-referrer"))
        .layer(default_header(CACHE_CONTROL, "no-store"))
        .layer(default_header(CONTENT_SECURITY_POLICY, POLICY))
        // Not `TraceLayer`: it makes one span, and the log and the trace each need their own.
        .layer(logging::layer())
        .layer(metrics::layer(options.metrics))
        .layer(problem::layer())
        .layer(cors)
        .layer(input::refuse_query_layer(without_query))
        // Not tower's load shedding, concurrency limit and timeout: a handler could not give up
        // its place while it waits for a model or a body.
        .layer(concurrency_limit::layer(limit))
        // Not `CompressionLayer`: it holds 256 KiB for each response that a client takes slowly.
        .layer(compression::layer())
        .layer(MapResponseBodyLayer::new(Body::new))
        .layer(CatchPanicLayer::custom(answer_panic));
    let routes = routes
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(stack);
    // A path that no route is for may be one with a trailing slash; only then it is looked up again.
    let trimmed = NormalizePath::trim_trailing_slash(routes.clone());
    routes.fallback_service(trimmed)
}

/// A response may load nothing and is framed by nobody, unless its handler says otherwise.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

fn default_header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that the layer asks for"
)]
fn answer_panic(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    Problem::internal(Panic(text.unwrap_or_default().to_owned())).into_response()
}

/// What a handler panicked with.
#[derive(Debug, thiserror::Error)]
#[error("panic: {0}")]
struct Panic(String);
