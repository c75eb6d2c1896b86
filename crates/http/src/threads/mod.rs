//! Routes of threads.

mod create;
mod delete;
mod get;
mod list;
mod update;
mod view;

use colloquy_domain::ThreadName;
use colloquy_web::input::{Kind, text};
use colloquy_web::schema;
use utoipa_axum::routes;

use crate::routes::Routes;

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

/// Read-only fields, accepted and ignored.
const READ_ONLY: [&str; 5] = [
    "id",
    "owner_id",
    "created_at",
    "updated_at",
    "last_message_at",
];

fn name() -> impl Kind<Value = ThreadName> {
    text(ThreadName::parse, || schema::text(ThreadName::MAX_CHARS))
}
