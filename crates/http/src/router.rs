//! Composes the API into one router.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use colloquy_application::UseCases;
use colloquy_application::ports::HealthCheck;
use colloquy_web::authenticator::{self, ExternalSignIn};
use colloquy_web::client_address::TrustedProxies;
use colloquy_web::middleware::{self, MiddlewareOptions};

use crate::state::{App, Readiness};
use crate::{HttpOptions, api, docs};

/// The API over these use cases. `/health/ready` succeeds while all `health` checks pass.
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
    let (routes, mut without_query) = api::served();
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
