//! `GET /assistants/{id}`.

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

/// Get an assistant. Guests must sign in for private ones.
#[utoipa::path(
    get,
    path = "/assistants/{assistant_id}",
    tag = "assistants",
    security((), ("bearer" = [])),
    params(
        ("assistant_id" = String, Path, description = "ID or slug"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of the cached copy"),
    ),
    responses(
        (status = 200, description = "The assistant", body = AssistantView, headers(
            ("ETag" = String, description = "The assistant's revision"),
        )),
        (status = 304, description = "Not modified", headers(
            ("ETag" = String, description = "The assistant's revision"),
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
