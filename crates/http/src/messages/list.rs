//! `GET /threads/{thread_id}/messages`.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use colloquy_application::messages::Messages;
use colloquy_application::ports::{MessagePage, MessagesFrom};
use colloquy_domain::ThreadId;
use colloquy_web::concurrency_limit::Permit;
use colloquy_web::input::Query;
use colloquy_web::paging::{Neighbours, page};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use super::include::{MessageQuery, Order};
use super::view::MessageView;
use crate::BASE;
use crate::cursor::Cursor;

/// List the messages of a thread, oldest or newest first.
///
/// A page holds at most 4 MiB of text, but at least one message, so it may have fewer than `limit`
/// messages before the end. Links lead in both directions and are stable under additions and
/// deletions.
#[utoipa::path(
    get,
    path = "/threads/{thread_id}/messages",
    tag = "messages",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path), Query<MessageQuery>),
    responses((status = 200, description = "A page of messages", body = Vec<MessageView>, headers(
        ("Link" = String, description = "The pages after (`next`) and before (`prev`) this one, while there are messages"),
    ))),
)]
pub(crate) async fn list_messages(
    caller: SignedIn,
    State(messages): State<Arc<Messages>>,
    Ids(thread): Ids<ThreadId>,
    (Query(query), RawQuery(raw_query)): (Query<MessageQuery>, RawQuery),
    permit: Permit,
) -> Result<Response, Problem> {
    let from = start(thread, &query)?;
    let limit = query.keyset.limit;
    permit.begin_large_response().await?;
    // Those who wait for a page leave others their work.
    permit.pause();
    let _turn = messages.page_turn(&caller.actor).await?;
    let mut found = messages
        .list(&caller.actor, thread, query.scope, from, limit)
        .await?;
    let mut reasoning = match query.with_reasoning {
        true => messages.reasoning(&mut found).await?,
        false => HashMap::new(),
    };
    let neighbours = neighbours(thread, from, query.order, &found);
    if query.order != order_of(from) {
        found.items.reverse();
    }
    let views = found.items.into_iter().map(|message| {
        let reasoning = reasoning.remove(&message.id);
        MessageView::from(message).with_reasoning(reasoning)
    });
    let path = format!("{BASE}/threads/{thread}/messages");
    Ok(page(views, &path, raw_query.as_deref(), neighbours))
}

/// Where the page begins.
fn start(thread: ThreadId, query: &MessageQuery) -> Result<MessagesFrom, Problem> {
    let from = query.keyset.after(|cursor| match cursor {
        Cursor::Messages(of, from) if of == thread => Some(from),
        _ => None,
    })?;
    Ok(from.unwrap_or(match query.order {
        Order::OldestFirst => MessagesFrom::OLDEST,
        Order::NewestFirst => MessagesFrom::NEWEST,
    }))
}

/// The order of a page that begins there.
const fn order_of(from: MessagesFrom) -> Order {
    match from {
        MessagesFrom::After(_) => Order::OldestFirst,
        MessagesFrom::Before(_) => Order::NewestFirst,
    }
}

fn neighbours(
    thread: ThreadId,
    from: MessagesFrom,
    order: Order,
    page: &MessagePage,
) -> Neighbours<Cursor> {
    let last = page.items.last().filter(|_| page.has_more);
    let behind = last.map(|last| match from {
        MessagesFrom::After(_) => MessagesFrom::After(last.position),
        MessagesFrom::Before(_) => MessagesFrom::Before(last.position),
    });
    let before = from.opposite().filter(|_| page.has_opposite);
    let [behind, before] =
        [behind, before].map(|from| from.map(|from| Cursor::Messages(thread, from)));
    if order == order_of(from) {
        Neighbours {
            next: behind,
            prev: before,
        }
    } else {
        Neighbours {
            next: before,
            prev: behind,
        }
    }
}
