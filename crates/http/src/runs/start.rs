//! `POST /threads/{id}/runs`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::messages::{Messages, StartRun};
use colloquy_application::runs::StartMessage;
use colloquy_domain::{MessageContent, MessageId, MessageKind, ThreadId, Violation};
use colloquy_web::concurrency_limit::Permit;
use colloquy_web::idempotency::{KeyHeader, mark_replayed};
use colloquy_web::input::{Body, Fields, Input, JsonBody, Kind, choice, list, object, text};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::run_streams::RunStreams;
use colloquy_web::schema;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};
use utoipa::openapi::{KnownFormat, SchemaFormat};

use super::event::RunEventFrame;
use super::form::AnswerForm;
use super::response::{Accepted, Answered, respond};
use super::settings::read_settings;
use crate::assistants::assistant;
use crate::messages::CacheBypass;

/// The body of [`StartRun`].
pub(crate) struct StartRunFields;

type StartRunBody = JsonBody<StartRunFields>;

impl Input for StartRunFields {
    type Value = StartRun;

    fn read(fields: &mut Fields<'_>) -> Option<StartRun> {
        let assistant = assistant().describe(
            "Who answers, by id or slug; unless given, the assistant that the thread was opened for.",
        );
        let assistant = fields.optional("assistant_id", assistant);
        let messages = list(StartRun::MAX_MESSAGES, object::<StartMessageFields>())
            .describe("Messages to append first.");
        let messages = fields.optional("messages", messages).unwrap_or_default();
        let truncate_after = fields.nullable("truncate_after", message_id()).flatten();
        let settings = read_settings(fields);
        Some(StartRun {
            assistant,
            messages,
            truncate_after,
            settings,
            idempotency_key: None,
            bypasses_cache: false,
        })
    }
}

fn message_id() -> impl Kind<Value = MessageId> {
    let parse = |id: String| {
        let invalid = |_| Violation::new("invalid_format", "must be the ID of a message");
        id.parse().map_err(invalid)
    };
    let format = SchemaFormat::KnownFormat(KnownFormat::Uuid);
    text(parse, move || schema::string().format(Some(format.clone()))).describe(
        "A message of the thread; those behind it are removed first. To ask anew, name the question; to edit it, the message before it.",
    )
}

impl Body for StartRunFields {
    const NAME: &str = "StartRun";
    const DESCRIPTION: &str = "What a run starts from.";

    fn example() -> Value {
        json!({
            "assistant_id": "demo",
            "messages": [{"type": "human", "content": "Is anybody there?"}],
            "settings": {"temperature": 0.2},
        })
    }
}

/// The members of a message that comes with a run.
struct StartMessageFields;

impl Input for StartMessageFields {
    type Value = StartMessage;

    fn read(fields: &mut Fields<'_>) -> Option<StartMessage> {
        let named = |name: &str| match name {
            "human" => Some(MessageKind::Human),
            "ai" => Some(MessageKind::Ai),
            _ => None,
        };
        let kind =
            choice(named, || vec!["human", "ai"]).describe("Who speaks; a person unless given.");
        let kind = fields.optional("type", kind).unwrap_or(MessageKind::Human);
        let content = text(MessageContent::parse, || {
            schema::text(MessageContent::MAX_CHARS)
        });
        let content = fields.required("content", content)?;
        Some(StartMessage { kind, content })
    }
}

/// Start a run from what is in the thread.
///
/// Removes the messages behind `truncate_after`, stores `messages` and starts the run, all or nothing.
/// Without `messages`, the assistant answers what is there. The forms of the answer are those of a
/// posted message.
#[utoipa::path(
    post,
    path = "/threads/{thread_id}/runs",
    tag = "runs",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path), AnswerForm, KeyHeader, CacheBypass),
    request_body = StartRunBody,
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
        (status = 403, description = "The caller may see the thread but is not its owner, or may not set a setting"),
        (status = 409, description = "The thread has an active run, or this run was cancelled"),
        (status = 422, description = "Fields are invalid, the idempotency key was used for another request, or the conversation is too long for the model"),
        (status = 429, description = "The caller has reached their limit of active runs"),
        (status = 502, description = "The model failed, is not configured, or did not match the output schema"),
        (status = 503, description = "The provider is busy, or the service is degraded, stopping or at its limit of runs"),
        (status = 504, description = "The model took too long"),
    ),
)]
pub(crate) async fn start_run(
    caller: SignedIn,
    State(messages): State<Arc<Messages>>,
    Ids(thread): Ids<ThreadId>,
    KeyHeader(idempotency_key): KeyHeader,
    (form, CacheBypass(bypasses_cache), permit): (AnswerForm, CacheBypass, Permit),
    streams: RunStreams,
    JsonBody(start): StartRunBody,
) -> Result<Response, Problem> {
    let start = StartRun {
        idempotency_key,
        bypasses_cache,
        ..start
    };
    let started = messages.start_run(&caller.actor, thread, start).await?;
    permit.end();
    let is_replay = started.is_replay;
    let mut response = respond(started, form, streams).await;
    if is_replay {
        mark_replayed(&mut response);
    }
    Ok(response)
}
