//! `POST /threads/{id}/runs/{id}/approvals`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::runs::{Runs, SubmittedApproval};
use colloquy_domain::{ApprovalReason, RunId, ThreadId};
use colloquy_web::concurrency_limit::Permit;
use colloquy_web::input::{Body, Fields, Input, JsonBody, Kind as _, boolean, list, object, text};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::run_streams::RunStreams;
use colloquy_web::schema;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};

use super::event::RunEventFrame;
use super::form::AnswerForm;
use super::outputs::{MAX_ITEMS, tool_call_id};
use super::response::{Accepted, Answered, respond};

/// The body of [`submit_approvals`].
pub(crate) struct SubmitApprovalsFields;

type SubmitApprovals = JsonBody<SubmitApprovalsFields>;

impl Input for SubmitApprovalsFields {
    type Value = Vec<SubmittedApproval>;

    fn read(fields: &mut Fields<'_>) -> Option<Self::Value> {
        let approvals = list(MAX_ITEMS, object::<ApprovalFields>())
            .describe("One for each call of the required action.");
        fields.required("approvals", approvals)
    }
}

impl Body for SubmitApprovalsFields {
    const NAME: &str = "SubmitApprovals";
    const DESCRIPTION: &str = "Whether the calls that a paused run waits for may be carried out.";

    fn example() -> Value {
        json!({"approvals": [{"tool_call_id": "call_0193", "approve": false, "reason": "Too late."}]})
    }
}

/// The members of an approval.
struct ApprovalFields;

impl Input for ApprovalFields {
    type Value = SubmittedApproval;

    fn read(fields: &mut Fields<'_>) -> Option<SubmittedApproval> {
        let tool_call_id = fields.required("tool_call_id", tool_call_id());
        let approve = boolean().describe("Whether the call may be carried out.");
        let approve = fields.required("approve", approve);
        let reason = text(ApprovalReason::parse, || {
            schema::text(ApprovalReason::MAX_CHARS)
        });
        let reason = reason.describe("Why the call is declined; the model reads it.");
        let reason = fields.nullable("reason", reason);
        Some(SubmittedApproval {
            tool_call_id: tool_call_id?,
            approve: approve?,
            reason: reason.flatten(),
        })
    }
}

/// Approve or decline tool calls.
///
/// Decides on all calls that a paused run waits for, and goes on with it: approved calls are carried
/// out, of declined ones the model is told so. The response takes the same forms as that to a posted
/// message.
#[utoipa::path(
    post,
    path = "/threads/{thread_id}/runs/{run_id}/approvals",
    tag = "runs",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path), ("run_id" = uuid::Uuid, Path), AnswerForm),
    request_body = SubmitApprovals,
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
        (status = 403, description = "The caller may see the run but did not ask, or may not run the assistant"),
        (status = 409, description = "The run does not wait for approvals, or was cancelled"),
        (status = 422, description = "Fields are invalid, a call is missing, unknown or repeated, or the conversation is too long for the model"),
        (status = 429, description = "The caller has reached their limit of active runs"),
        (status = 502, description = "The model failed, is not configured, or did not match the output schema"),
        (status = 503, description = "The provider is busy, or the service is degraded, stopping or at its limit of runs"),
        (status = 504, description = "The model took too long"),
    ),
)]
pub(crate) async fn submit_approvals(
    caller: SignedIn,
    State(runs): State<Arc<Runs>>,
    Ids((thread, run)): Ids<(ThreadId, RunId)>,
    (form, permit): (AnswerForm, Permit),
    streams: RunStreams,
    JsonBody(approvals): SubmitApprovals,
) -> Result<Response, Problem> {
    let resumed = runs.submit_approvals(&caller.actor, thread, run, approvals);
    let resumed = resumed.await?;
    permit.end();
    Ok(respond(resumed, form, streams).await)
}
