//! `POST /threads/{id}/runs/{id}/cancel`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::runs::Runs;
use colloquy_domain::{RunId, ThreadId};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use super::view::RunView;

/// Cancel a run.
///
/// Responds once the run has ended. An ended run is unchanged.
#[utoipa::path(
    post,
    path = "/threads/{thread_id}/runs/{run_id}/cancel",
    tag = "runs",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path), ("run_id" = uuid::Uuid, Path)),
    responses((status = 200, description = "The ended run", body = RunView)),
)]
pub(crate) async fn cancel_run(
    caller: SignedIn,
    State(runs): State<Arc<Runs>>,
    Ids((thread, run)): Ids<(ThreadId, RunId)>,
) -> Result<Json<RunView>, Problem> {
    let run = runs.cancel(&caller.actor, thread, run).await?;
    Ok(Json(RunView::from(run)))
}
