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

/// Follow a run: what has happened, then what happens, to its end.
///
/// A stream that broke off goes on behind the last event that arrived, on any instance of the
/// service. A comment comes when nothing else has for 15 seconds.
#[utoipa::path(
    get,
    path = "/threads/{thread_id}/runs/{run_id}/events",
    tag = "runs",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path), ("run_id" = uuid::Uuid, Path), ResumeAfter),
    responses(
        (status = 200, description = "The run's events",
            content(("text/event-stream", item_schema = RunEventFrame))),
        (status = 400, description = "`Last-Event-ID` is not the number of an event"),
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
