//! Stores event logs of runs.

use std::collections::HashMap;

use async_trait::async_trait;
use colloquy_application::ports::{InstanceId, PortError, RunEventRepository, RunEvents};
use colloquy_domain::{Message, MessageId, Run, RunEvent, RunId};
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{
    ActiveModelTrait as _, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use crate::Database;
use crate::entities::run_events::{
    self, ActiveModel, COLUMN, Column, Entity, FIRST, Model, Subjects,
};
use crate::entities::{messages, runs};
use crate::error::StoreError;
use crate::locks::lock_held;
use crate::rows::all;
use crate::transaction::Transaction;

/// Stores event logs of runs in a [`Database`].
///
/// Writers to a log lock its run's row first.
#[derive(Debug, Clone)]
pub struct SeaRunEventRepository {
    database: Database,
}

impl SeaRunEventRepository {
    /// The event logs of that database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl RunEventRepository for SeaRunEventRepository {
    async fn append(&self, holder: InstanceId, events: &[RunEvents]) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let runs = events.iter().map(|added| added.run_id);
                let held = lock_held(&transaction, holder, runs).await?;
                let last = last_numbers(&transaction, &held).await?;
                let mut rows = Vec::new();
                for added in events {
                    if let Some(last) = last.get(&added.run_id) {
                        let new = behind(&added.events, *last);
                        rows.extend(run_events::rows(added.run_id, new)?);
                    }
                }
                add(&transaction, rows).await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    async fn list(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<RunEvent>, PortError> {
        self.database
            .read(page(self.database.reader(), run, after, limit))
            .await
    }
}

/// Rows per INSERT: seven parameters each, of SQLite's 32,766.
const ROWS_AT_ONCE: usize = 1_000;

async fn add(transaction: &Transaction, rows: Vec<ActiveModel>) -> Result<(), StoreError> {
    for rows in rows.chunks(ROWS_AT_ONCE) {
        Entity::insert_many(rows.iter().cloned())
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

/// Maximum bytes of text per page, unless the first row has more.
const PAGE_BYTES: i64 = 1024 * 1024;

/// See [`RunEventRepository::list`]. Reads sizes first, then only the text that fits.
async fn page(
    connection: &impl ConnectionTrait,
    run: RunId,
    after: u64,
    limit: u32,
) -> Result<Vec<RunEvent>, StoreError> {
    let mut behind = after;
    loop {
        let Some(last) = last_row_within(connection, run, behind, limit).await? else {
            return Ok(Vec::new());
        };
        let rows = rows_behind(run, behind).filter(Expr::col(COLUMN.last_number).lte(last));
        let mut events = read(connection, run, rows).await?;
        // The first row may begin earlier.
        events.retain(|event| event.number > after);
        // Rows may refer to what is gone; later rows may exist.
        if !events.is_empty() {
            return Ok(events);
        }
        behind = u64::try_from(last).map_err(PortError::other)?;
    }
}

async fn last_row_within(
    connection: &impl ConnectionTrait,
    run: RunId,
    after: u64,
    limit: u32,
) -> Result<Option<i64>, StoreError> {
    let sizes: Vec<(i64, i64)> = rows_after(run, after, limit)
        .select_only()
        .column(Column::LastNumber)
        .expr_as(run_events::told_bytes(), "bytes")
        .into_tuple()
        .all(connection)
        .await?;
    let mut total = 0_i64;
    let within = sizes.iter().take_while(|(_, bytes)| {
        total = total.saturating_add(*bytes);
        total <= PAGE_BYTES
    });
    let last = within.last().or(sizes.first());
    Ok(last.map(|(number, _)| *number))
}

/// The number of the log's last event. A log without rows had its first event, which was removed
/// with its message.
pub(crate) async fn last_number(transaction: &Transaction, run: RunId) -> Result<u64, StoreError> {
    let last = last_numbers(transaction, &[run]).await?;
    Ok(last.get(&run).copied().unwrap_or(FIRST))
}

/// See [`last_number`]; none for a missing run.
async fn last_numbers(
    transaction: &Transaction,
    runs: &[RunId],
) -> Result<HashMap<RunId, u64>, StoreError> {
    let rows = rows_of_last_numbers(runs).into_tuple();
    let last: Vec<(Uuid, Option<i64>)> = rows.all(transaction).await?;
    let last = last.into_iter().map(|(run, last)| {
        let last = last.map_or(Ok(FIRST), u64::try_from);
        Ok((RunId::from_uuid(run), last.map_err(PortError::other)?))
    });
    last.collect()
}

fn rows_of_last_numbers(runs: &[RunId]) -> Select<runs::Entity> {
    runs::Entity::find()
        .select_only()
        .column(runs::Column::Id)
        .expr_as(last_number_in_log(), "last_number")
        .filter(runs::COLUMN.id.is_in(runs.iter().map(|run| run.as_uuid())))
}

fn last_number_in_log() -> SelectStatement {
    Query::select()
        .column(Column::LastNumber)
        .from(Entity)
        .and_where(Expr::col((Entity, Column::RunId)).equals((runs::Entity, runs::Column::Id)))
        .order_by(Column::LastNumber, Order::Desc)
        .limit(1)
        .take()
}

pub(crate) fn behind(events: &[RunEvent], number: u64) -> &[RunEvent] {
    let first = events.partition_point(|event| event.number <= number);
    &events[first..]
}

/// The rows of the run's log, if its thread exists.
fn rows_of(run: RunId) -> Select<Entity> {
    let run = runs::find()
        .select_only()
        .column(runs::Column::Id)
        .filter(runs::COLUMN.id.eq(run.as_uuid()))
        .into_query();
    Entity::find()
        .filter(Expr::col((Entity, Column::RunId)).eq(Expr::from(run)))
        .order_by_asc(COLUMN.last_number)
}

/// The first row with events after `after`, and those that end at most `limit` events later.
fn rows_after(run: RunId, after: u64, limit: u32) -> Select<Entity> {
    let first = rows_behind(run, after)
        .select_only()
        .column(Column::LastNumber)
        .limit(1)
        .into_query();
    let end = Expr::from(first).add(i64::from(limit));
    rows_behind(run, after).filter(Expr::col(COLUMN.last_number).lte(end))
}

fn rows_behind(run: RunId, after: u64) -> Select<Entity> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    rows_of(run).filter(COLUMN.last_number.gt(after))
}

/// The rows' events. Reads what they refer to afterwards, so that it is as they say or gone.
async fn read(
    connection: &impl ConnectionTrait,
    run: RunId,
    rows: Select<Entity>,
) -> Result<Vec<RunEvent>, StoreError> {
    let rows = rows.all(connection).await?;
    let subjects = subjects(connection, run, &rows).await?;
    let mut events = Vec::new();
    for row in rows {
        events.extend(row.events(&subjects)?);
    }
    Ok(events)
}

async fn subjects(
    connection: &impl ConnectionTrait,
    run: RunId,
    rows: &[Model],
) -> Result<Subjects, StoreError> {
    let referring = rows.iter().filter(|row| row.refers());
    let named: Vec<_> = referring.map(Model::messages).collect::<Result<_, _>>()?;
    if named.is_empty() {
        return Ok(Subjects::default());
    }
    let run = runs::find().filter(runs::COLUMN.id.eq(run.as_uuid()));
    let run = run.one(connection).await?;
    let messages = messages::Entity::find()
        .filter(messages::COLUMN.id.is_in(named.into_iter().flatten()))
        .all(connection)
        .await?;
    let messages: Vec<Message> = all(messages)?;
    Ok(Subjects {
        run: run.map(Run::try_from).transpose()?,
        messages: messages.into_iter().map(|it| (it.id, it)).collect(),
    })
}

/// Removes the message's events. An end's output is stored in the message itself.
pub(crate) async fn forget(
    transaction: &Transaction,
    run: Uuid,
    message: MessageId,
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(COLUMN.run_id.eq(run))
        .filter(COLUMN.message_id.eq(message.as_uuid()))
        .filter(COLUMN.kind.ne(run_events::ENDED))
        .exec(transaction)
        .await?;
    let naming_calls = Entity::find().filter(COLUMN.run_id.eq(run)).filter(
        COLUMN
            .kind
            .is_in([run_events::TOOLS_REQUESTED, run_events::PAUSED]),
    );
    for row in naming_calls.all(transaction).await? {
        row.without_call(message)?.update(transaction).await?;
    }
    Ok(())
}

/// Removes what the runs' logs tell but their ends, and their starts unless they answer one of these
/// messages.
pub(crate) async fn forget_answers(
    transaction: &Transaction,
    runs: Vec<Uuid>,
    messages: Vec<Uuid>,
) -> Result<(), StoreError> {
    let is_start = COLUMN.kind.eq(run_events::STARTED);
    let of_others = COLUMN
        .message_id
        .is_null()
        .or(COLUMN.message_id.is_not_in(messages));
    Entity::delete_many()
        .filter(COLUMN.run_id.is_in(runs))
        .filter(COLUMN.kind.ne(run_events::ENDED))
        .filter(is_start.and(of_others).not())
        .exec(transaction)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use colloquy_application::testing::samples::Samples;

    use super::*;
    use crate::query_plan::{assert_served_by, databases};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_lies_behind_a_number_is_one_range_of_the_key() {
        let rows = rows_after(Samples::new().run_id(), 7, 100);
        for (_place, database) in databases().await {
            assert_served_by(&database, &rows, "run_events_pkey").await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_end_of_a_log_is_found_by_the_key() {
        let run = Samples::new().run_id();
        for (_place, database) in databases().await {
            let rows = rows_of_last_numbers(&[run]);
            assert_served_by(&database, &rows, "run_events_pkey").await;
        }
    }
}
