//! A run in responses.

use colloquy_domain::{
    CacheHit, CachedRun, FinishReason, OpenCall, RequiredAction, Run, RunAction, RunError,
    RunErrorCode, RunStatus, Usage,
};
use colloquy_web::schema;
use colloquy_web::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::ObjectBuilder;
use uuid::Uuid;

use super::settings_view::RunSettingsView;

/// A run: the processing of one message.
#[derive(Serialize, ToSchema)]
#[schema(as = Run)]
pub(crate) struct RunView {
    /// ID.
    id: Uuid,
    /// Its thread.
    thread_id: Uuid,
    /// The assistant.
    assistant_id: Uuid,
    /// The revision of the assistant that the run began with; null for runs of older releases.
    #[schema(required = true)]
    assistant_revision: Option<u32>,
    /// What the request asked of the run; absent if nothing, and in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RunSettingsView, required = false)]
    settings: Option<RunSettingsView>,
    #[schema(schema_with = statuses)]
    status: &'static str,
    #[schema(schema_with = finish_reasons, required = true)]
    finish_reason: Option<&'static str>,
    /// Set on failed runs.
    #[schema(required = true)]
    error: Option<RunErrorView>,
    /// Token usage, if the provider reports it.
    #[schema(required = true)]
    usage: Option<UsageView>,
    /// Set if the answer came from the cache.
    #[schema(required = true)]
    cache: Option<CachedRunView>,
    /// What a paused run waits for; `null` unless `status` is `requires_action`.
    #[schema(required = true)]
    required_action: Option<RequiredActionView>,
    /// Time when the message was stored.
    created_at: Timestamp,
    /// End time; set on ended runs.
    #[schema(required = true)]
    finished_at: Option<Timestamp>,
}

/// What a paused run waits for.
#[derive(Serialize, ToSchema)]
#[schema(as = RequiredAction)]
pub(super) struct RequiredActionView {
    #[schema(schema_with = actions)]
    r#type: &'static str,
    /// The calls, in the model's order.
    calls: Vec<OpenCallView>,
    /// When the run expires unless somebody acts.
    #[schema(required = true)]
    expires_at: Option<Timestamp>,
}

/// A call that a paused run waits for.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenCall)]
struct OpenCallView {
    /// ID of the call.
    tool_call_id: String,
    /// The function or tool.
    name: String,
    /// Arguments as the model wrote them; normally JSON.
    arguments: String,
}

/// Why a run failed.
#[derive(Serialize, ToSchema)]
#[schema(as = RunError)]
pub(super) struct RunErrorView {
    #[schema(schema_with = error_codes)]
    code: &'static str,
    /// Description.
    message: String,
}

/// Token usage as reported by the provider.
#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
pub(super) struct UsageView {
    /// Input tokens.
    input_tokens: u64,
    /// Output tokens.
    output_tokens: u64,
}

/// A hit in the answer cache.
#[derive(Serialize, ToSchema)]
#[schema(as = CachedRun)]
struct CachedRunView {
    #[schema(schema_with = hits)]
    hit: &'static str,
    /// Similarity of the questions, from 0 to 1.
    similarity: f64,
    /// Age of the answer in seconds.
    age_seconds: u64,
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        let required_action = RequiredActionView::of(&run);
        Self {
            required_action,
            id: run.id.as_uuid(),
            thread_id: run.thread_id.as_uuid(),
            assistant_id: run.assistant_id.as_uuid(),
            assistant_revision: run.assistant_revision,
            settings: run.settings.map(|it| RunSettingsView::from(*it)),
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

impl RequiredActionView {
    /// What the run waits for, if it is paused.
    pub(super) fn of(run: &Run) -> Option<Self> {
        let RequiredAction { kind, calls } = run.required_action.as_deref()?;
        Some(Self {
            r#type: kind.as_str(),
            calls: calls.iter().map(OpenCallView::from).collect(),
            expires_at: run.expires_at.map(Timestamp::from),
        })
    }
}

impl From<&OpenCall> for OpenCallView {
    fn from(call: &OpenCall) -> Self {
        Self {
            tool_call_id: call.tool_call_id.clone(),
            name: call.name.clone(),
            arguments: call.arguments.clone(),
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
        "Identical (`exact`) or equivalent (`semantic`) question.",
    ))
}

fn statuses() -> ObjectBuilder {
    schema::one_of(RunStatus::ALL.iter().map(|status| status.as_str())).description(Some(
        "Status. A run that `requires_action` is paused; one that nobody acted for in time is `expired`.",
    ))
}

fn actions() -> ObjectBuilder {
    schema::one_of(RunAction::ALL.iter().map(|action| action.as_str())).description(Some(
        "What has to be done: submit the calls' outputs, or approve or decline the calls.",
    ))
}

fn finish_reasons() -> Schema {
    let reasons = FinishReason::ALL.iter().map(|reason| reason.as_str());
    let reasons =
        schema::one_of(reasons).description(Some("Why the model stopped. Set on completed runs."));
    schema::nullable(reasons.build().into())
}

fn error_codes() -> ObjectBuilder {
    schema::one_of(RunErrorCode::ALL.iter().map(|code| code.as_str()))
        .description(Some("Stable code."))
}
