//! How runs end: each function is for a transaction of its own. On PostgreSQL their holders end
//! them, first of all, as [`statement`] tells.

pub(crate) mod statement;

use colloquy_application::ports::{
    Constraint, FinishedRun, ForcedEnd, PortError, RunEnd, SpokenMessages,
};
use colloquy_domain::{Run, RunId};
use sea_orm::sea_query::{Query, SimpleExpr, UpdateStatement};
use sea_orm::{
    DatabaseTransaction, EntityTrait, FromQueryResult, Iterable, QueryFilter, QueryResult,
    QueryTrait,
};

use crate::batch::Batch;
use crate::entities::run_events;
use crate::entities::runs::{ActiveModel, COLUMN, Column, Entity, Model};
use crate::error::Failure;
use crate::locks::{is_thread_of, lock_thread_of};
use crate::positions;
use crate::run_events::{behind, insertions, last_number, log};

/// See [`RunRepository::finish`](colloquy_application::ports::RunRepository::finish). `log_end` is
/// the number of the log's last event, where that is known.
pub(crate) async fn finish(
    transaction: &DatabaseTransaction,
    end: &RunEnd,
    log_end: Option<u64>,
) -> Result<FinishedRun, Failure> {
    let count = end.messages.len();
    // First of all, since it locks the thread; undone with the rest when the run is not held.
    let taking = positions::taking(is_thread_of(end.run_id), count)?;
    let is_held = COLUMN.lease_holder.eq(end.holder.0);
    let ending = ending(end.run_id, ActiveModel::ended(end), is_held);
    let rows = Batch::new(transaction).with([taking]).with([ending]).run();
    let rows = rows.await?;
    let first = positions::taken(rows.first(), count)?;
    let run = ended(rows.get(1))?.ok_or(PortError::Conflict(Constraint::RunLease))?;
    let last = match log_end {
        Some(last) => last,
        None => last_number(transaction, run.id).await?,
    };
    let events = events(end, last)?;
    let insertion = positions::insertion(run.thread_id, run.id, &end.messages, first)?;
    Batch::new(transaction)
        .with(insertion)
        .with(insertions(events))
        .run()
        .await?;
    let messages = positions::placed(run.thread_id, run.id, &end.messages, first);
    Ok(FinishedRun { run, messages })
}

/// The rows of what `end` adds to a log of which the last number is `last`.
fn events(end: &RunEnd, last: u64) -> Result<Vec<run_events::ActiveModel>, PortError> {
    let new = behind(&end.events, last);
    let last = new.last().map_or(last, |event| event.number);
    let mut rows = run_events::rows(end.run_id, new)?;
    let closing = run_events::closing(end.run_id, end.status, &end.messages, last)?;
    rows.extend(closing);
    Ok(rows)
}

/// Ends the run if the condition holds for it, whoever works on it; with what its log has of
/// unfinished messages.
pub(crate) async fn force(
    transaction: &DatabaseTransaction,
    run: RunId,
    condition: SimpleExpr,
    end: &ForcedEnd,
) -> Result<Option<Run>, Failure> {
    lock_thread_of(transaction, run).await?;
    let stopped = ActiveModel::stopped(end.status, Some(&end.error), end.finished_at);
    let ending = ending(run, stopped, condition);
    let rows = Batch::new(transaction).with([ending]).run().await?;
    let Some(run) = ended(rows.first())? else {
        return Ok(None);
    };
    let last = last_number(transaction, run.id).await?;
    let log = log(transaction, run.id).await?;
    let spoken = SpokenMessages::of(log.iter().map(|event| &event.kind));
    let messages = spoken.into_messages(run.assistant_id, end.finished_at);
    positions::place(transaction, run.thread_id, run.id, &messages).await?;
    let last = ForcedEnd::behind(last);
    let closing = run_events::closing(run.id, run.status, &messages, last)?;
    Batch::new(transaction)
        .with(insertions(closing))
        .run()
        .await?;
    Ok(Some(run))
}

/// Writes the run's end into its row, which then is locked and takes no more events; returns it.
fn ending(run: RunId, end: ActiveModel, condition: SimpleExpr) -> UpdateStatement {
    let mut ending = Entity::update_many()
        .set(end)
        .filter(COLUMN.id.eq(run.as_uuid()))
        .filter(condition)
        .into_query();
    ending.returning(Query::returning().columns(Column::iter()));
    ending
}

/// The run as it ended, by the row that [`ending`] returns.
fn ended(row: Option<&QueryResult>) -> Result<Option<Run>, Failure> {
    let model = row.map(|row| Model::from_query_result(row, ""));
    Ok(model.transpose()?.map(Run::try_from).transpose()?)
}
