//! Routes of assistants.

mod avatar_fields;
mod configuration;
mod create;
mod delete;
mod fields;
mod functions;
mod get;
mod json;
mod list;
mod path;
mod purge;
mod revision;
mod update;
mod view;

use utoipa_axum::routes;

use crate::routes::Routes;

pub(crate) use fields::{AssistantView, model};
pub(crate) use path::{AssistantPath, assistant};
pub(crate) use view::tagged;

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
