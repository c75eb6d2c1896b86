use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::threads::{NewThread, Threads};
use colloquy_domain::ThreadName;
use colloquy_web::created::created;
use colloquy_web::input::{Body, Fields, Input, JsonBody, text};
use colloquy_web::problem::Problem;
use colloquy_web::schema::{self, BodySchema};
use colloquy_web::sign_in::SignedIn;
use serde_json::json;

use super::view::ThreadView;
use super::{READ_ONLY, assistant_reference};
use crate::BASE;

/// The body that is read into [`NewThread`].
pub(crate) struct CreateThreadFields;

type CreateThread = JsonBody<CreateThreadFields>;

impl Input for CreateThreadFields {
    type Value = NewThread;

    fn read(fields: &mut Fields<'_>) -> Option<NewThread> {
        fields.ignore(&READ_ONLY);
        Some(NewThread {
            name: fields.optional("name", text(ThreadName::parse)),
            assistant: fields
                .nullable("assistant_id", text(|text| assistant_reference(&text)))
                .flatten(),
        })
    }
}

impl Body for CreateThreadFields {
    const NAME: &str = "CreateThread";

    fn schema() -> BodySchema {
        let name = schema::text(ThreadName::MAX_CHARS).description(Some(
            "Unless given, the first words of the first message, at most 60 characters; \
                 until then the time as `YYYY-MM-DD HH:MM` (UTC).",
        ));
        let assistant = schema::nullable(schema::assistant_reference());
        BodySchema::new("What a new thread is made from.")
            .optional("name", name)
            .optional(
                "assistant_id",
                assistant.description(Some("The assistant it is opened for, by id or slug.")),
            )
            .example(json!({"name": "First steps", "assistant_id": "demo"}))
    }
}

/// Open a thread of the caller's own.
#[utoipa::path(
    post,
    path = "/threads",
    tag = "threads",
    security(("bearer" = [])),
    request_body = CreateThread,
    responses(
        (status = 201, description = "The thread", body = ThreadView, headers(
            ("Location" = String, description = "Where the thread is"),
        )),
        (status = 404, description = "There is no such assistant, or the caller may not see it"),
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
