use axum::extract::{RawQuery, State};
use axum::response::Response;
use colloquy_application::messages::Messages;
use colloquy_domain::ThreadId;

use super::view::MessageView;
use crate::BASE;
use crate::auth::SignedIn;
use crate::cursor::Cursor;
use crate::input::Query;
use crate::paging::{Keyset, stretch};
use crate::path::Ids;
use crate::problem::Problem;

/// What was said in a thread, oldest first.
#[utoipa::path(
    get,
    path = "/threads/{thread_id}/messages",
    tag = "messages",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path), Query<Keyset>),
    responses((status = 200, description = "A stretch of the messages", body = Vec<MessageView>, headers(
        ("Link" = String, description = "Where the list goes on, while it does"),
    ))),
)]
pub(crate) async fn list_messages(
    caller: SignedIn,
    State(messages): State<Messages>,
    Ids(thread): Ids<ThreadId>,
    Query(keyset): Query<Keyset>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let after = keyset.after(|cursor| match cursor {
        Cursor::Messages(of, position) if of == thread => Some(position),
        _ => None,
    })?;
    let slice = messages
        .list(&caller.actor, thread, after.unwrap_or(0), keyset.limit)
        .await?;
    Ok(stretch(
        slice,
        &format!("{BASE}/threads/{thread}/messages"),
        query.as_deref(),
        |message| Cursor::Messages(thread, message.position),
        MessageView::from,
    ))
}
