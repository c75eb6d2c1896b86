//! Stores threads.

use async_trait::async_trait;
use colloquy_application::ports::{
    PortError, ThreadActivity, ThreadChanges, ThreadOrder, ThreadQuery, ThreadRepository,
    ThreadScope,
};
use colloquy_domain::{AssistantId, Thread, ThreadId, ThreadName, UserId};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{ActiveModelTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::deletions::{self, Deleted};
use crate::entities::threads::{ActiveModel, COLUMN, Column, Entity, find};
use crate::locks::{keep_assistant, keep_user};
use crate::rows::{all, expect_found};
use crate::{Database, presence, run_commits};

/// Stores threads in a [`Database`].
#[derive(Debug, Clone)]
pub struct SeaThreadRepository {
    database: Database,
}

impl SeaThreadRepository {
    /// The threads of this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ThreadRepository for SeaThreadRepository {
    async fn add(&self, thread: &Thread) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                if let Some(owner) = thread.owner_id {
                    keep_user(&transaction, owner).await?;
                }
                if let Some(assistant) = thread.assistant_id {
                    keep_assistant(&transaction, assistant).await?;
                }
                Entity::insert(ActiveModel::from(thread))
                    .exec_without_returning(&transaction)
                    .await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    async fn get(&self, id: ThreadId, scope: &ThreadScope) -> Result<Option<Thread>, PortError> {
        let row = in_scope(scope)?.filter(COLUMN.id.eq(id.as_uuid()));
        self.database
            .read(async {
                let model = row.one(self.database.reader()).await?;
                Ok(model.map(Thread::try_from).transpose()?)
            })
            .await
    }

    async fn list(&self, query: &ThreadQuery) -> Result<Vec<Thread>, PortError> {
        let rows = rows(query)?;
        self.database
            .read(async { Ok(all(rows.all(self.database.reader()).await?)?) })
            .await
    }

    async fn update(&self, id: ThreadId, changes: &ThreadChanges) -> Result<Thread, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                if let Some(Some(assistant)) = changes.assistant_id {
                    keep_assistant(&transaction, assistant).await?;
                }
                changed(id, changes).update(&transaction).await?;
                let model = one(id).one(&transaction).await?;
                transaction.commit().await?;
                Ok(model.ok_or(PortError::NotFound)?.try_into()?)
            })
            .await
    }

    async fn delete(&self, id: ThreadId) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let deletion = Entity::delete_by_id(id.as_uuid());
                expect_found(deletion.exec(&transaction).await?.rows_affected)?;
                run_commits::drop_active(&transaction, id).await?;
                deletions::note(&transaction, Deleted::Thread, id.as_uuid()).await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }
}

fn one(id: ThreadId) -> Select<Entity> {
    find().filter(COLUMN.id.eq(id.as_uuid()))
}

fn in_scope(scope: &ThreadScope) -> Result<Select<Entity>, PortError> {
    match scope {
        ThreadScope::All => Ok(find()),
        ThreadScope::OwnedBy(users) => match users.as_slice() {
            [user] => Ok(find().filter(is_owned_by(*user))),
            users => {
                let users = presence::users(users.iter().map(|user| user.as_uuid()));
                Ok(find().filter(Expr::col((Entity, Column::OwnerId)).in_subquery(users)))
            }
        },
        _ => Err(PortError::other("unsupported thread scope")),
    }
}

fn rows(query: &ThreadQuery) -> Result<Select<Entity>, PortError> {
    let mut rows = in_scope(&query.scope)?;
    if let Some(owner) = query.owner {
        rows = rows.filter(is_owned_by(owner));
    }
    if let Some(assistant) = query.assistant {
        let assistant = presence::assistant(assistant.as_uuid());
        rows = rows.filter(Expr::col((Entity, Column::AssistantId)).eq(assistant));
    }
    Ok(ordered(rows, query.order).limit(u64::from(query.limit)))
}

fn ordered(rows: Select<Entity>, order: ThreadOrder) -> Select<Entity> {
    match order {
        ThreadOrder::Activity { after } => match after {
            Some(after) => rows.filter(is_less_active(after)),
            None => rows,
        }
        .order_by_desc(COLUMN.last_message_at),
        ThreadOrder::Creation { after } => match after {
            Some(after) => rows.filter(COLUMN.id.lt(after.as_uuid())),
            None => rows,
        },
    }
    .order_by_desc(COLUMN.id)
}

/// Row comparison, so that the index finds the position.
fn is_less_active(than: ThreadActivity) -> SimpleExpr {
    let columns = [Column::LastMessageAt, Column::Id].map(|column| Expr::col((Entity, column)));
    let place = [
        Expr::val(than.last_message_at),
        Expr::val(than.id.as_uuid()),
    ];
    Expr::tuple(columns).lt(Expr::tuple(place))
}

/// A deleted user owns no threads, even before the rows are updated.
fn is_owned_by(user: UserId) -> SimpleExpr {
    Expr::col((Entity, Column::OwnerId)).eq(presence::user(user.as_uuid()))
}

fn changed(id: ThreadId, changes: &ThreadChanges) -> ActiveModel {
    let name = changes.name.clone().map(ThreadName::into_string);
    let assistant = |id: Option<AssistantId>| Set(id.map(AssistantId::as_uuid));
    ActiveModel {
        id: Unchanged(id.as_uuid()),
        is_named: name.is_some().then_some(true).map_or(NotSet, Set),
        name: name.map_or(NotSet, Set),
        assistant_id: changes.assistant_id.map_or(NotSet, assistant),
        updated_at: Set(changes.updated_at),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use colloquy_application::testing::samples::Samples;

    use super::*;
    use crate::query_plan::{assert_served_by, databases};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_filter_has_an_index_in_the_order_of_the_list() {
        let make = Samples::new();
        let user = make.user_id();
        let own = ThreadScope::OwnedBy(vec![user]);
        let (owner, assistant) = (Some(user), Some(make.assistant_id()));
        let after = Some(ThreadActivity::from(&make.thread(user)));
        let by_activity = ThreadOrder::Activity { after };
        let by_creation = ThreadOrder::Creation {
            after: Some(make.thread_id()),
        };
        let all = ThreadScope::All;
        for (_place, database) in databases().await {
            for (order, suffix) in [
                (by_activity, "last_message_at_id_idx"),
                (by_creation, "id_idx"),
            ] {
                for (scope, owner, assistant, columns) in [
                    (&all, None, None, ""),
                    (&own, None, None, "owner_id_"),
                    (&all, owner, None, "owner_id_"),
                    (&all, None, assistant, "assistant_id_"),
                    (&own, None, assistant, "owner_id_assistant_id_"),
                ] {
                    let query = ThreadQuery {
                        scope: scope.clone(),
                        owner,
                        assistant,
                        order,
                        limit: 100,
                    };
                    let index = match (order, columns) {
                        (ThreadOrder::Creation { .. }, "") => "threads_pkey".to_owned(),
                        _ => format!("threads_{columns}{suffix}"),
                    };
                    assert_served_by(&database, &rows(&query).unwrap(), &index).await;
                }
            }
        }
    }
}
