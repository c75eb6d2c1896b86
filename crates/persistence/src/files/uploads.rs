//! Beginning and completing uploads, within the quota.

use chrono::{DateTime, Utc};
use colloquy_application::ports::{
    CompletedUpload, Constraint, FileQuota, PortError, Upload, UploadedContent,
};
use colloquy_domain::{FileId, UserId};
use sea_orm::sea_query::{Alias, Expr, ExprTrait as _, Func};
use sea_orm::{EntityTrait, QueryFilter, QuerySelect, Set, TryIntoModel as _};
use uuid::Uuid;

use super::{is_current, is_file, removal};
use crate::entities::files::{ActiveModel, COLUMN, Column, Entity, Model};
use crate::error::StoreError;
use crate::locks::locked_account;
use crate::transaction::Transaction;

pub(super) async fn begin(
    transaction: &Transaction,
    upload: &Upload,
    quota: &FileQuota,
) -> Result<Option<u64>, StoreError> {
    lock_owner(transaction, upload.owner_id).await?;
    let used = usage(transaction, upload.owner_id, quota.now).await?;
    if quota.files.is_some_and(|most| used.files >= most) {
        return Err(PortError::Conflict(Constraint::FilesPerUser).into());
    }
    let room = quota.bytes.map(|most| most.saturating_sub(used.bytes));
    if room == Some(0) {
        return Err(PortError::Conflict(Constraint::FileBytesPerUser).into());
    }
    Entity::insert(ActiveModel::from(upload))
        .exec_without_returning(transaction)
        .await?;
    Ok(room)
}

pub(super) async fn complete(
    transaction: &Transaction,
    id: FileId,
    content: &UploadedContent,
    quota: &FileQuota,
) -> Result<CompletedUpload, StoreError> {
    let owner = owner(transaction, id.as_uuid()).await?;
    lock_owner(transaction, owner).await?;
    // Read under the lock: another call may have completed or abandoned it meanwhile.
    let pending = Entity::find_by_id(id.as_uuid()).filter(COLUMN.sha256.is_null());
    let mut model = pending.one(transaction).await?.ok_or(PortError::NotFound)?;
    let used = usage(transaction, owner, quota.now).await?;
    let total = used.bytes.saturating_add(content.bytes);
    if quota.bytes.is_some_and(|most| total > most) {
        return Err(PortError::Conflict(Constraint::FileBytesPerUser).into());
    }
    let surplus = match blob_of(transaction, owner, content).await? {
        Some(shared) => Some(std::mem::replace(&mut model.blob, shared)),
        None => None,
    };
    if let Some(surplus) = &surplus {
        removal::note(transaction, [surplus.clone()]).await?;
    }
    let bytes = i64::try_from(content.bytes).map_err(PortError::other)?;
    let completed = ActiveModel {
        blob: Set(model.blob.clone()),
        bytes: Set(Some(bytes)),
        sha256: Set(Some(content.sha256.0.to_vec())),
        ..model.into()
    };
    Entity::update(completed.clone()).exec(transaction).await?;
    Ok(CompletedUpload {
        file: completed.try_into_model()?.try_into()?,
        surplus: surplus.map(removal::key).transpose()?,
    })
}

async fn lock_owner(transaction: &Transaction, owner: UserId) -> Result<(), StoreError> {
    let account = locked_account(transaction, owner).await?;
    account.ok_or(PortError::NotFound)?;
    Ok(())
}

async fn owner(transaction: &Transaction, upload: Uuid) -> Result<UserId, StoreError> {
    let model: Option<Model> = Entity::find_by_id(upload).one(transaction).await?;
    let owner = model.and_then(|model| model.owner_id);
    Ok(UserId::from_uuid(owner.ok_or(PortError::NotFound)?))
}

struct Usage {
    files: u64,
    bytes: u64,
}

async fn usage(
    transaction: &Transaction,
    owner: UserId,
    now: DateTime<Utc>,
) -> Result<Usage, StoreError> {
    let sum = Func::coalesce([Expr::col(Column::Bytes).sum(), Expr::val(0_i64)]);
    let counted: Option<(i64, i64)> = Entity::find()
        .select_only()
        .expr_as(Expr::col(Column::Id).count(), "files")
        .expr_as(Expr::from(sum).cast_as(Alias::new("bigint")), "bytes")
        .filter(COLUMN.owner_id.eq(owner.as_uuid()))
        .filter(is_current(now))
        .into_tuple()
        .one(transaction)
        .await?;
    let (files, bytes) = counted.unwrap_or_default();
    Ok(Usage {
        files: files.unsigned_abs(),
        bytes: bytes.unsigned_abs(),
    })
}

/// The blob of a file of this owner with these bytes.
async fn blob_of(
    transaction: &Transaction,
    owner: UserId,
    content: &UploadedContent,
) -> Result<Option<String>, StoreError> {
    let same = Entity::find()
        .filter(COLUMN.owner_id.eq(owner.as_uuid()))
        .filter(is_file())
        .filter(COLUMN.sha256.eq(content.sha256.0.to_vec()));
    let same = same.one(transaction).await?;
    let size = i64::try_from(content.bytes).ok();
    Ok(same.filter(|it| it.bytes == size).map(|it| it.blob))
}
