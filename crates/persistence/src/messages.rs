use async_trait::async_trait;
use colloquy_application::ports::{MessageRepository, MessageScope, PortError};
use colloquy_domain::{Message, MessageId, MessageKind, RunId, ThreadId};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::entities::messages::{COLUMN, Column, Entity};
use crate::rows::all;
use crate::run_events::forget;
use crate::{Database, presence};

/// Reads and removes messages in a [`Database`].
#[derive(Debug, Clone)]
pub struct SeaMessageRepository {
    database: Database,
}

impl SeaMessageRepository {
    /// The messages of that database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl MessageRepository for SeaMessageRepository {
    async fn get(&self, thread: ThreadId, id: MessageId) -> Result<Option<Message>, PortError> {
        self.database
            .read(async {
                let found = of_thread(thread).filter(COLUMN.id.eq(id.as_uuid()));
                let model = found.one(self.database.reader()).await?;
                Ok(model.map(Message::try_from).transpose()?)
            })
            .await
    }

    async fn list(
        &self,
        thread: ThreadId,
        scope: MessageScope,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Message>, PortError> {
        let rows = rows_after(thread, scope, after, limit);
        self.database
            .read(async { Ok(all(rows.all(self.database.reader()).await?)?) })
            .await
    }

    async fn latest(&self, thread: ThreadId, limit: u32) -> Result<Vec<Message>, PortError> {
        let rows = newest_rows(thread, limit);
        self.database
            .read(async {
                let mut models = rows.all(self.database.reader()).await?;
                models.reverse();
                Ok(all(models)?)
            })
            .await
    }

    async fn of_run(&self, thread: ThreadId, run: RunId) -> Result<Vec<Message>, PortError> {
        let rows = rows_of_run(thread, run);
        self.database
            .read(async { Ok(all(rows.all(self.database.reader()).await?)?) })
            .await
    }

    async fn delete(&self, thread: ThreadId, id: MessageId) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let deletion = Entity::delete_many()
                    .filter(COLUMN.id.eq(id.as_uuid()))
                    .filter(is_of_thread(thread));
                let deleted = deletion.exec_with_returning(&transaction).await?;
                let message = deleted.into_iter().next().ok_or(PortError::NotFound)?;
                if let Some(run) = message.run_id {
                    forget(&transaction, run, id).await?;
                }
                transaction.commit().await?;
                Ok(())
            })
            .await
    }
}

/// Of a thread that is gone there are none.
fn of_thread(thread: ThreadId) -> Select<Entity> {
    Entity::find().filter(is_of_thread(thread))
}

fn is_of_thread(thread: ThreadId) -> SimpleExpr {
    Expr::col((Entity, Column::ThreadId)).eq(presence::thread(thread.as_uuid()))
}

/// The rows that are not of tools: few of a thread are, so that they are passed over on the way.
fn spoken(thread: ThreadId) -> Select<Entity> {
    of_thread(thread).filter(COLUMN.kind.ne(MessageKind::Tool.as_str()))
}

fn rows_after(thread: ThreadId, scope: MessageScope, after: u64, limit: u32) -> Select<Entity> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = match scope {
        MessageScope::Conversation => spoken(thread),
        MessageScope::WithTools => of_thread(thread),
    };
    rows.filter(COLUMN.position.gt(after))
        .order_by_asc(COLUMN.position)
        .limit(u64::from(limit))
}

fn newest_rows(thread: ThreadId, limit: u32) -> Select<Entity> {
    spoken(thread)
        .order_by_desc(COLUMN.position)
        .limit(u64::from(limit))
}

fn rows_of_run(thread: ThreadId, run: RunId) -> Select<Entity> {
    spoken(thread)
        .filter(COLUMN.run_id.eq(run.as_uuid()))
        .order_by_asc(COLUMN.position)
}

#[cfg(test)]
mod tests {
    use colloquy_application::testing::samples::Samples;

    use super::*;
    use crate::plans::{assert_served_by, databases};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn both_ends_of_a_thread_are_found_by_the_index_of_positions() {
        let thread = Samples::new().thread_id();
        let index = "messages_thread_id_position_unique";
        for (_place, database) in databases().await {
            for scope in [MessageScope::Conversation, MessageScope::WithTools] {
                let rows = rows_after(thread, scope, 7, 100);
                assert_served_by(&database, &rows, index).await;
            }
            assert_served_by(&database, &newest_rows(thread, 100), index).await;
        }
    }
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_messages_of_a_run_are_found_by_the_run() {
        let make = Samples::new();
        let rows = rows_of_run(make.thread_id(), make.run_id());
        for (_place, database) in databases().await {
            assert_served_by(&database, &rows, "messages_run_id_position_idx").await;
        }
    }
}
