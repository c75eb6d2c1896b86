//! The conversations that people hold.

mod create;
mod delete;
mod get;
mod list;
mod update;
mod view;

use colloquy_domain::{AssistantRef, Violation};
use utoipa_axum::routes;

use crate::router::Routes;

pub(crate) fn routes() -> Routes {
    vec![
        routes!(list::list_threads, create::create_thread),
        routes!(
            get::get_thread,
            update::update_thread,
            delete::delete_thread
        ),
    ]
}

/// What a client may send back of a thread, to no effect.
const READ_ONLY: [&str; 5] = [
    "id",
    "owner_id",
    "created_at",
    "updated_at",
    "last_message_at",
];

/// Reads how an input names an assistant.
pub(crate) fn assistant_reference(text: &str) -> Result<AssistantRef, Violation> {
    AssistantRef::parse(text).ok_or_else(|| {
        Violation::new(
            "invalid_format",
            "must be the id or the slug of an assistant",
        )
    })
}
