//! Files.

mod removal;
mod uploads;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_application::ports::{
    BlobKey, CompletedUpload, FileQuery, FileQuota, FileRepository, FileScope, PortError,
    StoredFile, Upload, UploadedContent,
};
use colloquy_domain::{File, FileId, FileName};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Set,
};

use crate::entities::blob_removals;
use crate::entities::files::{ActiveModel, COLUMN, Column, Entity};
use crate::locks::lock_user;
use crate::rows::{all, expect_found};
use crate::{Database, presence};

pub(crate) use removal::remove_files_of;

/// Stores files in a [`Database`], without their bytes.
#[derive(Debug, Clone)]
pub struct SeaFileRepository {
    database: Database,
}

impl SeaFileRepository {
    /// The files of this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl FileRepository for SeaFileRepository {
    async fn begin(&self, upload: &Upload, quota: &FileQuota) -> Result<Option<u64>, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let room = uploads::begin(&transaction, upload, quota).await?;
                transaction.commit().await?;
                Ok(room)
            })
            .await
    }

    async fn complete(
        &self,
        id: FileId,
        content: &UploadedContent,
        quota: &FileQuota,
    ) -> Result<CompletedUpload, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let completed = uploads::complete(&transaction, id, content, quota).await?;
                transaction.commit().await?;
                Ok(completed)
            })
            .await
    }

    async fn abandon(&self, id: FileId) -> Result<bool, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let was_there = removal::abandon(&transaction, id.as_uuid()).await?;
                transaction.commit().await?;
                Ok(was_there)
            })
            .await
    }

    async fn get(
        &self,
        id: FileId,
        scope: &FileScope,
        now: DateTime<Utc>,
    ) -> Result<Option<StoredFile>, PortError> {
        let row = in_scope(scope, now)?.filter(COLUMN.id.eq(id.as_uuid()));
        self.database
            .read(async {
                let model = row.one(self.database.reader()).await?;
                Ok(model.map(StoredFile::try_from).transpose()?)
            })
            .await
    }

    async fn list(&self, query: &FileQuery) -> Result<Vec<File>, PortError> {
        let rows = rows(query)?;
        self.database
            .read(async { Ok(all(rows.all(self.database.reader()).await?)?) })
            .await
    }

    async fn rename(&self, id: FileId, name: &FileName) -> Result<File, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let named = ActiveModel {
                    name: Set(name.as_str().to_owned()),
                    ..Default::default()
                };
                let update = Entity::update_many()
                    .set(named)
                    .filter(COLUMN.id.eq(id.as_uuid()))
                    .filter(is_file());
                expect_found(update.exec(&transaction).await?.rows_affected)?;
                let row = Entity::find_by_id(id.as_uuid()).filter(has_owner());
                let model = row.one(&transaction).await?.ok_or(PortError::NotFound)?;
                transaction.commit().await?;
                Ok(model.try_into()?)
            })
            .await
    }

    async fn remove(&self, id: FileId) -> Result<Option<BlobKey>, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let row = Entity::find_by_id(id.as_uuid()).filter(is_file());
                let model = row.filter(has_owner()).one(&transaction).await?;
                let model = model.ok_or(PortError::NotFound)?;
                if let Some(owner) = model.owner_id {
                    lock_user(&transaction, colloquy_domain::UserId::from_uuid(owner)).await?;
                }
                let removed = removal::remove(&transaction, &[model.id]).await?;
                expect_found(removed.rows)?;
                transaction.commit().await?;
                Ok(removed.keys.into_iter().next())
            })
            .await
    }

    async fn remove_outdated(
        &self,
        now: DateTime<Utc>,
        abandoned: DateTime<Utc>,
        max: u32,
    ) -> Result<u64, PortError> {
        if !self.has_any_outdated(now, abandoned).await? {
            return Ok(0);
        }
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let removed = removal::remove_outdated(&transaction, now, abandoned, max).await?;
                transaction.commit().await?;
                Ok(removed)
            })
            .await
    }

    async fn removals(&self, max: u32) -> Result<Vec<BlobKey>, PortError> {
        self.database
            .read(async {
                let rows = blob_removals::Entity::find()
                    .order_by_asc(blob_removals::Column::Blob)
                    .limit(u64::from(max));
                let models = rows.all(self.database.reader()).await?;
                let keys = models.into_iter().map(|model| removal::key(model.blob));
                Ok(keys.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn note_removed(&self, keys: &[BlobKey]) -> Result<(), PortError> {
        let blobs = keys.iter().map(|key| key.as_str().to_owned());
        let blobs: Vec<String> = blobs.collect();
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                blob_removals::Entity::delete_many()
                    .filter(blob_removals::Column::Blob.is_in(blobs.clone()))
                    .exec(&transaction)
                    .await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }
}

impl SeaFileRepository {
    /// Checks without the write lock: usually there is nothing to do.
    async fn has_any_outdated(
        &self,
        now: DateTime<Utc>,
        abandoned: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        self.database
            .read(async {
                for rows in [removal::expired(now), removal::abandoned(abandoned)] {
                    if rows.limit(1).one(self.database.reader()).await?.is_some() {
                        return Ok(true);
                    }
                }
                Ok(false)
            })
            .await
    }
}

/// An upload has no hash yet.
fn is_file() -> SimpleExpr {
    COLUMN.sha256.is_not_null()
}

/// The files of a deleted user are gone, even before the rows are removed.
fn has_owner() -> Condition {
    let owner = || Expr::col((Entity, Column::OwnerId));
    Condition::any()
        .add(owner().is_null())
        .add(presence::user(owner()).is_not_null())
}

/// Whether the file has not expired at that time.
fn is_current(now: DateTime<Utc>) -> Condition {
    Condition::any()
        .add(COLUMN.expires_at.is_null())
        .add(COLUMN.expires_at.gt(now))
}

fn in_scope(scope: &FileScope, now: DateTime<Utc>) -> Result<Select<Entity>, PortError> {
    let rows = Entity::find().filter(is_file()).filter(is_current(now));
    let owner = Expr::col((Entity, Column::OwnerId));
    match scope {
        FileScope::All => Ok(rows.filter(has_owner())),
        FileScope::OwnedBy(users) => match users.as_slice() {
            [user] => Ok(rows.filter(owner.eq(presence::user(user.as_uuid())))),
            users => {
                let users = presence::users(users.iter().map(|user| user.as_uuid()));
                Ok(rows.filter(owner.in_subquery(users)))
            }
        },
        _ => Err(PortError::other("a file scope unknown to this store")),
    }
}

fn rows(query: &FileQuery) -> Result<Select<Entity>, PortError> {
    let mut rows = in_scope(&query.scope, query.now)?;
    if let Some(purpose) = query.purpose {
        rows = rows.filter(COLUMN.purpose.eq(purpose.as_str()));
    }
    if let Some(after) = query.after {
        rows = rows.filter(COLUMN.id.lt(after.as_uuid()));
    }
    Ok(rows.order_by_desc(COLUMN.id).limit(u64::from(query.limit)))
}

#[cfg(test)]
mod tests {
    use colloquy_application::testing::samples::{Samples, second};
    use colloquy_domain::FilePurpose;

    use super::*;
    use crate::query_plan::{assert_served_by, databases};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_filter_has_an_index_in_the_order_of_the_list() {
        let make = Samples::new();
        let user = make.user_id();
        let own = FileScope::OwnedBy(vec![user]);
        let after = Some(make.upload(user).id);
        let purpose = Some(FilePurpose::Assistants);
        for (_place, database) in databases().await {
            for (scope, purpose, index) in [
                (&FileScope::All, None, "files_pkey"),
                (&FileScope::All, purpose, "files_purpose_id_idx"),
                (&own, None, "files_owner_id_id_idx"),
                (&own, purpose, "files_owner_id_purpose_id_idx"),
            ] {
                let query = FileQuery {
                    scope: scope.clone(),
                    purpose,
                    after,
                    limit: 100,
                    now: second(1),
                };
                assert_served_by(&database, &rows(&query).unwrap(), index).await;
            }
            let expired = removal::expired(second(1)).limit(10);
            assert_served_by(&database, &expired, "files_expires_at_idx").await;
            let abandoned = removal::abandoned(second(1)).limit(10);
            assert_served_by(&database, &abandoned, "files_uploading_created_at_idx").await;
        }
    }
}
