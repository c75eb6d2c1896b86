//! `POST /threads/{id}/runs/{id}/outputs`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::runs::{Runs, SubmittedOutput};
use colloquy_domain::{RunId, ThreadId, ToolOutput, Violation};
use colloquy_web::concurrency_limit::Permit;
use colloquy_web::input::{Body, Fields, Input, JsonBody, Kind, boolean, list, object, text};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::run_streams::RunStreams;
use colloquy_web::schema;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};

use super::event::RunEventFrame;
use super::form::AnswerForm;
use super::response::{Accepted, Answered, respond};

/// Maximum number of items in a submission.
pub(super) const MAX_ITEMS: usize = 1_000;
/// Maximum length of a call's ID in characters.
const MAX_ID_CHARS: usize = 128;

/// The body of [`submit_outputs`].
pub(crate) struct SubmitOutputsFields;

type SubmitOutputs = JsonBody<SubmitOutputsFields>;

impl Input for SubmitOutputsFields {
    type Value = Vec<SubmittedOutput>;

    fn read(fields: &mut Fields<'_>) -> Option<Self::Value> {
        let outputs = list(MAX_ITEMS, object::<OutputFields>())
            .describe("One for each call of the required action; 256 KiB of content in all.");
        fields.required("outputs", outputs)
    }
}

impl Body for SubmitOutputsFields {
    const NAME: &str = "SubmitOutputs";
    const DESCRIPTION: &str = "The results of the calls that a paused run waits for.";

    fn example() -> Value {
        json!({"outputs": [{"tool_call_id": "call_0193", "content": "21 °C"}]})
    }
}

/// The members of an output.
struct OutputFields;

impl Input for OutputFields {
    type Value = SubmittedOutput;

    fn read(fields: &mut Fields<'_>) -> Option<SubmittedOutput> {
        let tool_call_id = fields.required("tool_call_id", tool_call_id());
        let content = text(ToolOutput::parse, || {
            schema::free_text(ToolOutput::MAX_CHARS)
        });
        let content = content.describe("What the function returned; the model reads it.");
        let content = fields.required("content", content);
        let is_error = boolean().describe("Whether the call failed.");
        let is_error = fields.optional("is_error", is_error.default_is(false));
        Some(SubmittedOutput {
            tool_call_id: tool_call_id?,
            content: content?,
            is_error: is_error.unwrap_or_default(),
        })
    }
}

/// The ID of a call.
pub(super) fn tool_call_id() -> impl Kind<Value = String> {
    let id = text(checked_id, || {
        schema::string().max_length(Some(MAX_ID_CHARS))
    });
    id.describe("The call, as the required action names it.")
}

/// The service gives and accepts no longer ones.
fn checked_id(id: String) -> Result<String, Violation> {
    match id.chars().count() > MAX_ID_CHARS {
        true => Err(Violation::new(
            "too_long",
            "must have at most 128 characters",
        )),
        false => Ok(id),
    }
}

/// Submit tool outputs.
///
/// Gives a paused run the results of all calls that it waits for, and goes on with it. The response
/// takes the same forms as that to a posted message; a stream begins with the submitted results.
#[utoipa::path(
    post,
    path = "/threads/{thread_id}/runs/{run_id}/outputs",
    tag = "runs",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path), ("run_id" = uuid::Uuid, Path), AnswerForm),
    request_body = SubmitOutputs,
    responses(
        (status = 200, description = "The run's events from here to its end or next pause",
            content(("text/event-stream", item_schema = RunEventFrame))),
        (status = 201, description = "The run, ended or paused again", body = Answered, headers(
            ("Location" = String, description = "Path of the run"),
        )),
        (status = 202, description = "The run in progress", body = Accepted, headers(
            ("Location" = String, description = "Path of the run"),
            ("Preference-Applied" = String, description = "Always `respond-async`"),
        )),
        (status = 403, description = "The caller may see the thread but is not its owner, or may not run the assistant"),
        (status = 409, description = "The run does not wait for outputs, or was cancelled"),
        (status = 422, description = "Fields are invalid, a call is missing, unknown or repeated, or the conversation is too long for the model"),
        (status = 429, description = "The caller has reached their limit of active runs"),
        (status = 502, description = "The model failed, is not configured, or did not match the output schema"),
        (status = 503, description = "The provider is busy, or the service is degraded, stopping or at its limit of runs"),
        (status = 504, description = "The model took too long"),
    ),
)]
pub(crate) async fn submit_outputs(
    caller: SignedIn,
    State(runs): State<Arc<Runs>>,
    Ids((thread, run)): Ids<(ThreadId, RunId)>,
    (form, permit): (AnswerForm, Permit),
    streams: RunStreams,
    JsonBody(outputs): SubmitOutputs,
) -> Result<Response, Problem> {
    let resumed = runs.submit_outputs(&caller.actor, thread, run, outputs);
    let resumed = resumed.await?;
    permit.end();
    Ok(respond(resumed, form, streams).await)
}
