//! `POST /threads`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::threads::{NewThread, Threads};
use colloquy_web::created::created;
use colloquy_web::input::{Body, Fields, Input, JsonBody, Kind as _};
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};

use super::view::ThreadView;
use super::{READ_ONLY, name};
use crate::BASE;
use crate::assistants::assistant;

/// The body of [`NewThread`].
pub(crate) struct CreateThreadFields;

type CreateThread = JsonBody<CreateThreadFields>;

impl Input for CreateThreadFields {
    type Value = NewThread;

    fn read(fields: &mut Fields<'_>) -> Option<NewThread> {
        fields.ignore(&READ_ONLY);
        let name = name().describe(
            "Unless given, the first words of the first message, at most 60 characters; until \
             then the time as `YYYY-MM-DD HH:MM` (UTC).",
        );
        let assistant = assistant().describe("The default assistant, by ID or slug.");
        Some(NewThread {
            name: fields.optional("name", name),
            assistant: fields.nullable("assistant_id", assistant).flatten(),
        })
    }
}

impl Body for CreateThreadFields {
    const NAME: &str = "CreateThread";
    const DESCRIPTION: &str = "A new thread.";

    fn example() -> Value {
        json!({"name": "First steps", "assistant_id": "demo"})
    }
}

/// Create a thread owned by the caller.
#[utoipa::path(
    post,
    path = "/threads",
    tag = "threads",
    security(("bearer" = [])),
    request_body = CreateThread,
    responses(
        (status = 201, description = "The thread", body = ThreadView, headers(
            ("Location" = String, description = "Path of the thread"),
        )),
        (status = 404, description = "The assistant is absent, or hidden from the caller"),
    ),
)]
pub(crate) async fn create_thread(
    caller: SignedIn,
    State(threads): State<Arc<Threads>>,
    JsonBody(new): CreateThread,
) -> Result<Response, Problem> {
    let thread = threads.create(&caller.actor, new).await?;
    let location = format!("{BASE}/threads/{}", thread.id);
    Ok(created(location, ThreadView::from(thread)))
}
