//! `DELETE /assistants/{id}/cache`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::assistants::Assistants;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;
use serde::Serialize;
use utoipa::ToSchema;

use crate::assistants::AssistantPath;

/// Result of a purge.
#[derive(Serialize, ToSchema)]
pub(crate) struct PurgedAnswers {
    /// Number of answers removed from this instance. Other instances' entries are invalid as well.
    deleted_count: u64,
}

/// Purge an assistant's cached answers.
#[utoipa::path(
    delete,
    path = "/assistants/{assistant_id}/cache",
    tag = "assistants",
    security(("bearer" = [])),
    params(("assistant_id" = String, Path, description = "ID or slug")),
    responses(
        (status = 200, description = "The cache was purged", body = PurgedAnswers),
        (status = 403, description = "The caller is not an administrator"),
    ),
)]
pub(crate) async fn purge_answers(
    caller: SignedIn,
    State(assistants): State<Arc<Assistants>>,
    AssistantPath(reference): AssistantPath,
) -> Result<Json<PurgedAnswers>, Problem> {
    let deleted_count = assistants.purge_answers(&caller.actor, &reference).await?;
    Ok(Json(PurgedAnswers { deleted_count }))
}
