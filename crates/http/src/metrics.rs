//! The metrics route, for a separate listener.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use colloquy_application::UseCases;
use colloquy_application::ports::Readings;
use colloquy_web::metrics::{CONTENT_TYPE as TEXT_FORMAT, Metrics};
use colloquy_web::problem::Problem;

/// Sources of metrics.
#[derive(Clone)]
struct Figures {
    metrics: Metrics,
    /// Sampled on each scrape.
    readings: Arc<[Arc<dyn Readings>]>,
}

/// `/metrics` for a separate listener: the counters of service and use cases, and `readings`, in
/// Prometheus's text format. Contains no user data.
pub fn metrics_router(
    use_cases: &UseCases,
    metrics: Metrics,
    mut readings: Vec<Arc<dyn Readings>>,
) -> Router {
    readings.push(Arc::new(use_cases.clone()));
    let readings = readings.into();
    Router::new()
        .route("/metrics", get(figures))
        .with_state(Figures { metrics, readings })
}

async fn figures(State(figures): State<Figures>) -> Result<Response, Problem> {
    let sources = figures.readings.iter();
    let readings = sources.flat_map(|source| source.readings()).collect();
    let text = figures.metrics.exposition(readings);
    let text = text.map_err(Problem::internal)?;
    let headers = [(CONTENT_TYPE, TEXT_FORMAT), (CACHE_CONTROL, "no-store")];
    Ok((headers, text).into_response())
}
