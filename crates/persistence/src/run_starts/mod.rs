//! How runs start, and how a start is found that was made before: in a transaction here, which
//! knows the reasons to refuse one; first of all in one go, as [`postgres`] and [`sqlite`] tell.

mod postgres;
mod sqlite;

use colloquy_application::ports::{Constraint, PortError, RunStart};
use colloquy_domain::{Message, Run, UserId};
use sea_orm::sea_query::{Expr, ExprTrait as _, SelectStatement};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    QuerySelect as _, QueryTrait as _, Select,
};

use crate::Database;
use crate::database::AtOnce;
use crate::entities::runs::{ActiveModel, COLUMN, Entity};
use crate::entities::{run_events, threads};
use crate::error::Failure;
use crate::locks::lock_user;
use crate::positions;
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
    transaction: &DatabaseTransaction,
    start: &RunStart,
) -> Result<Message, Failure> {
    let run = &start.run;
    let (first, is_close) = take_position(transaction, start).await?;
    let message = std::slice::from_ref(&start.message);
    let mut message = positions::insert(transaction, run.thread_id, run.id, message, first).await?;
    let message = message.remove(0);
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

/// The thread's next position, and whether the user may be about to have more runs than they may.
/// Such starts pass one by one, so that each counts those before it; further away they would only
/// hold each other up.
async fn take_position(
    transaction: &DatabaseTransaction,
    start: &RunStart,
) -> Result<(u64, bool), Failure> {
    let is_thread = threads::COLUMN.id.eq(start.run.thread_id.as_uuid());
    let Some(user) = start.run.user_id else {
        return Ok((positions::take(transaction, is_thread, 1).await?, false));
    };
    if let Some(few) = start.max_per_user.checked_sub(MARGIN) {
        let has_few = Expr::from(count_of(user)).lt(few);
        match positions::take(transaction, is_thread.clone().and(has_few), 1).await {
            Err(Failure::Port(PortError::NotFound)) => {}
            taken => return Ok((taken?, false)),
        }
    }
    lock_user(transaction, user).await?;
    Ok((positions::take(transaction, is_thread, 1).await?, true))
}

fn count_of(user: UserId) -> SelectStatement {
    active_of(user)
        .select_only()
        .expr(COLUMN.id.count())
        .into_query()
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
