//! What is said in threads.

mod bypass;
mod delete;
mod form;
mod include;
mod list;
mod post;
mod view;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::App;

pub(crate) use form::{PREFER, PREFERENCE_APPLIED};
pub(crate) use view::MessageView;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_messages))
        .routes(routes!(delete::delete_message))
}

/// The routes that wait for a model.
pub(crate) fn waiting_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(post::post_message))
}
