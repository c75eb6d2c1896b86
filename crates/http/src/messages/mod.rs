//! Routes of messages.

mod bypass;
mod delete;
mod include;
mod list;
mod post;
mod view;

use utoipa_axum::routes;

use crate::routes::Routes;

pub(crate) use bypass::CacheBypass;
pub(crate) use view::MessageView;

pub(crate) fn routes() -> Routes {
    vec![
        routes!(list::list_messages),
        routes!(delete::delete_message),
        routes!(post::post_message),
    ]
}
