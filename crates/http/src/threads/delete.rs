//! `DELETE /threads/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::NoContent;
use colloquy_application::threads::Threads;
use colloquy_domain::ThreadId;
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

/// Delete a thread with its messages and runs.
#[utoipa::path(
    delete,
    path = "/threads/{thread_id}",
    tag = "threads",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path)),
    responses((status = 204, description = "Deleted")),
)]
pub(crate) async fn delete_thread(
    caller: SignedIn,
    State(threads): State<Arc<Threads>>,
    Ids(id): Ids<ThreadId>,
) -> Result<NoContent, Problem> {
    threads.delete(&caller.actor, id).await?;
    Ok(NoContent)
}
