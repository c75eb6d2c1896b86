//! Routes of the caller's API keys.

mod create;
mod delete;
mod list;
mod view;

use utoipa_axum::routes;

pub(crate) use self::view::TokenView;
use crate::routes::Routes;

pub(crate) fn routes() -> Routes {
    vec![
        routes!(list::list_tokens, create::create_token),
        routes!(delete::delete_token),
    ]
}
