//! `GET /threads/{id}/runs`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use colloquy_application::runs::Runs;
use colloquy_domain::ThreadId;
use colloquy_web::input::Query;
use colloquy_web::paging::{Keyset, stretch};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use super::view::RunView;
use crate::BASE;
use crate::cursor::Cursor;

/// List the runs of a thread, newest first.
#[utoipa::path(
    get,
    path = "/threads/{thread_id}/runs",
    tag = "runs",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path), Query<Keyset<Cursor>>),
    responses((status = 200, description = "A page of runs", body = Vec<RunView>, headers(
        ("Link" = String, description = "The next page, if there is one"),
    ))),
)]
pub(crate) async fn list_runs(
    caller: SignedIn,
    State(runs): State<Arc<Runs>>,
    Ids(thread): Ids<ThreadId>,
    Query(keyset): Query<Keyset<Cursor>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let after = keyset.after(|cursor| match cursor {
        Cursor::Runs(of, run) if of == thread => Some(run),
        _ => None,
    })?;
    let slice = runs
        .list(&caller.actor, thread, after, keyset.limit)
        .await?;
    Ok(stretch(
        slice,
        &format!("{BASE}/threads/{thread}/runs"),
        query.as_deref(),
        |run| Cursor::Runs(thread, run.id),
        RunView::from,
    ))
}
