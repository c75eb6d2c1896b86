//! Routes of avatars.

mod delete;
mod get;
mod picture;
mod upload;

use utoipa_axum::routes;

use crate::routes::Routes;

pub(crate) fn routes() -> Routes {
    vec![routes!(
        get::get_avatar,
        upload::upload_avatar,
        delete::delete_avatar
    )]
}
