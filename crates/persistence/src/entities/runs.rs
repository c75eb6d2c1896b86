//! Rows of `runs`.

use colloquy_application::ports::{Idempotency, InstanceId, Lease, PortError, RunCommit};
use colloquy_domain::{
    AssistantId, CacheHit, CachedRun, FinishReason, Instructions, OutputFormat, RequiredAction,
    Run, RunError, RunErrorCode, RunId, RunStatus, Similarity, ThreadId, Usage, UserId,
};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{Iterable as _, QuerySelect as _, Select, Set};

use super::{required_action, run_settings};
use crate::error::Row;
use crate::presence;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "runs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub thread_id: Uuid,
    pub assistant_id: Uuid,
    pub assistant_revision: Option<i64>,
    pub user_id: Option<Uuid>,
    pub status: String,
    pub finish_reason: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub cache_hit: Option<String>,
    pub cache_similarity: Option<i64>,
    pub cache_age_seconds: Option<i64>,
    pub lease_holder: Option<Uuid>,
    pub lease_expires_at: Option<DateTimeUtc>,
    pub idempotency_key: Option<String>,
    pub idempotency_fingerprint: Option<Vec<u8>>,
    pub created_at: DateTimeUtc,
    pub finished_at: Option<DateTimeUtc>,
    pub output_format: String,
    pub expires_at: Option<DateTimeUtc>,
    pub instructions: Option<String>,
    pub required_action: Option<String>,
    pub settings: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

/// Runs as read, without their long instructions: those of existing threads; a deleted user is
/// null.
pub(crate) fn find() -> Select<Entity> {
    find_without([Column::Instructions])
}

/// The runs as lists show them: without their settings, too.
pub(crate) fn find_listed() -> Select<Entity> {
    find_without([Column::Instructions, Column::Settings])
}

/// Runs as read, with instructions.
pub(crate) fn find_whole() -> Select<Entity> {
    find_without([])
}

fn find_without<const N: usize>(left_out: [Column; N]) -> Select<Entity> {
    let is_read = |column: &Column| {
        let is_in = |it: &Column| it.as_str() == column.as_str();
        !matches!(column, Column::UserId) && !left_out.iter().any(is_in)
    };
    let user = presence::user(Expr::col((Entity, Column::UserId)));
    let thread = presence::thread(Expr::col((Entity, Column::ThreadId)));
    let rows = Entity::find()
        .select_only()
        .columns(Column::iter().filter(is_read))
        .expr_as(user, "user_id")
        .filter(thread.is_not_null());
    let none = || Expr::cust("CAST(NULL AS text)");
    let add = |rows: Select<Entity>, column: Column| rows.expr_as(none(), column.as_str());
    left_out.into_iter().fold(rows, add)
}

impl ActiveModel {
    /// The row of a new run.
    pub(crate) fn new(
        commit: &RunCommit,
        request: Option<&Idempotency>,
    ) -> Result<Self, PortError> {
        let run = &commit.run;
        let instructions = commit.instructions.clone();
        let settings = run.settings.as_deref().map(run_settings::written);
        Ok(Self {
            id: Set(run.id.as_uuid()),
            thread_id: Set(run.thread_id.as_uuid()),
            assistant_id: Set(run.assistant_id.as_uuid()),
            assistant_revision: Set(run.assistant_revision.map(i64::from)),
            user_id: Set(run.user_id.map(UserId::as_uuid)),
            idempotency_key: Set(request.map(|it| it.key.as_str().to_owned())),
            idempotency_fingerprint: Set(request.map(|it| it.fingerprint.to_vec())),
            created_at: Set(run.created_at),
            output_format: Set(run.output_format.as_str().to_owned()),
            instructions: Set(instructions.map(Instructions::into_string)),
            settings: Set(settings.transpose()?),
            ..Self::changed(run, commit.lease)?
        })
    }

