//! Row locks, on PostgreSQL; SQLite has one writer. Whoever locks several rows locks those of
//! threads first, then those of runs in order of their ids, so that nobody waits for each other.

use colloquy_application::ports::{InstanceId, PortError};
use colloquy_domain::RunId;
use sea_orm::sea_query::{LockType, Query, SimpleExpr};
use sea_orm::{DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::entities::runs::{COLUMN, Column, Entity};
use crate::entities::threads;
use crate::error::Failure;

/// Locks the row of the run's thread; `NotFound` when it is gone, and the run with it.
pub(crate) async fn lock_thread_of(
    transaction: &DatabaseTransaction,
    run: RunId,
) -> Result<(), Failure> {
    threads::Entity::find()
        .filter(is_thread_of(run))
        .lock(LockType::NoKeyUpdate)
        .one(transaction)
        .await?
        .ok_or(PortError::NotFound)?;
    Ok(())
}

/// Whether a thread is that of the run.
pub(crate) fn is_thread_of(run: RunId) -> SimpleExpr {
    let thread = Query::select()
        .column(Column::ThreadId)
        .from(Entity)
        .and_where(COLUMN.id.eq(run.as_uuid()))
        .take();
    threads::COLUMN.id.in_subquery(thread)
}

/// Locks those of the runs that are in progress under `holder`, and returns them.
pub(crate) async fn lock_held(
    transaction: &DatabaseTransaction,
    holder: InstanceId,
    runs: impl IntoIterator<Item = RunId>,
) -> Result<Vec<RunId>, Failure> {
    let held: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(COLUMN.id.is_in(runs.into_iter().map(RunId::as_uuid)))
        .filter(COLUMN.lease_holder.eq(holder.0))
        .order_by_asc(COLUMN.id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .all(transaction)
        .await?;
    Ok(held.into_iter().map(RunId::from_uuid).collect())
}
