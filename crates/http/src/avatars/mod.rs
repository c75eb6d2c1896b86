//! The pictures of assistants, and the other fields that say how one looks.

mod delete;
mod fields;
mod get;
mod picture;
mod upload;

use colloquy_domain::{AssistantId, AvatarImage};
use utoipa_axum::routes;

use crate::BASE;
use crate::router::Routes;

pub(crate) use fields::read_avatar_changes;

pub(crate) fn routes() -> Routes {
    vec![routes!(
        get::get_avatar,
        upload::upload_avatar,
        delete::delete_avatar
    )]
}

/// Where the picture is. The address differs from picture to picture, so that a page shows a new
/// one at once, whatever its browser has kept.
pub(crate) fn address(assistant: AssistantId, image: &AvatarImage) -> String {
    let hash = image.hash.to_string();
    format!("{BASE}/assistants/{assistant}/avatar?v={}", &hash[..16])
}
