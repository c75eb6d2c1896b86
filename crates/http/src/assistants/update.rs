//! `PATCH` and `PUT /assistants/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::assistants::{AssistantChanges, Assistants};
use colloquy_web::input::{Body, Fields, Input, JsonBody};
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};

use super::fields::{self, AssistantView};
use super::revision::IfMatch;
use super::view::tagged;
use crate::assistants::AssistantPath;

/// The body of [`AssistantChanges`].
pub(crate) struct UpdateAssistantFields;

type UpdateAssistant = JsonBody<UpdateAssistantFields>;

impl Input for UpdateAssistantFields {
    type Value = AssistantChanges;

    fn read(fields: &mut Fields<'_>) -> Option<AssistantChanges> {
        Some(AssistantChanges {
            name: fields.optional("name", fields::name()),
            ..fields::read(fields)
        })
    }
}

impl Body for UpdateAssistantFields {
    const NAME: &str = "UpdateAssistant";
    const DESCRIPTION: &str =
        "Changes to an assistant. Omitted fields are unchanged, also with `PUT`.";

    fn example() -> Value {
        json!({
            "instructions": "Answer in one sentence.",
            "configuration": {"temperature": 0.2},
        })
    }
}

/// Update an assistant.
#[utoipa::path(
    method(put, patch),
    path = "/assistants/{assistant_id}",
    tag = "assistants",
    security(("bearer" = [])),
    params(("assistant_id" = String, Path, description = "ID or slug"), IfMatch),
    request_body = UpdateAssistant,
    responses(
        (status = 200, description = "The updated assistant", body = AssistantView, headers(
            ("ETag" = String, description = "The assistant's revision"),
        )),
        (status = 403, description = "The caller is not an administrator"),
        (
            status = 409,
            description = "Another assistant has the slug, or the assistant is defined in code",
        ),
        (status = 412, description = "The assistant's revision differs from `If-Match`"),
    ),
)]
pub(crate) async fn update_assistant(
    caller: SignedIn,
    State(assistants): State<Arc<Assistants>>,
    AssistantPath(reference): AssistantPath,
    IfMatch(expected): IfMatch,
    JsonBody(changes): UpdateAssistant,
) -> Result<Response, Problem> {
    let assistant = assistants
        .update(&caller.actor, &reference, changes, &expected)
        .await?;
    Ok(tagged(&assistants, &assistant))
}
