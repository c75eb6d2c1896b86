//! How runs start, and how a start is found that was made before: in a transaction here, which
//! knows the reasons to refuse one; on PostgreSQL, first of all, as [`statement`] tells.

pub(crate) mod statement;

use colloquy_application::ports::{Constraint, PortError, RunStart};
use colloquy_domain::{Message, Run, UserId};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, Select,
};

use crate::entities::run_events;
use crate::entities::runs::{ActiveModel, COLUMN, Entity};
use crate::error::Failure;
use crate::locks::lock_user;
use crate::positions::place;
use crate::run_events::add;

/// The run that the same request of the same user has started before.
pub(crate) async fn known(
    connection: &impl ConnectionTrait,
    start: &RunStart,
) -> Result<Option<Run>, Failure> {
    let (Some(user), Some(asked)) = (start.run.user_id, &start.idempotency) else {
        return Ok(None);
    };
    let known = Entity::find()
        .filter(COLUMN.user_id.eq(user.as_uuid()))
        .filter(COLUMN.idempotency_key.eq(asked.key.as_str()))
        .one(connection)
        .await?;
    let Some(known) = known else {
        return Ok(None);
    };
    if known.idempotency_fingerprint.as_deref() != Some(&asked.fingerprint) {
        return Err(PortError::Conflict(Constraint::IdempotencyKey).into());
    }
    Ok(Some(known.try_into()?))
}

/// Stores the run, its message and the first event of its log; the message as it stands then.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    start: &RunStart,
) -> Result<Message, Failure> {
    let run = &start.run;
    let is_close = comes_close(transaction, start).await?;
    let placed = place(
        transaction,
        run.thread_id,
        run.id,
        std::slice::from_ref(&start.message),
    );
    let message = placed.await?.remove(0);
    Entity::insert(ActiveModel::started(start))
        .exec_without_returning(transaction)
        .await?;
    add(transaction, vec![run_events::first(run.id, message.id)?]).await?;
    // At last: a thread that is busy is the nearer reason to refuse the run.
    if is_close && count(transaction, start).await? > u64::from(start.max_per_user) {
        return Err(PortError::Conflict(Constraint::ActiveRunsPerUser).into());
    }
    Ok(message)
}

/// How far from the limit starts need not see each other: more of one user than are likely to be
/// under way at once, which is bounded by the connections to the database.
const MARGIN: u32 = 64;

/// Whether the user may be about to have more runs than they may. Such starts pass one by one, so
/// that each counts those before it; further away they would only hold each other up.
async fn comes_close(transaction: &DatabaseTransaction, start: &RunStart) -> Result<bool, Failure> {
    let is_close =
        count(transaction, start).await? + u64::from(MARGIN) >= u64::from(start.max_per_user);
    if let Some(user) = start.run.user_id.filter(|_| is_close) {
        lock_user(transaction, user).await?;
    }
    Ok(is_close)
}

/// How many runs the user has in progress.
async fn count(transaction: &DatabaseTransaction, start: &RunStart) -> Result<u64, Failure> {
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
