//! Row locks on PostgreSQL; SQLite has a single writer. Lock order, against deadlocks: users,
//! threads, runs by ID.

use colloquy_application::ports::{InstanceId, PortError};
use colloquy_domain::{AssistantId, RunId, ThreadId, UserId};
use sea_orm::sea_query::LockType;
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::entities::runs::{COLUMN, Column, Entity};
use crate::entities::{assistants, threads, users};
use crate::error::StoreError;
use crate::transaction::Transaction;

/// Locks the thread's row; `NotFound` if deleted.
pub(crate) async fn lock_thread(
    transaction: &Transaction,
    thread: ThreadId,
) -> Result<(), StoreError> {
    threads::Entity::find_by_id(thread.as_uuid())
        .lock(LockType::NoKeyUpdate)
        .one(transaction)
        .await?
        .ok_or(PortError::NotFound)?;
    Ok(())
}

/// Takes advisory locks for these hashes until the transaction ends. No rows are needed.
pub(crate) async fn lock_hashes(
    transaction: &Transaction,
    hashes: [&[u8; 32]; 2],
) -> Result<(), StoreError> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let mut keys = hashes.map(first_eight_bytes);
    // In a fixed order, to avoid deadlocks.
    keys.sort_unstable();
    for key in keys {
        let lock = format!("SELECT pg_advisory_xact_lock({key})");
        transaction.execute_unprepared(&lock).await?;
    }
    Ok(())
}

/// Hashes that collide merely wait for each other.
fn first_eight_bytes(hash: &[u8; 32]) -> i64 {
    let (first, _) = hash.split_at(8);
    first
        .iter()
        .fold(0, |key, byte| key << 8 | i64::from(*byte))
}

pub(crate) async fn lock_user(transaction: &Transaction, user: UserId) -> Result<(), StoreError> {
    users::Entity::find_by_id(user.as_uuid())
        .select_only()
        .column(users::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple::<Uuid>()
        .one(transaction)
        .await?;
    Ok(())
}

/// Prevents the user's deletion until the transaction ends; `NotFound` if deleted.
pub(crate) async fn keep_user(transaction: &Transaction, user: UserId) -> Result<(), StoreError> {
    let found = users::Entity::find_by_id(user.as_uuid())
        .select_only()
        .column(users::Column::Id);
    keep(transaction, found).await
}

/// Prevents the assistant's deletion until the transaction ends; `NotFound` if deleted.
pub(crate) async fn keep_assistant(
    transaction: &Transaction,
    assistant: AssistantId,
) -> Result<(), StoreError> {
    let found = assistants::Entity::find_by_id(assistant.as_uuid())
        .select_only()
        .column(assistants::Column::Id);
    keep(transaction, found).await
}

async fn keep<E: EntityTrait>(transaction: &Transaction, id: Select<E>) -> Result<(), StoreError> {
    let found: Option<Uuid> = id
        .lock(LockType::KeyShare)
        .into_tuple()
        .one(transaction)
        .await?;
    found.ok_or(PortError::NotFound)?;
    Ok(())
}

pub(crate) async fn lock_runs(transaction: &Transaction, runs: &[Uuid]) -> Result<(), StoreError> {
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

pub(crate) async fn locked_account(
    transaction: &Transaction,
    user: UserId,
) -> Result<Option<users::Model>, StoreError> {
    let account = users::Entity::find_by_id(user.as_uuid()).lock(LockType::NoKeyUpdate);
    Ok(account.one(transaction).await?)
}

/// Locks and returns the runs in progress under `holder`.
pub(crate) async fn lock_held(
    transaction: &Transaction,
    holder: InstanceId,
    runs: impl IntoIterator<Item = RunId>,
) -> Result<Vec<RunId>, StoreError> {
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
