//! Locks, on PostgreSQL; SQLite has one writer. Whoever locks several rows locks those of users
//! first, then those of threads, then those of runs in order of their ids, so that nobody waits
//! for each other.

use colloquy_application::ports::{InstanceId, PortError};
use colloquy_domain::{AssistantId, RunId, UserId};
use sea_orm::sea_query::{LockType, Query, SimpleExpr};
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::entities::runs::{COLUMN, Column, Entity};
use crate::entities::{assistants, threads, users};
use crate::error::Failure;
use crate::transaction::Transaction;

/// Locks the row of the run's thread; `NotFound` when it is gone, and the run with it.
pub(crate) async fn lock_thread_of(transaction: &Transaction, run: RunId) -> Result<(), Failure> {
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

/// Locks what is named by these hashes until the transaction ends, whether or not there are rows
/// for it.
pub(crate) async fn lock_hashes(
    transaction: &Transaction,
    hashes: [&[u8; 32]; 2],
) -> Result<(), Failure> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let mut keys = hashes.map(first_eight_bytes);
    // In order of the keys, so that nobody waits for each other.
    keys.sort_unstable();
    for key in keys {
        let lock = format!("SELECT pg_advisory_xact_lock({key})");
        transaction.execute_unprepared(&lock).await?;
    }
    Ok(())
}

/// Different hashes with the same key only wait for each other.
fn first_eight_bytes(hash: &[u8; 32]) -> i64 {
    let (first, _) = hash.split_at(8);
    first
        .iter()
        .fold(0, |key, byte| key << 8 | i64::from(*byte))
}

/// Locks the user's row; one that is gone needs no lock.
pub(crate) async fn lock_user(transaction: &Transaction, user: UserId) -> Result<(), Failure> {
    users::Entity::find_by_id(user.as_uuid())
        .select_only()
        .column(users::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple::<Uuid>()
        .one(transaction)
        .await?;
    Ok(())
}

/// Keeps the user from being deleted until the transaction ends; `NotFound` when they are gone.
pub(crate) async fn keep_user(transaction: &Transaction, user: UserId) -> Result<(), Failure> {
    let found = users::Entity::find_by_id(user.as_uuid())
        .select_only()
        .column(users::Column::Id);
    keep(transaction, found).await
}

/// Keeps the assistant from being deleted until the transaction ends; `NotFound` when it is gone.
pub(crate) async fn keep_assistant(
    transaction: &Transaction,
    assistant: AssistantId,
) -> Result<(), Failure> {
    let found = assistants::Entity::find_by_id(assistant.as_uuid())
        .select_only()
        .column(assistants::Column::Id);
    keep(transaction, found).await
}

async fn keep<E: EntityTrait>(transaction: &Transaction, id: Select<E>) -> Result<(), Failure> {
    let found: Option<Uuid> = id
        .lock(LockType::KeyShare)
        .into_tuple()
        .one(transaction)
        .await?;
    found.ok_or(PortError::NotFound)?;
    Ok(())
}

/// Locks the rows of these runs.
pub(crate) async fn lock_runs(transaction: &Transaction, runs: &[Uuid]) -> Result<(), Failure> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(COLUMN.id.is_in(runs.iter().copied()))
        .order_by_asc(COLUMN.id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple::<Uuid>()
        .all(transaction)
        .await?;
    Ok(())
}

/// Locks the user's row and reads it; absent is `None`.
pub(crate) async fn locked_account(
    transaction: &Transaction,
    user: UserId,
) -> Result<Option<users::Model>, Failure> {
    let account = users::Entity::find_by_id(user.as_uuid()).lock(LockType::NoKeyUpdate);
    Ok(account.one(transaction).await?)
}

/// Locks those of the runs that are in progress under `holder`, and returns them.
pub(crate) async fn lock_held(
    transaction: &Transaction,
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
