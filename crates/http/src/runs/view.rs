use colloquy_domain::{
    CacheHit, CachedRun, FinishReason, Run, RunError, RunErrorCode, RunStatus, Usage,
};
use colloquy_web::schema;
use colloquy_web::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::ObjectBuilder;
use uuid::Uuid;

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
    /// Set when the answer was given before.
    #[schema(required = true)]
    cache: Option<CachedRunView>,
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

/// How an answer was found that was given before.
#[derive(Serialize, ToSchema)]
#[schema(as = CachedRun)]
struct CachedRunView {
    #[schema(schema_with = hits)]
    hit: &'static str,
    /// How similar the two questions are, from 0 to 1.
    similarity: f64,
    /// How old the answer was.
    age_seconds: u64,
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
            cache: run.cache.map(CachedRunView::from),
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

impl From<CachedRun> for CachedRunView {
    fn from(cache: CachedRun) -> Self {
        Self {
            hit: cache.hit.as_str(),
            similarity: cache.similarity.get(),
            age_seconds: cache.age_seconds,
        }
    }
}

fn hits() -> ObjectBuilder {
    schema::one_of(CacheHit::ALL.iter().map(|hit| hit.as_str())).description(Some(
        "Whether the very question was asked before, or one that means the same.",
    ))
}

fn statuses() -> ObjectBuilder {
    schema::one_of(RunStatus::ALL.iter().map(|status| status.as_str()))
        .description(Some("How far it has come."))
}

fn finish_reasons() -> Schema {
    let reasons = FinishReason::ALL.iter().map(|reason| reason.as_str());
    let reasons =
        schema::one_of(reasons).description(Some("Why the model stopped; set on completed runs."));
    schema::nullable(reasons.build().into())
}

fn error_codes() -> ObjectBuilder {
    schema::one_of(RunErrorCode::ALL.iter().map(|code| code.as_str()))
        .description(Some("For programs."))
}
