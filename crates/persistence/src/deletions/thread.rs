use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{
    ColumnTrait as _, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{BATCH_BYTES, BATCH_ROWS};
use crate::entities::{messages, run_events, runs};
use crate::error::Failure;
use crate::transaction::Transaction;

/// How many runs a batch may remove with their events, of which most have three or four.
const BATCH_RUNS: u64 = BATCH_ROWS / 4;

/// Removes messages of a thread that is gone, then its runs with their events; how many rows.
pub(super) async fn remove_batch(transaction: &Transaction, thread: Uuid) -> Result<u64, Failure> {
    match remove_messages(transaction, thread).await? {
        0 => remove_runs(transaction, thread).await,
        removed => Ok(removed),
    }
}

#[derive(FromQueryResult)]
struct SizedMessage {
    position: i64,
    bytes: i64,
}

async fn remove_messages(transaction: &Transaction, thread: Uuid) -> Result<u64, Failure> {
    let of_thread = messages::COLUMN.thread_id.eq(thread);
    let first: Vec<SizedMessage> = messages::Entity::find()
        .select_only()
        .column(messages::Column::Position)
        .expr_as(messages::bytes(), "bytes")
        .filter(of_thread.clone())
        .order_by_asc(messages::Column::Position)
        .limit(BATCH_ROWS)
        .into_model()
        .all(transaction)
        .await?;
    let Some(last) = last_within(&first, |message| message.bytes) else {
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

async fn remove_runs(transaction: &Transaction, thread: Uuid) -> Result<u64, Failure> {
    let of_thread: Vec<Uuid> = runs::Entity::find()
        .select_only()
        .column(runs::Column::Id)
        .filter(runs::COLUMN.thread_id.eq(thread))
        .order_by_asc(runs::Column::Id)
        .limit(BATCH_RUNS)
        .into_tuple()
        .all(transaction)
        .await?;
    if of_thread.is_empty() {
        return Ok(0);
    }
    match remove_events(transaction, &of_thread).await? {
        0 => {
            let removal = runs::Entity::delete_many().filter(runs::Column::Id.is_in(of_thread));
            Ok(removal.exec(transaction).await?.rows_affected)
        }
        removed => Ok(removed),
    }
}

async fn remove_events(transaction: &Transaction, runs: &[Uuid]) -> Result<u64, Failure> {
    let of_runs = run_events::COLUMN.run_id.is_in(runs.iter().copied());
    let first: Vec<SizedEvents> = run_events::Entity::find()
        .select_only()
        .columns([run_events::Column::RunId, run_events::Column::LastNumber])
        .expr_as(run_events::bytes(), "bytes")
        .filter(of_runs.clone())
        .order_by_asc(run_events::Column::RunId)
        .order_by_asc(run_events::Column::LastNumber)
        .limit(BATCH_ROWS)
        .into_model()
        .all(transaction)
        .await?;
    let Some(last) = last_within(&first, |events| events.bytes) else {
        return Ok(0);
    };
    let up_to_last = run_events::COLUMN
        .run_id
        .lt(last.run_id)
        .or(run_events::COLUMN
            .run_id
            .eq(last.run_id)
            .and(run_events::COLUMN.last_number.lte(last.last_number)));
    let removal = run_events::Entity::delete_many()
        .filter(of_runs)
        .filter(up_to_last);
    Ok(removal.exec(transaction).await?.rows_affected)
}

/// The last of the rows that together have no more than [`BATCH_BYTES`], or the first.
fn last_within<T>(rows: &[T], bytes: impl Fn(&T) -> i64) -> Option<&T> {
    let mut total = 0_i64;
    let within = rows.iter().take_while(|row| {
        total = total.saturating_add(bytes(row));
        total <= BATCH_BYTES
    });
    within.last().or(rows.first())
}
