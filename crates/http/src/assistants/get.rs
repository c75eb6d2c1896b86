use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use colloquy_application::assistants::Assistants;
use colloquy_web::etag::IfNoneMatch;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::CurrentActor;

use super::fields::AssistantView;
use super::revision;
use super::view::{json, validity};
use crate::assistants::AssistantPath;
use crate::json_cache::AssistantJsonCache;

/// One assistant. A private one asks a guest to sign in.
#[utoipa::path(
    get,
    path = "/assistants/{assistant_id}",
    tag = "assistants",
    security((), ("bearer" = [])),
    params(
        ("assistant_id" = String, Path, description = "Id or slug"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what is at hand"),
    ),
    responses(
        (status = 200, description = "The assistant", body = AssistantView, headers(
            ("ETag" = String, description = "Names the assistant's revision"),
        )),
        (status = 304, description = "The caller has the assistant as it is", headers(
            ("ETag" = String, description = "Names the assistant's revision"),
        )),
    ),
)]
pub(crate) async fn get_assistant(
    CurrentActor(actor): CurrentActor,
    State(assistants): State<Arc<Assistants>>,
    State(json_cache): State<Arc<AssistantJsonCache>>,
    AssistantPath(reference): AssistantPath,
    at_hand: IfNoneMatch,
) -> Result<Response, Problem> {
    let shown = assistants.get(&actor, &reference).await?;
    let tag = revision::tag(shown.assistant.revision, shown.can_manage);
    if at_hand.names(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, validity(tag), ()).into_response());
    }
    let body = json_cache.assistant(&shown).map_err(Problem::internal)?;
    Ok((validity(tag), json(body)).into_response())
}
