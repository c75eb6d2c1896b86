//! `GET /threads/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::threads::Threads;
use colloquy_domain::ThreadId;
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use super::view::ThreadView;

/// Get a thread.
#[utoipa::path(
    get,
    path = "/threads/{thread_id}",
    tag = "threads",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path)),
    responses((status = 200, description = "The thread", body = ThreadView)),
)]
pub(crate) async fn get_thread(
    caller: SignedIn,
    State(threads): State<Arc<Threads>>,
    Ids(id): Ids<ThreadId>,
) -> Result<Json<ThreadView>, Problem> {
    let thread = threads.get(&caller.actor, id).await?;
    Ok(Json(ThreadView::from(thread)))
}
