//! `DELETE /assistants/{id}/avatar`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::assistants::Assistants;
use colloquy_application::avatars::Avatars;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use crate::assistants::AssistantPath;
use crate::assistants::{AssistantView, tagged};

/// Delete an assistant's avatar.
#[utoipa::path(
    delete,
    path = "/assistants/{assistant_id}/avatar",
    tag = "assistants",
    security(("bearer" = [])),
    params(("assistant_id" = String, Path, description = "ID or slug")),
    responses(
        (status = 200, description = "The updated assistant", body = AssistantView, headers(
            ("ETag" = String, description = "The assistant's revision"),
        )),
        (status = 403, description = "The caller is not an administrator"),
        (status = 412, description = "The assistant was changed concurrently"),
    ),
)]
pub(crate) async fn delete_avatar(
    caller: SignedIn,
    State(avatars): State<Arc<Avatars>>,
    State(assistants): State<Arc<Assistants>>,
    AssistantPath(reference): AssistantPath,
) -> Result<Response, Problem> {
    let assistant = avatars.remove(&caller.actor, &reference).await?;
    Ok(tagged(&assistants, &assistant))
}
