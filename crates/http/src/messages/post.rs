//! `POST /threads/{id}/messages`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::messages::{Messages, PostMessage};
use colloquy_domain::{MessageContent, ThreadId};
use colloquy_web::concurrency_limit::Permit;
use colloquy_web::idempotency::{KeyHeader, mark_replayed};
use colloquy_web::input::{Body, Fields, Input, JsonBody, Kind as _, text};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::run_streams::RunStreams;
use colloquy_web::schema;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};

use super::bypass::CacheBypass;
use crate::assistants::assistant;
use crate::runs::{Accepted, AnswerForm, Answered, RunEventFrame, read_settings, respond};

/// Read-only fields, accepted and ignored.
const READ_ONLY: [&str; 8] = [
    "id",
    "thread_id",
    "type",
    "status",
    "reasoning",
    "tool_call",
    "run_id",
    "created_at",
];

/// The body of [`PostMessage`].
pub(crate) struct CreateMessageFields;

type CreateMessage = JsonBody<CreateMessageFields>;

impl Input for CreateMessageFields {
    type Value = PostMessage;

    fn read(fields: &mut Fields<'_>) -> Option<PostMessage> {
        fields.ignore(&READ_ONLY);
        let assistant = assistant().describe(
            "Who answers, by id or slug; unless given, the assistant that the thread was opened for.",
        );
        let assistant = fields.optional("assistant_id", assistant);
        let content = text(MessageContent::parse, || {
            schema::text(MessageContent::MAX_CHARS)
        });
        let content = fields.required("content", content);
        let settings = read_settings(fields);
        Some(PostMessage {
            assistant,
            content: content?,
            settings,
            idempotency_key: None,
            bypasses_cache: false,
        })
    }
}

impl Body for CreateMessageFields {
    const NAME: &str = "CreateMessage";
    const DESCRIPTION: &str = "A new message.";

    fn example() -> Value {
        json!({"assistant_id": "demo", "content": "Is anybody there?"})
    }
}

/// Post a message to an assistant.
///
/// Message and run are stored first, and the run continues if the client disconnects. By default
/// the response waits for the answer, or until the run pauses because it needs something of the
/// client: its `required_action` says what. `Accept: text/event-stream` streams the run's events;
/// `Prefer: respond-async` returns the run at once. If an awaited run fails, the message stays
/// stored and the problem names the run.
#[utoipa::path(
    post,
    path = "/threads/{thread_id}/messages",
    tag = "messages",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path), AnswerForm, KeyHeader, CacheBypass),
    request_body = CreateMessage,
    responses(
        (status = 200, description = "The run's events, to its end or pause",
            content(("text/event-stream", item_schema = RunEventFrame)), headers(
            ("Idempotent-Replayed" = String, description = "`true` if the run was started by an earlier request"),
        )),
        (status = 201, description = "The answer, or the paused run", body = Answered, headers(
            ("Location" = String, description = "Path of the run"),
            ("Idempotent-Replayed" = String, description = "`true` if the run was started by an earlier request"),
        )),
        (status = 202, description = "The started run", body = Accepted, headers(
            ("Location" = String, description = "Path of the run"),
            ("Preference-Applied" = String, description = "Always `respond-async`"),
            ("Idempotent-Replayed" = String, description = "`true` if the run was started by an earlier request"),
        )),
        (status = 403, description = "The caller may see the thread but is not its owner"),
        (status = 409, description = "The thread has an active run, which the problem names, or this run was cancelled or expired"),
        (status = 422, description = "Fields are invalid, the idempotency key was used for another request, or the conversation is too long for the model"),
        (status = 429, description = "The caller has reached their limit of active runs"),
        (status = 502, description = "The model failed, is not configured, or did not match the output schema"),
        (status = 503, description = "The provider is busy, or the service is degraded, stopping or at its limit of runs"),
        (status = 504, description = "The model took too long"),
    ),
)]
pub(crate) async fn post_message(
    caller: SignedIn,
    State(messages): State<Arc<Messages>>,
    Ids(thread): Ids<ThreadId>,
    KeyHeader(idempotency_key): KeyHeader,
    (form, CacheBypass(bypasses_cache), permit): (AnswerForm, CacheBypass, Permit),
    streams: RunStreams,
    JsonBody(post): CreateMessage,
) -> Result<Response, Problem> {
    let post = PostMessage {
        idempotency_key,
        bypasses_cache,
        ..post
    };
    let started = messages.post(&caller.actor, thread, post).await?;
    permit.end();
    let is_replay = started.is_replay;
    let mut response = respond(started, form, streams).await;
    if is_replay {
        mark_replayed(&mut response);
    }
    Ok(response)
}
