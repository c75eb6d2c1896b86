//! `GET /health/live`.

use axum::Json;

use super::{Health, OK};

/// Whether the process answers at all.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "health",
    responses((status = 200, description = "It does", body = Health)),
)]
pub(crate) async fn health_live() -> Json<Health> {
    Json(OK)
}
