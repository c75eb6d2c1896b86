//! Stores assistants.

use std::sync::Arc;

use async_trait::async_trait;
use colloquy_application::ports::{
    AssistantChange, AssistantRepository, AssistantScope, Constraint, OffsetList, OffsetPage,
    PortError,
};
use colloquy_domain::{Assistant, AssistantId, AssistantRef, AvatarImage, ModelName};
use sea_orm::entity::prelude::Uuid;
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::Database;
use crate::changes::{Change, announce};
use crate::deletions::{self, Deleted};
use crate::entities::assistants::{ActiveModel, COLUMN, Column, Entity, bytes};
use crate::entities::avatars::image;
use crate::error::Row;
use crate::rows::{expect_found, page};

mod revisions;

/// Stores assistants in a [`Database`].
#[derive(Debug, Clone)]
pub struct SeaAssistantRepository {
    database: Database,
}

impl SeaAssistantRepository {
    /// The assistants of this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl AssistantRepository for SeaAssistantRepository {
    async fn add(&self, assistant: &Assistant) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                Entity::insert(ActiveModel::try_from(assistant)?)
                    .exec_without_returning(&transaction)
                    .await?;
                revisions::keep(&transaction, assistant.id).await?;
                announce(&transaction, Change::Assistants).await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    async fn get(
        &self,
        reference: &AssistantRef,
        scope: &AssistantScope,
    ) -> Result<Option<Arc<Assistant>>, PortError> {
        let is_meant = match reference {
            AssistantRef::Id(id) => COLUMN.id.eq(id.as_uuid()),
            AssistantRef::Slug(slug) => COLUMN.slug.eq(slug.as_str()),
        };
        let row = rows(scope)?.filter(is_meant);
        self.database
            .read(async {
                let model = row.one(self.database.reader()).await?;
                let assistant = model.map(Assistant::try_from).transpose()?;
                Ok(assistant.map(Arc::new))
            })
            .await
    }

    async fn list(
        &self,
        scope: &AssistantScope,
        wanted: OffsetPage,
    ) -> Result<Arc<OffsetList<Assistant>>, PortError> {
        let rows = rows(scope)?;
        self.database
            .read(async {
                let transaction = self.database.begin_snapshot().await?;
                Ok(Arc::new(
                    page(transaction, rows, &ORDER, wanted, bytes()).await?,
                ))
            })
            .await
    }

    async fn update(
        &self,
        id: AssistantId,
        change: &AssistantChange<'_>,
    ) -> Result<(Assistant, Assistant), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let stored = Entity::find_by_id(id.as_uuid()).lock(LockType::NoKeyUpdate);
                let stored = stored.one(&transaction).await?.ok_or(PortError::NotFound)?;
                let before = Assistant::try_from(stored)?;
                let refused = PortError::Conflict(Constraint::AssistantRevision);
                let mut after = change(&before).ok_or(refused)?;
                after.caching.generation = before.caching.generation;
                Entity::update_many()
                    .set(ActiveModel::try_from(&after)?)
                    .filter(COLUMN.id.eq(id.as_uuid()))
                    .exec(&transaction)
                    .await?;
                revisions::replace(&transaction, &after).await?;
                announce(&transaction, Change::Assistants).await?;
                transaction.commit().await?;
                Ok((before, after))
            })
            .await
    }

    async fn revision(
        &self,
        id: AssistantId,
        revision: u32,
    ) -> Result<Option<Assistant>, PortError> {
        self.database
            .read(revisions::get(self.database.reader(), id, revision))
            .await
    }

    async fn void_answers(&self, id: AssistantId) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let next = Expr::col(Column::AnswerGeneration).add(1);
                let update = Entity::update_many()
                    .col_expr(Column::AnswerGeneration, next)
                    .filter(COLUMN.id.eq(id.as_uuid()));
                expect_found(update.exec(&transaction).await?.rows_affected)?;
                announce(&transaction, Change::Assistants).await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    async fn delete(&self, id: AssistantId) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let deletion = Entity::delete_by_id(id.as_uuid());
                expect_found(deletion.exec(&transaction).await?.rows_affected)?;
                deletions::note(&transaction, Deleted::Assistant, id.as_uuid()).await?;
                announce(&transaction, Change::Assistants).await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    async fn models(&self, limit: u32) -> Result<Vec<ModelName>, PortError> {
        let rows = Entity::find()
            .select_only()
            .column(Column::Model)
            .distinct()
            .limit(u64::from(limit));
        self.database
            .read(async {
                let names: Vec<String> = rows.into_tuple().all(self.database.reader()).await?;
                let models = names.into_iter().map(ModelName::parse);
                Ok(models.collect::<Result<_, _>>().map_err(PortError::other)?)
            })
            .await
    }

    async fn avatars(
        &self,
        after: Option<AssistantId>,
        limit: u32,
    ) -> Result<Vec<(AssistantId, AvatarImage)>, PortError> {
        self.database
            .read(async {
                let rows: Vec<AvatarRow> = with_avatar(after, limit)
                    .into_tuple()
                    .all(self.database.reader())
                    .await?;
                Ok(rows
                    .into_iter()
                    .filter_map(avatar_of)
                    .collect::<Result<_, _>>()?)
            })
            .await
    }
}

