//! `DELETE /assistants/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::NoContent;
use colloquy_application::assistants::Assistants;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use crate::assistants::AssistantPath;

/// Delete an assistant. Its threads remain.
#[utoipa::path(
    delete,
    path = "/assistants/{assistant_id}",
    tag = "assistants",
    security(("bearer" = [])),
    params(("assistant_id" = String, Path, description = "ID or slug")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, description = "The caller is not an administrator"),
        (status = 409, description = "The assistant is defined in code"),
    ),
)]
pub(crate) async fn delete_assistant(
    caller: SignedIn,
    State(assistants): State<Arc<Assistants>>,
    AssistantPath(reference): AssistantPath,
) -> Result<NoContent, Problem> {
    assistants.delete(&caller.actor, &reference).await?;
    Ok(NoContent)
}
