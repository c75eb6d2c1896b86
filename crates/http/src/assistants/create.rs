//! `POST /assistants`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::assistants::{Assistants, NewAssistant};
use colloquy_web::created::created;
use colloquy_web::input::{Body, Fields, Input, JsonBody};
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};

use super::fields::{self, AssistantView};
use crate::BASE;

/// The body of [`NewAssistant`].
pub(crate) struct CreateAssistantFields;

type CreateAssistant = JsonBody<CreateAssistantFields>;

impl Input for CreateAssistantFields {
    type Value = NewAssistant;

    fn read(fields: &mut Fields<'_>) -> Option<NewAssistant> {
        let name = fields.required("name", fields::name());
        let changes = fields::read(fields);
        Some(NewAssistant::from_changes(name?, changes))
    }
}

impl Body for CreateAssistantFields {
    const NAME: &str = "CreateAssistant";
    const DESCRIPTION: &str = "A new assistant.";

    fn example() -> Value {
        json!({
            "name": "Guide",
            "slug": "guide",
            "description": "Answers questions about the house.",
            "model": "echo::echo",
            "instructions": "Answer in one or two sentences.",
        })
    }
}

/// Create an assistant.
#[utoipa::path(
    post,
    path = "/assistants",
    tag = "assistants",
    security(("bearer" = [])),
    request_body = CreateAssistant,
    responses(
        (status = 201, description = "The assistant", body = AssistantView, headers(
            ("Location" = String, description = "Path of the assistant"),
        )),
        (status = 403, description = "The caller is not an administrator"),
        (status = 409, description = "Another assistant has the slug"),
    ),
)]
pub(crate) async fn create_assistant(
    caller: SignedIn,
    State(assistants): State<Arc<Assistants>>,
    JsonBody(new): CreateAssistant,
) -> Result<Response, Problem> {
    let assistant = assistants.create(&caller.actor, new).await?;
    let location = format!("{BASE}/assistants/{}", assistant.id);
    Ok(created(location, AssistantView::whole(&assistant, false)))
}
