use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use colloquy_application::messages::Messages;
use colloquy_domain::ThreadId;
use colloquy_web::input::Query;
use colloquy_web::paging::stretch;
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use super::include::MessageQuery;
use super::view::MessageView;
use crate::BASE;
use crate::cursor::Cursor;

/// What was said in a thread, oldest first.
///
/// A stretch ends before it has more than 4 MiB of text, but not before its first message: it may
/// have fewer than `limit` while there is more.
#[utoipa::path(
    get,
    path = "/threads/{thread_id}/messages",
    tag = "messages",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path), Query<MessageQuery>),
    responses((status = 200, description = "A stretch of the messages", body = Vec<MessageView>, headers(
        ("Link" = String, description = "Where the list goes on, while it does"),
    ))),
)]
pub(crate) async fn list_messages(
    caller: SignedIn,
    State(messages): State<Arc<Messages>>,
    Ids(thread): Ids<ThreadId>,
    Query(query): Query<MessageQuery>,
    RawQuery(raw_query): RawQuery,
) -> Result<Response, Problem> {
    let after = query.keyset.after(|cursor| match cursor {
        Cursor::Messages(of, position) if of == thread => Some(position),
        _ => None,
    })?;
    let mut slice = messages
        .list(
            &caller.actor,
            thread,
            query.scope,
            after.unwrap_or(0),
            query.keyset.limit,
        )
        .await?;
    let mut reasoning = match query.with_reasoning {
        true => messages.reasoning(&mut slice).await?,
        false => HashMap::new(),
    };
    Ok(stretch(
        slice,
        &format!("{BASE}/threads/{thread}/messages"),
        raw_query.as_deref(),
        |message| Cursor::Messages(thread, message.position),
        move |message| {
            let reasoning = reasoning.remove(&message.id);
            MessageView::from(message).with_reasoning(reasoning)
        },
    ))
}
