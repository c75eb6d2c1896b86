//! The middleware stack around all routes, outermost first.

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

/// Middleware options.
pub struct MiddlewareOptions {
    /// Generates IDs for requests without a valid `x-request-id`.
    pub ids: Arc<dyn IdGenerator>,
    /// Allowed web origins.
    pub cors_origins: Vec<Origin>,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// Running and queued requests.
    pub max_requests: usize,
    /// Path prefixes served under any load.
    pub unlimited_paths: &'static [&'static str],
    /// Request counters.
    pub metrics: Metrics,
}

/// Wraps the routes and answers unmatched requests.
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
        // `TraceLayer` creates one span; log and trace need one each.
        .layer(logging::layer())
        .layer(metrics::layer(options.metrics))
        .layer(problem::layer())
        .layer(cors)
        .layer(input::refuse_query_layer(without_query))
        // tower's limits would not let handlers release the slot while waiting for a model or body.
        .layer(concurrency_limit::layer(limit))
        // `CompressionLayer` holds 256 KiB per slow client.
        .layer(compression::layer())
        .layer(MapResponseBodyLayer::new(Body::new))
        .layer(CatchPanicLayer::custom(answer_panic));
    let routes = routes
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(stack);
    // Retries unmatched paths without the trailing slash.
    let trimmed = NormalizePath::trim_trailing_slash(routes.clone());
    routes.fallback_service(trimmed)
}

/// Responses may load nothing and cannot be framed.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

fn default_header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "signature required by the layer"
)]
fn answer_panic(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    Problem::internal(Panic(text.unwrap_or_default().to_owned())).into_response()
}

#[derive(Debug, thiserror::Error)]
#[error("panic: {0}")]
struct Panic(String);
