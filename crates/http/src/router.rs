use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use colloquy_application::UseCases;
use colloquy_application::ports::HealthCheck;
use tower::ServiceBuilder;
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::normalize_path::NormalizePath;
use utoipa_axum::router::OpenApiRouter;

use crate::client_address::TrustedProxies;
use crate::metrics::{self, Scrape};
use crate::problem::{self, Problem};
use crate::state::{App, Readiness};
use crate::turns::Turns;
use crate::{
    BASE, HttpOptions, assistants, auth, avatars, cors, deadline, docs, health, logging, messages,
    openapi, request_id, runs, security_headers, threads, tokens, turns, unread_body, users,
};

/// The whole API over these use cases, ready to be served. It is ready in the sense of
/// `/health/ready` while all of `health` pass.
pub fn router(
    use_cases: UseCases,
    health: Vec<Arc<dyn HealthCheck>>,
    mut options: HttpOptions,
) -> Router {
    let mut readings = std::mem::take(&mut options.readings);
    readings.push(Arc::new(use_cases.clone()));
    let scrape = Scrape {
        metrics: options.metrics.clone(),
        readings: readings.into(),
    };
    let readiness = Readiness {
        checks: health.into(),
        draining: options.draining.clone(),
    };
    let proxies = TrustedProxies::new(options.trusted_proxies.clone());
    let (api, document) = api().split_for_parts();
    let routes = api
        .merge(docs::routes(&document))
        .with_state(App::new(use_cases, readiness, proxies, scrape));
    layered(routes, options)
}

/// The documented routes.
pub(crate) fn api() -> OpenApiRouter<App> {
    let prompt = OpenApiRouter::new()
        .merge(auth::routes())
        .merge(users::routes())
        .merge(tokens::routes())
        .merge(assistants::routes())
        .merge(avatars::routes())
        .merge(threads::routes())
        .merge(messages::routes())
        .merge(runs::routes())
        .layer(from_fn(deadline::limit));
    let base = prompt.merge(messages::waiting_routes());
    let mut api = OpenApiRouter::with_openapi(openapi::frame())
        .merge(health::routes())
        .merge(metrics::routes())
        .nest(BASE, base);
    openapi::complete(api.get_openapi_mut());
    api
}

/// Puts around the routes what holds for every request, the outermost first.
pub(crate) fn layered(routes: Router, options: HttpOptions) -> Router {
    let turns = Turns::new(options.max_requests);
    let origins = options.cors_origins;
    let cors = (!origins.is_empty()).then(|| cors::layer(origins));
    // One layer made of all: each would otherwise be boxed and copied by those around it.
    let around = ServiceBuilder::new()
        .layer(from_fn(unread_body::drain))
        .layer(from_fn_with_state(options.ids, request_id::assign))
        .layer(from_fn(security_headers::add))
        .layer(from_fn(logging::log))
        .layer(from_fn_with_state(options.metrics, metrics::count))
        .layer(option_layer(cors))
        .layer(from_fn(problem::render))
        .layer(from_fn_with_state(turns, turns::take))
        .layer(CatchPanicLayer::custom(answer_panic));
    let routes = routes
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(around);
    // Outside of the routes, since it changes which one is found.
    Router::new().fallback_service(NormalizePath::trim_trailing_slash(routes))
}

/// A panic ends its own request only.
fn answer_panic(payload: Box<dyn std::any::Any + Send>) -> Response {
    let text = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload
            .downcast::<&str>()
            .map_or_else(|_| String::new(), |text| text.to_string()),
    };
    Problem::internal(Panic(text)).into_response()
}

/// What a handler panicked with.
#[derive(Debug, thiserror::Error)]
#[error("panic: {0}")]
struct Panic(String);
