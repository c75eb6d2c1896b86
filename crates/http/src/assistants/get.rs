use axum::Json;
use axum::extract::State;
use colloquy_application::assistants::Assistants;

use super::view::AssistantView;
use crate::auth::CurrentActor;
use crate::path::AssistantPath;
use crate::problem::Problem;

/// One assistant. A private one asks a guest to sign in.
#[utoipa::path(
    get,
    path = "/assistants/{assistant_id}",
    tag = "assistants",
    security((), ("bearer" = [])),
    params(("assistant_id" = String, Path, description = "Id or slug")),
    responses((status = 200, description = "The assistant", body = AssistantView)),
)]
pub(crate) async fn get_assistant(
    CurrentActor(actor): CurrentActor,
    State(assistants): State<Assistants>,
    AssistantPath(reference): AssistantPath,
) -> Result<Json<AssistantView>, Problem> {
    let assistant = assistants.get(&actor, &reference).await?;
    Ok(Json(AssistantView::from(assistant)))
}
