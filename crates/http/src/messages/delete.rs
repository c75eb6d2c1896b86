//! `DELETE /threads/{id}/messages/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::NoContent;
use colloquy_application::messages::Messages;
use colloquy_domain::{MessageId, ThreadId};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

/// Delete a message.
#[utoipa::path(
    delete,
    path = "/threads/{thread_id}/messages/{message_id}",
    tag = "messages",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path), ("message_id" = uuid::Uuid, Path)),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, description = "The caller may see the thread but is not its owner"),
    ),
)]
pub(crate) async fn delete_message(
    caller: SignedIn,
    State(messages): State<Arc<Messages>>,
    Ids((thread, message)): Ids<(ThreadId, MessageId)>,
) -> Result<NoContent, Problem> {
    messages.delete(&caller.actor, thread, message).await?;
    Ok(NoContent)
}
