use colloquy_domain::{FinishReason, Run, RunError, RunErrorCode, RunStatus, Usage};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;
use uuid::Uuid;

use crate::schema;
use crate::timestamp::Timestamp;

/// One answering of a message.
#[derive(Serialize, ToSchema)]
#[schema(as = Run)]
pub(crate) struct RunView {
    /// The run's id.
    id: Uuid,
    /// The thread it answers in.
    thread_id: Uuid,
    /// The assistant that answers.
    assistant_id: Uuid,
    #[schema(schema_with = statuses)]
    status: &'static str,
    #[schema(schema_with = finish_reasons, required = true)]
    finish_reason: Option<&'static str>,
    /// Why it failed; set on failed runs.
    #[schema(required = true)]
    error: Option<RunErrorView>,
    /// What the model counted, where it did.
    #[schema(required = true)]
    usage: Option<UsageView>,
    /// When the message was saved.
    created_at: Timestamp,
    /// When it ended; set once it has.
    #[schema(required = true)]
    finished_at: Option<Timestamp>,
}

/// Why a run failed.
#[derive(Serialize, ToSchema)]
#[schema(as = RunError)]
pub(super) struct RunErrorView {
    #[schema(schema_with = error_codes)]
    code: &'static str,
    /// For people.
    message: String,
}

/// What a model's provider counted, in its own tokens.
#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
struct UsageView {
    /// Tokens of instructions and history.
    input_tokens: u64,
    /// Tokens of the answer.
    output_tokens: u64,
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        Self {
            id: run.id.as_uuid(),
            thread_id: run.thread_id.as_uuid(),
            assistant_id: run.assistant_id.as_uuid(),
            status: run.status.as_str(),
            finish_reason: run.finish_reason.map(FinishReason::as_str),
            error: run.error.map(RunErrorView::from),
            usage: run.usage.map(UsageView::from),
            created_at: run.created_at.into(),
            finished_at: run.finished_at.map(Timestamp::from),
        }
    }
}

impl From<RunError> for RunErrorView {
    fn from(error: RunError) -> Self {
        Self {
            code: error.code.as_str(),
            message: error.message,
        }
    }
}

impl From<Usage> for UsageView {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
        }
    }
}

fn statuses() -> ObjectBuilder {
    schema::one_of(RunStatus::ALL.iter().map(|status| status.as_str()))
        .description(Some("How far it has come."))
}

fn finish_reasons() -> ObjectBuilder {
    let reasons = FinishReason::ALL.iter().map(|reason| reason.as_str());
    schema::nullable(schema::one_of(reasons))
        .description(Some("Why the model stopped; set on completed runs."))
}

fn error_codes() -> ObjectBuilder {
    schema::one_of(RunErrorCode::ALL.iter().map(|code| code.as_str()))
        .description(Some("For programs."))
}
