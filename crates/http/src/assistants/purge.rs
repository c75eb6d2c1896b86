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

/// What a purge removed.
#[derive(Serialize, ToSchema)]
pub(crate) struct PurgedAnswers {
    /// How many answers were kept by the instance that was asked; no instance serves them again.
    deleted_count: u64,
}

/// Forget the answers that an assistant has given.
#[utoipa::path(
    delete,
    path = "/assistants/{assistant_id}/cache",
    tag = "assistants",
    security(("bearer" = [])),
    params(("assistant_id" = String, Path, description = "Id or slug")),
    responses(
        (status = 200, description = "They are forgotten", body = PurgedAnswers),
        (status = 403, description = "The caller is no administrator"),
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
