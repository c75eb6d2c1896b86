//! Detaches rows from deleted users and assistants.

use sea_orm::sea_query::LockType;
use sea_orm::{ColumnTrait as _, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use uuid::Uuid;

use crate::entities::{access_tokens, assistant_revisions, runs, threads};
use crate::error::StoreError;
use crate::files::remove_files_of;
use crate::locks::lock_runs;
use crate::transaction::Transaction;

/// Removes the user's tokens and files, then clears the user of threads, then of runs. Returns the number of
/// rows.
pub(super) async fn batch_of_user(
    transaction: &Transaction,
    user: Uuid,
    max_rows: u64,
) -> Result<u64, StoreError> {
    let removed = remove_tokens(transaction, user, max_rows).await?;
    if removed > 0 {
        return Ok(removed);
    }
    let removed = remove_files_of(transaction, user, max_rows).await?;
    if removed > 0 {
        return Ok(removed);
    }
    let orphaned = threads::ActiveModel {
        owner_id: Set(None),
        ..Default::default()
    };
    let by = threads::Column::OwnerId;
    match detach_threads(transaction, by, user, orphaned, max_rows).await? {
        0 => detach_runs(transaction, user, max_rows).await,
        detached => Ok(detached),
    }
}

/// Clears the assistant of threads, then removes its revisions without runs. Returns the number of
/// rows.
pub(super) async fn batch_of_assistant(
    transaction: &Transaction,
    assistant: Uuid,
    max_rows: u64,
) -> Result<u64, StoreError> {
    let without = threads::ActiveModel {
        assistant_id: Set(None),
        ..Default::default()
    };
    let by = threads::Column::AssistantId;
    match detach_threads(transaction, by, assistant, without, max_rows).await? {
        0 => remove_revisions(transaction, assistant, max_rows).await,
        detached => Ok(detached),
    }
}

async fn remove_revisions(
    transaction: &Transaction,
    assistant: Uuid,
    max_rows: u64,
) -> Result<u64, StoreError> {
    let revisions: Vec<i64> = assistant_revisions::Entity::find()
        .select_only()
        .column(assistant_revisions::Column::Revision)
        .filter(assistant_revisions::COLUMN.assistant_id.eq(assistant))
        .filter(assistant_revisions::is_unnamed())
        .limit(max_rows)
        .into_tuple()
        .all(transaction)
        .await?;
    let removal = assistant_revisions::Entity::delete_many()
        .filter(assistant_revisions::COLUMN.assistant_id.eq(assistant))
        .filter(assistant_revisions::Column::Revision.is_in(revisions));
    Ok(removal.exec(transaction).await?.rows_affected)
}

async fn remove_tokens(
    transaction: &Transaction,
    user: Uuid,
    max_rows: u64,
) -> Result<u64, StoreError> {
    let ids: Vec<Uuid> = access_tokens::Entity::find()
        .select_only()
        .column(access_tokens::Column::Id)
        .filter(access_tokens::COLUMN.user_id.eq(user))
        .limit(max_rows)
        .into_tuple()
        .all(transaction)
        .await?;
    let removal = access_tokens::Entity::delete_many();
    let removal = removal.filter(access_tokens::Column::Id.is_in(ids));
    Ok(removal.exec(transaction).await?.rows_affected)
}

/// Locks the threads in ID order.
async fn detach_threads(
    transaction: &Transaction,
    by: threads::Column,
    id: Uuid,
    detached: threads::ActiveModel,
    max_rows: u64,
) -> Result<u64, StoreError> {
    let ids: Vec<Uuid> = threads::Entity::find()
        .select_only()
        .column(threads::Column::Id)
        .filter(by.eq(id))
        .order_by_asc(threads::Column::Id)
        .limit(max_rows)
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .all(transaction)
        .await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let update = threads::Entity::update_many()
        .set(detached)
        .filter(threads::Column::Id.is_in(ids));
    Ok(update.exec(transaction).await?.rows_affected)
}

async fn detach_runs(
    transaction: &Transaction,
    user: Uuid,
    max_rows: u64,
) -> Result<u64, StoreError> {
    let ids: Vec<Uuid> = runs::Entity::find()
        .select_only()
        .column(runs::Column::Id)
        .filter(runs::COLUMN.user_id.eq(user))
        .limit(max_rows)
        .into_tuple()
        .all(transaction)
        .await?;
    if ids.is_empty() {
        return Ok(0);
    }
    lock_runs(transaction, &ids).await?;
    let detached = runs::ActiveModel {
        user_id: Set(None),
        ..Default::default()
    };
    let update = runs::Entity::update_many()
        .set(detached)
        .filter(runs::Column::Id.is_in(ids));
    Ok(update.exec(transaction).await?.rows_affected)
}
