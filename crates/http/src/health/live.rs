//! `GET /health/live`.

use axum::Json;

use super::{Health, OK};

/// Liveness of the process.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "health",
    responses((status = 200, description = "The process is alive", body = Health)),
)]
pub(crate) async fn health_live() -> Json<Health> {
    Json(OK)
}
