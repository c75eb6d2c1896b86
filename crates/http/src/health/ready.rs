//! `GET /health/ready`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use colloquy_application::ports::HealthCheck;
use colloquy_web::limits::Limit;
use colloquy_web::problem::Problem;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::OK;
use crate::state::Readiness;

/// Time limit for all checks.
const PATIENCE: Duration = Duration::from_secs(2);

/// Readiness of the service.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "health",
    responses(
        (status = 200, description = "The service is ready", body = super::Readiness),
        (status = 503, description = "A dependency is unavailable, or the service is stopping"),
    ),
)]
pub(crate) async fn health_ready(
    State(readiness): State<Readiness>,
) -> Result<Json<super::Readiness>, Problem> {
    if readiness.draining.is_cancelled() {
        return Err(Problem::unavailable("The service is stopping."));
    }
    let checks = readiness.checks.iter().map(|check| passes(&**check));
    if join_all(checks).await.into_iter().all(|passes| passes) {
        let limits = readiness.limits.reached_lately();
        Ok(Json(super::Readiness {
            status: OK.status,
            limits_reached: limits.into_iter().map(Limit::as_str).collect(),
        }))
    } else {
        Err(Problem::unavailable(
            "A dependency of the service is unavailable.",
        ))
    }
}

async fn passes(check: &dyn HealthCheck) -> bool {
    match timeout(PATIENCE, check.check()).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, check = check.name(), "not ready");
            false
        }
        Err(_) => {
            tracing::warn!(check = check.name(), "not ready: a check timed out");
            false
        }
    }
}
