//! How runs start, and how a start is found that was made before: in a transaction here, which
//! knows the reasons to refuse one; first of all in one go, as [`postgres`] and [`sqlite`] tell.

mod postgres;
mod sqlite;

use colloquy_application::ports::{Constraint, Idempotency, PortError, RunStart};
use colloquy_domain::{Message, Run, UserId};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, Select, Set};

use crate::database::AtOnce;
use crate::entities::runs::{ActiveModel, COLUMN, Column, Entity, find};
use crate::entities::{run_events, threads};
use crate::error::Failure;
use crate::locks::lock_user;
use crate::positions;
use crate::run_events::add;
use crate::transaction::Transaction;
use crate::{Database, presence};

/// The run that the same request of the same user has started before.
pub(crate) async fn known(
    connection: &impl ConnectionTrait,
    start: &RunStart,
) -> Result<Option<Run>, Failure> {
    let (Some(user), Some(asked)) = (start.run.user_id, &start.idempotency) else {
        return Ok(None);
    };
    let known = find().filter(has_key(user, asked)).one(connection).await?;
    let Some(known) = known else {
        return Ok(None);
    };
    if known.idempotency_fingerprint.as_deref() != Some(&asked.fingerprint) {
        return Err(PortError::Conflict(Constraint::IdempotencyKey).into());
    }
    Ok(Some(known.try_into()?))
}

/// Takes the start's key from the run that has it, if that run's thread was deleted; whether it
/// was. The run itself goes with what else the thread has left.
pub(crate) async fn free_key(transaction: &Transaction, start: &RunStart) -> Result<bool, Failure> {
    let (Some(user), Some(asked)) = (start.run.user_id, &start.idempotency) else {
        return Ok(false);
    };
    let thread = presence::thread(Expr::col((Entity, Column::ThreadId)));
    let without = ActiveModel {
        idempotency_key: Set(None),
        idempotency_fingerprint: Set(None),
        ..Default::default()
    };
    let update = Entity::update_many()
        .set(without)
        .filter(has_key(user, asked))
        .filter(thread.is_null());
    Ok(update.exec(transaction).await?.rows_affected > 0)
}

fn has_key(user: UserId, asked: &Idempotency) -> SimpleExpr {
    let is_users = COLUMN.user_id.eq(user.as_uuid());
    is_users.and(COLUMN.idempotency_key.eq(asked.key.as_str()))
}

/// Stores what [`insert`] stores, in one go; the message as it stands then. None when that cannot
/// be done so, and nothing is stored then.
pub(crate) async fn insert_at_once(
    database: &Database,
    start: &RunStart,
) -> Result<Option<Message>, Failure> {
    match database.at_once() {
        AtOnce::Postgres(pool) => postgres::insert(pool, start).await,
        AtOnce::Sqlite(scripts) => sqlite::insert(scripts, start).await,
    }
}

/// Stores the run, its message and the first event of its log; the message as it stands then.
pub(crate) async fn insert(
    transaction: &Transaction,
    start: &RunStart,
) -> Result<Message, Failure> {
    let run = &start.run;
    // Starts of one user pass one by one here, so that each counts those before it.
    if let Some(user) = run.user_id {
        lock_user(transaction, user).await?;
    }
    let is_thread = threads::COLUMN.id.eq(run.thread_id.as_uuid());
    let message = std::slice::from_ref(&start.message);
    let name = start.thread_name.as_ref();
    let first = positions::take(transaction, is_thread, message, name).await?;
    positions::insert(transaction, run.thread_id, run.id, message, first).await?;
    Entity::insert(ActiveModel::started(start))
        .exec_without_returning(transaction)
        .await?;
    add(
        transaction,
        vec![run_events::first(run.id, start.message.id)?],
    )
    .await?;
    // At last: a thread that is busy is the nearer reason to refuse the run.
    if count(transaction, start).await? > u64::from(start.max_per_user) {
        return Err(PortError::Conflict(Constraint::ActiveRunsPerUser).into());
    }
    Ok(start.message.clone().placed(run.thread_id, run.id, first))
}

/// How many runs the user has in progress.
async fn count(transaction: &Transaction, start: &RunStart) -> Result<u64, Failure> {
    match start.run.user_id {
        Some(user) => Ok(active_of(user).count(transaction).await?),
        None => Ok(0),
    }
}

/// Those of the user's runs that are in progress: they have a lease.
pub(crate) fn active_of(user: UserId) -> Select<Entity> {
    Entity::find()
        .filter(COLUMN.user_id.eq(user.as_uuid()))
        .filter(COLUMN.lease_holder.is_not_null())
}
