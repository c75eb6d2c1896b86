use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::assistants::Assistants;
use colloquy_application::avatars::Avatars;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use crate::assistants::AssistantPath;
use crate::assistants::{AssistantView, tagged};

/// Take the picture away from an assistant.
#[utoipa::path(
    delete,
    path = "/assistants/{assistant_id}/avatar",
    tag = "assistants",
    security(("bearer" = [])),
    params(("assistant_id" = String, Path, description = "Id or slug")),
    responses(
        (status = 200, description = "The assistant, without a picture", body = AssistantView, headers(
            ("ETag" = String, description = "Names the assistant's revision"),
        )),
        (status = 403, description = "The caller is no administrator"),
        (status = 412, description = "Others changed the assistant all the while"),
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
