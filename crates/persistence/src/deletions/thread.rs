//! Removes rows of deleted threads.

use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{
    ColumnTrait as _, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::BATCH_BYTES;
use crate::entities::{messages, run_events, runs};
use crate::error::StoreError;
use crate::transaction::Transaction;

/// One row in five is a run: most have four rows of events.
const ROWS_PER_RUN: u64 = 5;

/// Removes the thread's messages, then its runs with their events. Returns the number of rows.
pub(super) async fn remove_batch(
    transaction: &Transaction,
    thread: Uuid,
    max_rows: u64,
) -> Result<u64, StoreError> {
    match remove_messages(transaction, thread, max_rows).await? {
        0 => remove_runs(transaction, thread, max_rows).await,
        removed => Ok(removed),
    }
}

#[derive(FromQueryResult)]
struct SizedMessage {
    position: i64,
    bytes: i64,
}

async fn remove_messages(
    transaction: &Transaction,
    thread: Uuid,
    max_rows: u64,
) -> Result<u64, StoreError> {
    let of_thread = messages::COLUMN.thread_id.eq(thread);
    let first: Vec<SizedMessage> = messages::Entity::find()
        .select_only()
        .column(messages::Column::Position)
        .expr_as(messages::bytes(), "bytes")
        .filter(of_thread.clone())
        .order_by_asc(messages::Column::Position)
        .limit(max_rows)
        .into_model()
        .all(transaction)
        .await?;
    let Some(last) = last_within(&first, max_rows, |message| message.bytes) else {
        return Ok(0);
    };
    let removal = messages::Entity::delete_many()
        .filter(of_thread)
        .filter(messages::COLUMN.position.lte(last.position));
    Ok(removal.exec(transaction).await?.rows_affected)
}

#[derive(FromQueryResult)]
struct SizedEvents {
    run_id: Uuid,
    last_number: i64,
    bytes: i64,
}

/// Removes the thread's first runs whose events all fit in this batch.
async fn remove_runs(
    transaction: &Transaction,
    thread: Uuid,
    max_rows: u64,
) -> Result<u64, StoreError> {
    let max_runs = Ord::max(max_rows / ROWS_PER_RUN, 1);
    let max_events = Ord::max(max_rows.saturating_sub(max_runs), 1);
    let runs: Vec<Uuid> = runs::Entity::find()
        .select_only()
        .column(runs::Column::Id)
        .filter(runs::COLUMN.thread_id.eq(thread))
        .order_by_asc(runs::Column::Id)
        .limit(max_runs)
        .into_tuple()
        .all(transaction)
        .await?;
    if runs.is_empty() {
        return Ok(0);
    }
    let events = first_events(transaction, &runs, max_events).await?;
    let removed = match last_within(&events, max_events, |events| events.bytes) {
        Some(last) => remove_events(transaction, &runs, last).await?,
        None => 0,
    };
    if removed < events.len() as u64 {
        return Ok(removed);
    }
    let removal = runs::Entity::delete_many().filter(runs::Column::Id.is_in(runs));
    Ok(removed + removal.exec(transaction).await?.rows_affected)
}

/// One row more than a batch may remove.
async fn first_events(
    transaction: &Transaction,
    runs: &[Uuid],
    max_events: u64,
) -> Result<Vec<SizedEvents>, StoreError> {
    let first = run_events::Entity::find()
        .select_only()
        .columns([run_events::Column::RunId, run_events::Column::LastNumber])
        .expr_as(run_events::bytes(), "bytes")
        .filter(run_events::COLUMN.run_id.is_in(runs.iter().copied()))
        .order_by_asc(run_events::Column::RunId)
        .order_by_asc(run_events::Column::LastNumber)
        .limit(max_events.saturating_add(1));
    Ok(first.into_model().all(transaction).await?)
}

async fn remove_events(
    transaction: &Transaction,
    runs: &[Uuid],
    last: &SizedEvents,
) -> Result<u64, StoreError> {
    let run = run_events::COLUMN.run_id;
    let up_to_last = run.eq(last.run_id);
    let up_to_last = up_to_last.and(run_events::COLUMN.last_number.lte(last.last_number));
    let removal = run_events::Entity::delete_many()
        .filter(run.is_in(runs.iter().copied()))
        .filter(run.lt(last.run_id).or(up_to_last));
    Ok(removal.exec(transaction).await?.rows_affected)
}

/// The last of the first `most` rows within [`BATCH_BYTES`], but at least the first.
fn last_within<T>(rows: &[T], most: u64, bytes: impl Fn(&T) -> i64) -> Option<&T> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut total = 0_i64;
    let within = rows.iter().take(most).take_while(|row| {
        total = total.saturating_add(bytes(row));
        total <= BATCH_BYTES
    });
    within.last().or(rows.first())
}
