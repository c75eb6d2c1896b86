//! `GET /threads/{id}/runs/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::runs::Runs;
use colloquy_domain::{RunId, ThreadId};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use super::view::RunView;

/// Get a run.
#[utoipa::path(
    get,
    path = "/threads/{thread_id}/runs/{run_id}",
    tag = "runs",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path), ("run_id" = uuid::Uuid, Path)),
    responses((status = 200, description = "The run", body = RunView)),
)]
pub(crate) async fn get_run(
    caller: SignedIn,
    State(runs): State<Arc<Runs>>,
    Ids((thread, run)): Ids<(ThreadId, RunId)>,
) -> Result<Json<RunView>, Problem> {
    let run = runs.get(&caller.actor, thread, run).await?;
    Ok(Json(RunView::from(run)))
}
