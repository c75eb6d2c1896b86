//! `GET /threads/{id}/runs/{id}/events`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::runs::Runs;
use colloquy_domain::{RunId, ThreadId};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::run_streams::RunStreams;
use colloquy_web::sign_in::SignedIn;

use super::event::{RunEventFrame, frame};
use super::resume::ResumeAfter;

/// Stream a run's events: past ones, then live ones, until its end.
///
/// A broken stream resumes after the last received event, on any instance. A comment is sent after
/// 15 seconds of silence.
#[utoipa::path(
    get,
    path = "/threads/{thread_id}/runs/{run_id}/events",
    tag = "runs",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path), ("run_id" = uuid::Uuid, Path), ResumeAfter),
    responses(
        (status = 200, description = "The run's events",
            content(("text/event-stream", item_schema = RunEventFrame))),
        (status = 400, description = "`Last-Event-ID` is not an event number"),
    ),
)]
pub(crate) async fn get_run_events(
    caller: SignedIn,
    State(runs): State<Arc<Runs>>,
    Ids((thread, run)): Ids<(ThreadId, RunId)>,
    ResumeAfter(after): ResumeAfter,
    streams: RunStreams,
) -> Result<Response, Problem> {
    let follower = runs.follow(&caller.actor, thread, run, after).await?;
    Ok(streams.response(thread, follower, frame))
}