    /// The columns that a transition may change.
    pub(crate) fn changed(run: &Run, lease: Option<Lease>) -> Result<Self, PortError> {
        let error = run.error.as_ref();
        let reason = run.finish_reason.map(|reason| reason.as_str().to_owned());
        let action = run.required_action.as_deref();
        let action = action.map(required_action::written).transpose()?;
        Ok(Self {
            status: Set(run.status.as_str().to_owned()),
            finish_reason: Set(reason),
            error_code: Set(error.map(|error| error.code.as_str().to_owned())),
            error_message: Set(error.map(|error| error.message.clone())),
            input_tokens: Set(run.usage.map(|usage| count(usage.input_tokens))),
            output_tokens: Set(run.usage.map(|usage| count(usage.output_tokens))),
            cache_hit: Set(run.cache.map(|cache| cache.hit.as_str().to_owned())),
            cache_similarity: Set(run.cache.map(|cache| similarity(cache.similarity))),
            cache_age_seconds: Set(run.cache.map(|cache| count(cache.age_seconds))),
            lease_holder: Set(lease.map(|lease| lease.holder.0)),
            lease_expires_at: Set(lease.map(|lease| lease.expires_at)),
            finished_at: Set(run.finished_at),
            expires_at: Set(run.expires_at),
            required_action: Set(action),
            ..Default::default()
        })
    }
}

impl Model {
    /// The run's own instructions, if selected.
    pub(crate) fn given_instructions(&self) -> Result<Option<Instructions>, PortError> {
        let row = Row {
            table: "runs",
            id: self.id,
        };
        let instructions = self.instructions.clone().map(Instructions::parse);
        row.column("instructions", instructions.transpose())
    }

    /// The run's lease, if any.
    pub(crate) fn lease(&self) -> Option<Lease> {
        let (holder, expires_at) = self.lease_holder.zip(self.lease_expires_at)?;
        let holder = InstanceId(holder);
        Some(Lease { holder, expires_at })
    }
}

fn similarity(similarity: Similarity) -> i64 {
    similarity.as_ten_thousandths().into()
}

/// Saturates at the column's maximum.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl TryFrom<Model> for Run {
    type Error = PortError;

    fn try_from(model: Model) -> Result<Self, PortError> {
        let row = Row {
            table: "runs",
            id: model.id,
        };
        let named_reason =
            |reason: &String| row.named("finish_reason", reason, FinishReason::from_name);
        let revision = model.assistant_revision.map(u32::try_from);
        let settings = model.settings.as_deref().map(run_settings::read);
        Ok(Self {
            id: RunId::from_uuid(model.id),
            thread_id: ThreadId::from_uuid(model.thread_id),
            assistant_id: AssistantId::from_uuid(model.assistant_id),
            assistant_revision: row.column("assistant_revision", revision.transpose())?,
            settings: row.column("settings", settings.transpose())?.map(Box::new),
            user_id: model.user_id.map(UserId::from_uuid),
            output_format: row.named(
                "output_format",
                &model.output_format,
                OutputFormat::from_name,
            )?,
            status: row.named("status", &model.status, RunStatus::from_name)?,
            finish_reason: model.finish_reason.as_ref().map(named_reason).transpose()?,
            usage: usage(&row, &model)?,
            cache: cache(&row, &model)?,
            expires_at: model.expires_at,
            required_action: action(&row, &model)?,
            created_at: model.created_at,
            finished_at: model.finished_at,
            error: error(&row, model)?,
        })
    }
}

fn action(row: &Row, model: &Model) -> Result<Option<Box<RequiredAction>>, PortError> {
    let action = model.required_action.as_deref();
    let action = action.map(required_action::read).transpose();
    Ok(row.column("required_action", action)?.map(Box::new))
}

fn usage(row: &Row, model: &Model) -> Result<Option<Usage>, PortError> {
    let (Some(input), Some(output)) = (model.input_tokens, model.output_tokens) else {
        return Ok(None);
    };
    Ok(Some(Usage {
        input_tokens: row.column("input_tokens", u64::try_from(input))?,
        output_tokens: row.column("output_tokens", u64::try_from(output))?,
    }))
}

fn cache(row: &Row, model: &Model) -> Result<Option<CachedRun>, PortError> {
    let (Some(hit), Some(similarity), Some(age)) = (
        &model.cache_hit,
        model.cache_similarity,
        model.cache_age_seconds,
    ) else {
        return Ok(None);
    };
    let similarity = Similarity::from_ten_thousandths(similarity);
    Ok(Some(CachedRun {
        hit: row.named("cache_hit", hit, CacheHit::from_name)?,
        similarity: row.column("cache_similarity", similarity)?,
        age_seconds: row.column("cache_age_seconds", u64::try_from(age))?,
    }))
}

fn error(row: &Row, model: Model) -> Result<Option<RunError>, PortError> {
    let (Some(code), Some(message)) = (model.error_code, model.error_message) else {
        return Ok(None);
    };
    let code = row.named("error_code", &code, RunErrorCode::from_name)?;
    Ok(Some(RunError { code, message }))
}
