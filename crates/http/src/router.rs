use std::sync::Arc;

use axum::Router;
use axum::routing::Route;
use colloquy_application::UseCases;
use colloquy_application::ports::HealthCheck;
use tower::{layer::layer_fn, service_fn};
use tower_http::normalize_path::NormalizePath;
use utoipa_axum::router::OpenApiRouter;

use crate::client_address::TrustedProxies;
use crate::metrics::{self, Scrape};
use crate::problem::Problem;
use crate::state::{App, Readiness};
use crate::{
    BASE, HttpOptions, around, assistants, auth, avatars, deadline, docs, health, messages,
    openapi, runs, threads, tokens, users,
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
        .layer(layer_fn(|route: Route| {
            service_fn(move |request| deadline::limit(route.clone(), request))
        }));
    let base = prompt.merge(messages::waiting_routes());
    let mut api = OpenApiRouter::with_openapi(openapi::frame())
        .merge(health::routes())
        .merge(metrics::routes())
        .nest(BASE, base);
    openapi::complete(api.get_openapi_mut());
    api
}

/// Puts around the routes what holds for every request.
pub(crate) fn layered(routes: Router, options: HttpOptions) -> Router {
    let routes = routes
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(around::layer(options));
    // What is not found may be with a slash less, and only then is looked for again.
    let trimmed = NormalizePath::trim_trailing_slash(routes.clone());
    routes.fallback_service(trimmed)
}
