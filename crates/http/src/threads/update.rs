//! `PATCH /threads/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::threads::{ThreadUpdate, Threads};
use colloquy_domain::ThreadId;
use colloquy_web::input::{Body, Fields, Input, JsonBody, Kind as _};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};

use super::view::ThreadView;
use super::{READ_ONLY, name};
use crate::assistants::assistant;

/// The body of [`ThreadUpdate`].
pub(crate) struct UpdateThreadFields;

type UpdateThread = JsonBody<UpdateThreadFields>;

impl Input for UpdateThreadFields {
    type Value = ThreadUpdate;

    fn read(fields: &mut Fields<'_>) -> Option<ThreadUpdate> {
        fields.ignore(&READ_ONLY);
        let assistant = assistant().describe("Default assistant, by ID or slug; `null` for none.");
        Some(ThreadUpdate {
            name: fields.optional("name", name()),
            assistant: fields.nullable("assistant_id", assistant),
        })
    }
}

impl Body for UpdateThreadFields {
    const NAME: &str = "UpdateThread";
    const DESCRIPTION: &str = "Changes to a thread. Omitted fields are unchanged.";

    fn example() -> Value {
        json!({"name": "Second steps"})
    }
}

/// Update a thread.
#[utoipa::path(
    patch,
    path = "/threads/{thread_id}",
    tag = "threads",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path)),
    request_body = UpdateThread,
    responses(
        (status = 200, description = "The updated thread", body = ThreadView),
        (status = 403, description = "The caller may see the thread but is not its owner"),
    ),
)]
pub(crate) async fn update_thread(
    caller: SignedIn,
    State(threads): State<Arc<Threads>>,
    Ids(id): Ids<ThreadId>,
    JsonBody(update): UpdateThread,
) -> Result<Json<ThreadView>, Problem> {
    let thread = threads.update(&caller.actor, id, update).await?;
    Ok(Json(ThreadView::from(thread)))
}