fn with_avatar(after: Option<AssistantId>, limit: u32) -> Select<Entity> {
    let columns = [
        Column::Id,
        Column::AvatarId,
        Column::AvatarKind,
        Column::AvatarHash,
    ];
    let mut rows = Entity::find().select_only().columns(columns);
    if let Some(after) = after {
        rows = rows.filter(COLUMN.id.gt(after.as_uuid()));
    }
    rows.filter(COLUMN.avatar_id.is_not_null())
        .order_by_asc(COLUMN.id)
        .limit(u64::from(limit))
}

type AvatarRow = (Uuid, Option<Uuid>, Option<String>, Option<Vec<u8>>);

fn avatar_of(
    (id, upload, kind, hash): AvatarRow,
) -> Option<Result<(AssistantId, AvatarImage), PortError>> {
    let row = Row {
        table: "assistants",
        id,
    };
    let image = image(&row, (upload, kind, hash)).transpose()?;
    Some(image.map(|image| (AssistantId::from_uuid(id), image)))
}

fn rows(scope: &AssistantScope) -> Result<Select<Entity>, PortError> {
    let rows = match scope {
        AssistantScope::All => Entity::find(),
        AssistantScope::Enabled => Entity::find().filter(COLUMN.is_enabled.eq(true)),
        AssistantScope::Public => Entity::find()
            .filter(COLUMN.is_enabled.eq(true))
            .filter(COLUMN.user_authentication.eq(false)),
        AssistantScope::Only(ids) => {
            let ids = ids.iter().map(|id| id.as_uuid());
            Entity::find().filter(COLUMN.id.is_in(ids))
        }
        _ => return Err(PortError::other("unsupported assistant scope")),
    };
    Ok(rows)
}

const ORDER: [Column; 2] = [Column::Name, Column::Id];

#[cfg(test)]
mod tests {
    use sea_orm::Order;

    use super::*;
    use crate::query_plan::{assert_served_by, databases};
    use crate::rows::ordered;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_scope_has_an_index_in_the_order_of_the_list() {
        for (_place, database) in databases().await {
            for (scope, index) in [
                (AssistantScope::All, "assistants_name_id_idx"),
                (AssistantScope::Enabled, "assistants_enabled_name_id_idx"),
                (AssistantScope::Public, "assistants_public_name_id_idx"),
            ] {
                for order in [Order::Asc, Order::Desc] {
                    let rows = ordered(rows(&scope).unwrap(), &ORDER, &order);
                    assert_served_by(&database, &rows, index).await;
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn those_with_a_picture_have_an_index_of_their_own() {
        for (_place, database) in databases().await {
            let after = Some(AssistantId::from_uuid(Uuid::from_u128(1)));
            for rows in [with_avatar(None, 10), with_avatar(after, 10)] {
                assert_served_by(&database, &rows, "assistants_avatar_idx").await;
            }
        }
    }
}
