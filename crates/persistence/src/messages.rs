//! Reads and removes messages.

use std::collections::HashMap;

use async_trait::async_trait;
use colloquy_application::ports::{
    Constraint, MAX_PAGE_BYTES, MAX_TRUNCATED, MessagePage, MessageRepository, MessageScope,
    MessagesFrom, PortError, Reasoning,
};
use colloquy_domain::{Message, MessageId, MessageKind, RunId, ThreadId};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    Select,
};
use uuid::Uuid;

use crate::entities::message_reasoning;
use crate::entities::messages::{self, COLUMN, Column, Entity};
use crate::error::StoreError;
use crate::rows::all;
use crate::run_events::{forget, forget_answers};
use crate::transaction::Transaction;
use crate::{Database, presence};

/// Reads and removes messages in a [`Database`].
#[derive(Debug, Clone)]
pub struct SeaMessageRepository {
    database: Database,
}

impl SeaMessageRepository {
    /// The messages of this database.
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
        from: MessagesFrom,
        limit: u32,
    ) -> Result<MessagePage, PortError> {
        self.database
            .read(page(self.database.reader(), thread, scope, from, limit))
            .await
    }

    async fn latest(
        &self,
        thread: ThreadId,
        before: u64,
        limit: u32,
        max_bytes: u64,
    ) -> Result<Vec<Message>, PortError> {
        let before = rows_from(
            thread,
            MessageScope::Conversation,
            MessagesFrom::Before(before),
        );
        let newest = before.clone().limit(u64::from(limit));
        self.database
            .read(async {
                let reader = self.database.reader();
                let sizes = sizes(&newest, reader).await?;
                let Some(first) = sizes[..count_within(&sizes, max_bytes)].last() else {
                    return Ok(Vec::new());
                };
                let rows = before.filter(COLUMN.position.gte(first.position));
                let mut models = rows.all(reader).await?;
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

    async fn reasoning(
        &self,
        messages: &[MessageId],
        max_bytes: usize,
    ) -> Result<Reasoning, PortError> {
        if messages.is_empty() {
            return Ok(Reasoning::default());
        }
        let lengths = lengths_of_reasoning(messages).into_tuple();
        self.database
            .read(async {
                let reader = self.database.reader();
                let lengths: Vec<(Uuid, i64)> = lengths.all(reader).await?;
                let lengths: HashMap<Uuid, i64> = lengths.into_iter().collect();
                let length = |id: &MessageId| Some((*id, *lengths.get(&id.as_uuid())?));
                let mut found: Vec<_> = messages.iter().filter_map(length).collect();
                let bytes = found.iter();
                let bytes = bytes.map(|(_, bytes)| usize::try_from(*bytes).unwrap_or(usize::MAX));
                let left_out = found.split_off(Reasoning::fitting(bytes, max_bytes));
                let fitting = found.iter().map(|(id, _)| id.as_uuid());
                let rows = message_reasoning::Entity::find()
                    .filter(message_reasoning::COLUMN.message_id.is_in(fitting));
                let texts = rows.all(reader).await?.into_iter();
                let text = |row: message_reasoning::Model| {
                    (MessageId::from_uuid(row.message_id), row.content)
                };
                Ok(Reasoning {
                    texts: texts.map(text).collect(),
                    left_out: left_out.first().map(|(id, _)| *id),
                })
            })
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

/// Removes the thread's messages behind the position, and what the logs of their runs tell of them.
pub(crate) async fn truncate(
    transaction: &Transaction,
    thread: ThreadId,
    position: u64,
) -> Result<(), StoreError> {
    let behind: Vec<(Uuid, Option<Uuid>)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::RunId])
        .filter(COLUMN.thread_id.eq(thread.as_uuid()))
        .filter(COLUMN.position.gt(stored(position)))
        .limit(u64::from(MAX_TRUNCATED) + 1)
        .into_tuple()
        .all(transaction)
        .await?;
    if behind.len() > MAX_TRUNCATED as usize {
        return Err(PortError::Conflict(Constraint::TruncatedMessages).into());
    }
    let (messages, runs): (Vec<_>, Vec<_>) = behind.into_iter().unzip();
    let mut runs: Vec<Uuid> = runs.into_iter().flatten().collect();
    runs.sort_unstable();
    runs.dedup();
    let removal = Entity::delete_many().filter(COLUMN.id.is_in(messages.iter().copied()));
    removal.exec(transaction).await?;
    forget_answers(transaction, runs, messages).await
}

fn lengths_of_reasoning(messages: &[MessageId]) -> Select<message_reasoning::Entity> {
    let ids = messages.iter().map(|id| id.as_uuid());
    message_reasoning::Entity::find()
        .select_only()
        .column(message_reasoning::Column::MessageId)
        .expr_as(Expr::cust("CAST(octet_length(content) AS BIGINT)"), "bytes")
        .filter(message_reasoning::COLUMN.message_id.is_in(ids))
}

/// A deleted thread has no messages, even before their rows are removed.
fn of_thread(thread: ThreadId) -> Select<Entity> {
    Entity::find().filter(is_of_thread(thread))
}

fn is_of_thread(thread: ThreadId) -> SimpleExpr {
    Expr::col((Entity, Column::ThreadId)).eq(presence::thread(thread.as_uuid()))
}

/// Without tool messages; there are few to skip.
fn spoken(thread: ThreadId) -> Select<Entity> {
    of_thread(thread).filter(COLUMN.kind.ne(MessageKind::Tool.as_str()))
}

/// The page's rows without limits, in page order.
fn rows_from(thread: ThreadId, scope: MessageScope, from: MessagesFrom) -> Select<Entity> {
    let rows = match scope {
        MessageScope::Conversation => spoken(thread),
        MessageScope::WithTools => of_thread(thread),
    };
    let position = COLUMN.position;
    match from {
        MessagesFrom::After(start) => rows
            .filter(position.gt(stored(start)))
            .order_by_asc(position),
        MessagesFrom::Before(start) => rows
            .filter(position.lt(stored(start)))
            .order_by_desc(position),
    }
}

/// Saturates at the column's maximum.
fn stored(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// A page of messages. Reads sizes first, then only the text that fits.
async fn page(
    connection: &impl ConnectionTrait,
    thread: ThreadId,
    scope: MessageScope,
    start: MessagesFrom,
    limit: u32,
) -> Result<MessagePage, StoreError> {
    let has_opposite = match start.opposite() {
        Some(opposite) => has_any(connection, rows_from(thread, scope, opposite)).await?,
        None => false,
    };
    let mut from = start;
    loop {
        let rows = rows_from(thread, scope, from);
        let sizes = sizes(&rows.clone().limit(u64::from(limit) + 1), connection).await?;
        let fitting = count_within(&sizes, MAX_PAGE_BYTES).max(1);
        let count = fitting.min(usize::try_from(limit).unwrap_or(usize::MAX));
        let count = count.min(sizes.len());
        let has_more = count < sizes.len();
        let items: Vec<Message> = match sizes[..count].last() {
            Some(last) => all(up_to(rows, from, last).all(connection).await?)?,
            None => Vec::new(),
        };
        // All may have been deleted meanwhile; later rows may exist.
        match sizes[..count].last() {
            Some(last) if items.is_empty() && has_more => from = behind(from, last),
            _ => {
                return Ok(MessagePage {
                    items,
                    has_more,
                    has_opposite,
                });
            }
        }
    }
}

/// The rows up to `last`.
fn up_to(rows: Select<Entity>, from: MessagesFrom, last: &Size) -> Select<Entity> {
    rows.filter(match from {
        MessagesFrom::After(_) => COLUMN.position.lte(last.position),
        MessagesFrom::Before(_) => COLUMN.position.gte(last.position),
    })
}

fn behind(from: MessagesFrom, last: &Size) -> MessagesFrom {
    let position = last.position.unsigned_abs();
    match from {
        MessagesFrom::After(_) => MessagesFrom::After(position),
        MessagesFrom::Before(_) => MessagesFrom::Before(position),
    }
}

async fn has_any(connection: &impl ConnectionTrait, rows: Select<Entity>) -> Result<bool, DbErr> {
    let first = rows.select_only().column(Column::Position).limit(1);
    let first: Option<i64> = first.into_tuple().one(connection).await?;
    Ok(first.is_some())
}

#[derive(FromQueryResult)]
struct Size {
    position: i64,
    bytes: i64,
}

async fn sizes(
    rows: &Select<Entity>,
    connection: &impl ConnectionTrait,
) -> Result<Vec<Size>, DbErr> {
    let sizes = rows
        .clone()
        .select_only()
        .column(Column::Position)
        .expr_as(messages::bytes(), "bytes");
    sizes.into_model().all(connection).await
}

fn count_within(sizes: &[Size], max_bytes: u64) -> usize {
    let mut total = 0_u64;
    let within = sizes.iter().take_while(|size| {
        total = total.saturating_add(size.bytes.unsigned_abs());
        total <= max_bytes
    });
    within.count()
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
    use crate::query_plan::{assert_served_by, databases};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn both_ends_of_a_thread_are_found_by_the_index_of_positions() {
        let thread = Samples::new().thread_id();
        let index = "messages_thread_id_position_unique";
        for (_place, database) in databases().await {
            for scope in [MessageScope::Conversation, MessageScope::WithTools] {
                for from in [MessagesFrom::After(7), MessagesFrom::Before(1_000)] {
                    let rows = rows_from(thread, scope, from).limit(100);
                    assert_served_by(&database, &rows, index).await;
                }
            }
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
