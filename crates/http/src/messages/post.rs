//! `POST /threads/{id}/messages`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use colloquy_application::messages::{Messages, PostMessage};
use colloquy_application::runs::{RunOutcome, StartedRun};
use colloquy_domain::{MessageContent, Run, ThreadId};
use colloquy_web::concurrency_limit::Permit;
use colloquy_web::created::created;
use colloquy_web::headers::PREFERENCE_APPLIED;
use colloquy_web::idempotency::{KeyHeader, mark_replayed};
use colloquy_web::input::{Body, Fields, Input, JsonBody, Kind as _, text};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::run_streams::RunStreams;
use colloquy_web::schema;
use colloquy_web::sign_in::SignedIn;
use serde::Serialize;
use serde_json::{Value, json};

use super::bypass::CacheBypass;
use super::form::{AnswerForm, RESPOND_ASYNC};
use super::view::MessageView;
use crate::BASE;
use crate::assistants::assistant;
use crate::runs::{OutputView, RunEventFrame, RunView, frame};

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
        Some(PostMessage {
            assistant,
            content: content?,
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

/// An answered message.
#[derive(Serialize, utoipa::ToSchema)]
struct Answered {
    /// The answer; `null` if it was deleted since.
    #[schema(required = true)]
    output: Option<OutputView>,
    /// The run.
    run: RunView,
    /// Messages of the run, starting with the posted one.
    messages: Vec<MessageView>,
}

impl From<RunOutcome> for Answered {
    fn from(outcome: RunOutcome) -> Self {
        Self {
            output: outcome
                .output()
                .map(|text| OutputView::new(text.to_owned(), outcome.run.output_format)),
            run: outcome.run.into(),
            messages: outcome
                .messages
                .into_iter()
                .map(MessageView::from)
                .collect(),
        }
    }
}

/// An accepted message.
#[derive(Serialize, utoipa::ToSchema)]
struct Accepted {
    /// The run that answers it.
    run: RunView,
}

/// Post a message to an assistant.
///
/// Message and run are stored first, and the run continues if the client disconnects. By default
/// the response waits for the answer. `Accept: text/event-stream` streams the run's events;
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
        (status = 200, description = "The run's events, from the first to the last",
            content(("text/event-stream", item_schema = RunEventFrame)), headers(
            ("Idempotent-Replayed" = String, description = "`true` if the run was started by an earlier request"),
        )),
        (status = 201, description = "The answer", body = Answered, headers(
            ("Location" = String, description = "Path of the run"),
            ("Idempotent-Replayed" = String, description = "`true` if the run was started by an earlier request"),
        )),
        (status = 202, description = "The started run", body = Accepted, headers(
            ("Location" = String, description = "Path of the run"),
            ("Preference-Applied" = String, description = "Always `respond-async`"),
            ("Idempotent-Replayed" = String, description = "`true` if the run was started by an earlier request"),
        )),
        (status = 403, description = "The caller may see the thread but is not its owner"),
        (status = 409, description = "The thread has an active run, or this run was cancelled"),
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
    let mut response = match form {
        AnswerForm::Events => streams.response(thread, started.follow(0), frame),
        AnswerForm::Later => accepted(started.run),
        AnswerForm::Whole => answered(started).await.into_response(),
    };
    if is_replay {
        mark_replayed(&mut response);
    }
    Ok(response)
}

async fn answered(started: StartedRun) -> Result<Response, Problem> {
    let run = started.run.clone();
    let outcome = started
        .wait()
        .await
        .map_err(|error| Problem::from(error).with_run(&run))?;
    Ok(created(location(&run), Answered::from(outcome)))
}

fn accepted(run: Run) -> Response {
    let headers = [
        (LOCATION, location(&run)),
        (PREFERENCE_APPLIED, RESPOND_ASYNC.to_owned()),
    ];
    let run = run.into();
    (StatusCode::ACCEPTED, headers, Json(Accepted { run })).into_response()
}

fn location(run: &Run) -> String {
    format!("{BASE}/threads/{}/runs/{}", run.thread_id, run.id)
}
