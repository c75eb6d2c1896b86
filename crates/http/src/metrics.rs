//! The figures of the service, to be served on an address of their own.

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

/// What is shown of the service's figures.
#[derive(Clone)]
struct Figures {
    metrics: Metrics,
    /// What is read besides.
    readings: Arc<[Arc<dyn Readings>]>,
}

/// `/metrics`, to be served on an address of its own: the service's figures, and those of its use
/// cases and of `readings`, in the text format of Prometheus. They name no user, no assistant and
/// nothing that anybody has written.
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
