use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use colloquy_application::ports::Readings;

use super::{Metrics, exposition};
use crate::problem::Problem;

/// What is shown of the service's figures.
#[derive(Clone)]
pub(crate) struct Scrape {
    pub(crate) metrics: Metrics,
    /// What is read besides.
    pub(crate) readings: Arc<[Arc<dyn Readings>]>,
}

/// The service's figures, in the text format of Prometheus. They name no user, no assistant and
/// nothing that anybody has written; a service on a public address hides them at its proxy.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "metrics",
    responses((
        status = 200,
        description = "The figures",
        body = String,
        content_type = "text/plain",
    )),
)]
pub(crate) async fn metrics(State(scrape): State<Scrape>) -> Result<Response, Problem> {
    let mut readings = scrape.metrics.readings();
    for source in &*scrape.readings {
        readings.extend(source.readings());
    }
    let registry = &scrape.metrics.0.registry;
    let text = exposition::write(registry, readings).map_err(Problem::internal)?;
    let headers = [
        (CONTENT_TYPE, exposition::CONTENT_TYPE),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text).into_response())
}
