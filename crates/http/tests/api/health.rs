//! Health checks.

use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::Method;
use colloquy_application::ports::{HealthCheck, PortError};
use colloquy_http::HttpOptions;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::Api;

#[tokio::test]
async fn a_service_whose_parts_answer_is_ready() {
    let api = Api::new();
    for path in ["/health/live", "/health/ready"] {
        let answer = api.raw(Method::GET, path).send().await;
        assert_eq!(answer.ok(200), json!({"status": "ok"}));
    }
}

#[tokio::test]
async fn a_service_without_its_store_is_alive_but_not_ready() {
    let api = Api::new();
    api.store.set_down(true);
    api.raw(Method::GET, "/health/live").send().await.ok(200);
    let ready = || api.raw(Method::GET, "/health/ready").send();
    ready().await.problem(503, "service_unavailable");
    api.store.set_down(false);
    ready().await.ok(200);
}

#[tokio::test]
async fn a_draining_service_is_alive_but_not_ready() {
    let draining = CancellationToken::new();
    let api = Api::with(|_| {}, |options| options.draining = draining.clone());
    api.raw(Method::GET, "/health/ready").send().await.ok(200);
    draining.cancel();
    api.raw(Method::GET, "/health/live").send().await.ok(200);
    let answer = api.raw(Method::GET, "/health/ready").send().await;
    answer.problem(503, "service_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

struct Hangs;

#[async_trait]
impl HealthCheck for Hangs {
    fn name(&self) -> &'static str {
        "hangs"
    }

    async fn check(&self) -> Result<(), PortError> {
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_that_does_not_answer_in_two_seconds_counts_as_missing() {
    let mut api = Api::new();
    let options = HttpOptions::new(Arc::new(colloquy_application::system::UuidV7Generator));
    let checks: Vec<Arc<dyn HealthCheck>> = vec![Arc::new(Hangs), Arc::new(Hangs)];
    api.router = colloquy_http::router(api.use_cases.clone(), checks, options);
    let begin = tokio::time::Instant::now();
    let answer = api.raw(Method::GET, "/health/ready").send().await;
    answer.problem(503, "service_unavailable");
    assert_eq!(begin.elapsed().as_secs(), 2);
}
