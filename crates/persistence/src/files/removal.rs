//! Removing files and uploads. Keys that no row names any more are noted in the same transaction.
//!
//! Files share blobs only with others of their owner, and only under a lock of the owner's row, so
//! whoever removes holds it too. A deleted owner has none, and shares no more.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use colloquy_application::ports::{BlobKey, PortError};
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{ColumnTrait as _, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Set};
use uuid::Uuid;

use super::is_file;
use crate::entities::files::{COLUMN, Column, Entity};
use crate::entities::{blob_removals, users};
use crate::error::StoreError;
use crate::transaction::Transaction;

/// What was removed.
pub(super) struct Removed {
    pub(super) rows: u64,
    /// The keys that were noted.
    pub(super) keys: Vec<BlobKey>,
}

/// Removes these rows, whose owners are locked.
pub(super) async fn remove(transaction: &Transaction, ids: &[Uuid]) -> Result<Removed, StoreError> {
    let blobs = blobs(
        transaction,
        Entity::find().filter(COLUMN.id.is_in(ids.to_vec())),
    )
    .await?;
    let removal = Entity::delete_many().filter(Column::Id.is_in(ids.to_vec()));
    let rows = removal.exec(transaction).await?.rows_affected;
    let of_blobs = Entity::find().filter(Column::Blob.is_in(blobs.clone()));
    let named = self::blobs(transaction, of_blobs).await?;
    let nameless: Vec<String> = blobs.difference(&named).cloned().collect();
    note(transaction, nameless.clone()).await?;
    let keys = nameless.into_iter().map(key).collect::<Result<_, _>>()?;
    Ok(Removed { rows, keys })
}

async fn blobs(
    transaction: &Transaction,
    rows: Select<Entity>,
) -> Result<BTreeSet<String>, StoreError> {
    let blobs: Vec<String> = rows
        .select_only()
        .column(Column::Blob)
        .distinct()
        .into_tuple()
        .all(transaction)
        .await?;
    Ok(blobs.into_iter().collect())
}

/// Notes keys for removal.
pub(super) async fn note(
    transaction: &Transaction,
    blobs: impl IntoIterator<Item = String>,
) -> Result<(), StoreError> {
    let notes = blobs
        .into_iter()
        .map(|blob| blob_removals::ActiveModel { blob: Set(blob) });
    let notes: Vec<_> = notes.collect();
    if notes.is_empty() {
        return Ok(());
    }
    let is_noted = OnConflict::column(blob_removals::Column::Blob)
        .do_nothing()
        .to_owned();
    blob_removals::Entity::insert_many(notes)
        .on_conflict(is_noted)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Removes an upload, which shares no blob; whether it was there.
pub(super) async fn abandon(transaction: &Transaction, id: Uuid) -> Result<bool, StoreError> {
    let pending = Entity::find_by_id(id)
        .filter(COLUMN.sha256.is_null())
        .lock(LockType::Update);
    if pending.one(transaction).await?.is_none() {
        return Ok(false);
    }
    Ok(remove(transaction, &[id]).await?.rows > 0)
}

/// Removes some of the files that expired and of the uploads that were abandoned; how many.
pub(super) async fn remove_outdated(
    transaction: &Transaction,
    now: DateTime<Utc>,
    abandoned: DateTime<Utc>,
    max: u32,
) -> Result<u64, StoreError> {
    let mut ids = Vec::new();
    let mut owners = BTreeSet::new();
    for rows in [expired(now), self::abandoned(abandoned)] {
        let left = u64::from(max).saturating_sub(ids.len() as u64);
        for model in rows.limit(left).all(transaction).await? {
            ids.push(model.id);
            owners.extend(model.owner_id);
        }
    }
    lock_users(transaction, owners).await?;
    Ok(remove(transaction, &ids).await?.rows)
}

/// Files that have expired at that time.
pub(super) fn expired(now: DateTime<Utc>) -> Select<Entity> {
    Entity::find()
        .filter(is_file())
        .filter(COLUMN.expires_at.is_not_null())
        .filter(COLUMN.expires_at.lte(now))
        .order_by_asc(COLUMN.expires_at)
}

/// Uploads that began before that time.
pub(super) fn abandoned(before: DateTime<Utc>) -> Select<Entity> {
    Entity::find()
        .filter(COLUMN.sha256.is_null())
        .filter(COLUMN.created_at.lt(before))
        .order_by_asc(COLUMN.created_at)
}

async fn lock_users(transaction: &Transaction, users: BTreeSet<Uuid>) -> Result<(), StoreError> {
    users::Entity::find()
        .select_only()
        .column(users::Column::Id)
        .filter(users::COLUMN.id.is_in(users))
        .order_by_asc(users::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple::<Uuid>()
        .all(transaction)
        .await?;
    Ok(())
}

/// Removes some of a deleted user's files and uploads; how many.
pub(crate) async fn remove_files_of(
    transaction: &Transaction,
    user: Uuid,
    max_rows: u64,
) -> Result<u64, StoreError> {
    let ids: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(COLUMN.owner_id.eq(user))
        .order_by_asc(Column::Id)
        .limit(max_rows)
        .into_tuple()
        .all(transaction)
        .await?;
    if ids.is_empty() {
        return Ok(0);
    }
    Ok(remove(transaction, &ids).await?.rows)
}

/// The key in a row.
pub(super) fn key(blob: String) -> Result<BlobKey, PortError> {
    let text = blob.clone();
    BlobKey::parse(blob).map_err(|source| PortError::Corrupt {
        table: "blob_removals",
        column: "blob",
        row: text,
        source: source.into(),
    })
}
