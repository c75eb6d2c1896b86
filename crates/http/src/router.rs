//! The whole API as one router.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use colloquy_application::UseCases;
use colloquy_application::ports::HealthCheck;
use colloquy_web::authenticator::{self, ExternalSignIn};
use colloquy_web::client_address::TrustedProxies;
use colloquy_web::input::WithoutQuery;
use colloquy_web::middleware::{self, MiddlewareOptions};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::state::{App, Readiness};
use crate::{
    BASE, HttpOptions, assistants, auth, avatars, docs, health, messages, models, openapi, runs,
    threads, tokens, users,
};

/// The whole API over these use cases, ready to be served. It is ready in the sense of
/// `/health/ready` while all of `health` pass.
pub fn router(
    use_cases: UseCases,
    health: Vec<Arc<dyn HealthCheck>>,
    options: HttpOptions,
) -> Router {
    let metrics = options.metrics.clone();
    let readiness = Readiness {
        checks: health.into(),
        draining: options.draining.clone(),
        limits: metrics.limits().clone(),
    };
    let proxies = TrustedProxies::new(options.trusted_proxies.clone());
    let (routes, mut without_query) = served();
    docs::note_queries(&mut without_query);
    let sign_in = options.authenticator.clone();
    let sign_in = sign_in.map(|it| Arc::new(ExternalSignIn::new(it, &use_cases)));
    let mut routes = routes
        .merge(docs::routes())
        .with_state(App::new(use_cases, readiness, proxies, metrics))
        .merge(options.routes.clone());
    if let Some(sign_in) = sign_in {
        routes = routes.layer(from_fn_with_state(sign_in, authenticator::sign_in));
    }
    middleware::wrap(routes, without_query, middleware_options(options))
}

/// Routes of one kind of thing, as they are documented.
pub(crate) type Routes = Vec<UtoipaMethodRouter<App>>;

/// The document of all routes, and they themselves.
pub(crate) fn api() -> OpenApiRouter<App> {
    let api = OpenApiRouter::with_openapi(openapi::frame());
    let mut api = routes().fold(api, OpenApiRouter::routes);
    openapi::complete(api.get_openapi_mut());
    api
}

/// The routes alone, and which of them take no query string. What documents them takes some
/// megabytes together, and is written when somebody asks for it.
fn served() -> (Router<App>, WithoutQuery) {
    let mut router = Router::new();
    let mut without_query = WithoutQuery::default();
    for (_, paths, handlers) in routes() {
        for (path, item) in paths.paths {
            without_query.add(&path, &item);
            router = router.route(&path, handlers.clone());
        }
    }
    (router, without_query)
}

fn routes() -> impl Iterator<Item = UtoipaMethodRouter<App>> {
    let below_base = [
        auth::routes,
        users::routes,
        tokens::routes,
        assistants::routes,
        avatars::routes,
        models::routes,
        threads::routes,
        messages::routes,
        runs::routes,
    ];
    // Not nested: each request would be given another path and back, by one more layer.
    let below_base = below_base
        .into_iter()
        .flat_map(|routes| routes())
        .map(below_base_path);
    health::routes().into_iter().chain(below_base)
}

fn below_base_path(route: UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    let (schemas, mut paths, handlers) = route;
    let items = std::mem::take(&mut paths.paths).into_iter();
    paths.paths = items
        .map(|(path, item)| (format!("{BASE}{path}"), item))
        .collect();
    (schemas, paths, handlers)
}

fn middleware_options(options: HttpOptions) -> MiddlewareOptions {
    MiddlewareOptions {
        ids: options.ids,
        cors_origins: options.cors_origins,
        trusted_proxies: options.trusted_proxies,
        max_requests: options.max_requests,
        unlimited_paths: &["/health/", "/docs", "/openapi.json"],
        metrics: options.metrics,
    }
}
