//! The catalogue of assistants.

mod caching;
mod configuration;
mod create;
mod delete;
mod get;
mod list;
mod path;
mod purge;
mod revision;
mod tools;
mod update;
mod view;
mod written;

use utoipa_axum::routes;

use crate::router::Routes;

pub(crate) use path::AssistantPath;
pub(crate) use update::model_schema;
pub(crate) use view::{AssistantView, tagged};
pub(crate) use written::WrittenAssistants;

pub(crate) fn routes() -> Routes {
    vec![
        routes!(list::list_assistants, create::create_assistant),
        routes!(
            get::get_assistant,
            update::update_assistant,
            delete::delete_assistant
        ),
        routes!(purge::purge_answers),
    ]
}

/// What a client may send back of an assistant, to no effect.
const READ_ONLY: [&str; 7] = [
    "id",
    "avatar_image",
    "defined_in_code",
    "model_provider",
    "revision",
    "created_at",
    "updated_at",
];
