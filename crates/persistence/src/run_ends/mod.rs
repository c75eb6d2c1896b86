//! How runs end: each function is for a transaction of its own. Their holders end them, first of
//! all, in one go, as [`postgres`] and [`sqlite`] tell.

mod postgres;
mod sqlite;

use colloquy_application::ports::{Constraint, FinishedRun, ForcedEnd, PortError, RunEnd};
use colloquy_domain::{Run, RunId, RunStatus, ThreadId};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{EntityTrait, QueryFilter, Set, UpdateMany};

use crate::Database;
use crate::database::AtOnce;
use crate::entities::run_events;
use crate::entities::runs::{ActiveModel, COLUMN, Column, Entity};
use crate::error::Failure;
use crate::locks::{is_thread_of, lock_thread_of};
use crate::positions::{insert, place, placed, take};
use crate::run_events::{add, behind, last_number, spoken};
use crate::transaction::Transaction;

/// Does what [`finish`] does for a run whose log ends with number `log_end`, in one go. None when
/// that cannot be done so, and nothing is changed then: the run is gone or not held, or its log may
/// go on behind that number.
pub(crate) async fn finish_at_once(
    database: &Database,
    end: &RunEnd,
    log_end: u64,
) -> Result<Option<FinishedRun>, Failure> {
    match database.at_once() {
        AtOnce::Postgres(pool) => postgres::finish(pool, end, log_end).await,
        AtOnce::Sqlite(scripts) => sqlite::finish(scripts, end, log_end).await,
    }
}

/// See [`RunRepository::finish`](colloquy_application::ports::RunRepository::finish).
pub(crate) async fn finish(
    transaction: &Transaction,
    end: &RunEnd,
) -> Result<FinishedRun, Failure> {
    // First of all, since it locks the thread; undone with the rest when the run is not held.
    let is_thread = is_thread_of(end.run_id);
    let first = take(transaction, is_thread, &end.messages, None).await?;
    let row = ActiveModel::ended(end);
    let ended = write_end(transaction, end.run_id, row, is_held(end)).await?;
    let run = ended.ok_or(PortError::Conflict(Constraint::RunLease))?;
    let last = last_number(transaction, run.id).await?;
    let events = events(end, last)?;
    insert(transaction, run.thread_id, run.id, &end.messages, first).await?;
    add(transaction, events).await?;
    let messages = placed(run.thread_id, run.id, &end.messages, first);
    Ok(FinishedRun { run, messages })
}

fn is_held(end: &RunEnd) -> SimpleExpr {
    COLUMN.lease_holder.eq(end.holder.0)
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
    transaction: &Transaction,
    run: RunId,
    condition: SimpleExpr,
    end: &ForcedEnd,
) -> Result<Option<Run>, Failure> {
    lock_thread_of(transaction, run).await?;
    let stopped = ActiveModel::stopped(end.status, Some(&end.error), end.finished_at);
    let Some(run) = write_end(transaction, run, stopped, condition).await? else {
        return Ok(None);
    };
    let last = last_number(transaction, run.id).await?;
    let spoken = spoken(transaction, run.id).await?;
    let messages = spoken.into_messages(run.assistant_id, end.finished_at);
    place(transaction, run.thread_id, run.id, &messages).await?;
    let last = ForcedEnd::behind(last);
    let closing = run_events::closing(run.id, run.status, &messages, last)?;
    add(transaction, closing).await?;
    Ok(Some(run))
}

/// Takes the lease off the run in progress, if any, of a thread that was deleted: nobody works on
/// it any more. Nobody will read how it ended either.
pub(crate) async fn drop_active(
    transaction: &Transaction,
    thread: ThreadId,
) -> Result<(), Failure> {
    let dropped = ActiveModel {
        status: Set(RunStatus::Cancelled.as_str().to_owned()),
        lease_holder: Set(None),
        lease_expires_at: Set(None),
        ..Default::default()
    };
    Entity::update_many()
        .set(dropped)
        .col_expr(Column::FinishedAt, Expr::col(Column::CreatedAt))
        .filter(is_active_in(thread))
        .exec(transaction)
        .await?;
    Ok(())
}

/// The words of the partial index, not a parameter: otherwise all runs of the thread are gone
/// through.
fn is_active_in(thread: ThreadId) -> SimpleExpr {
    let is_active = Expr::cust("status = 'in_progress'");
    COLUMN.thread_id.eq(thread.as_uuid()).and(is_active)
}

/// Writes the run's end into its row, which then is locked and takes no more events.
async fn write_end(
    transaction: &Transaction,
    run: RunId,
    end: ActiveModel,
    condition: SimpleExpr,
) -> Result<Option<Run>, Failure> {
    let ending = ending(run, end, condition);
    let updated = ending.exec_with_returning(transaction).await?;
    let model = updated.into_iter().next();
    Ok(model.map(Run::try_from).transpose()?)
}

fn ending(run: RunId, end: ActiveModel, condition: SimpleExpr) -> UpdateMany<Entity> {
    Entity::update_many()
        .set(end)
        .filter(COLUMN.id.eq(run.as_uuid()))
        .filter(condition)
}

#[cfg(test)]
mod tests {
    use colloquy_application::testing::samples::Samples;
    use sea_orm::{EntityTrait as _, QueryFilter as _};

    use super::is_active_in;
    use crate::entities::runs::Entity;
    use crate::plans::{assert_served_by, databases};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_run_in_progress_of_a_thread_has_an_index_of_its_own() {
        let rows = Entity::find().filter(is_active_in(Samples::new().thread_id()));
        for (_place, database) in databases().await {
            assert_served_by(&database, &rows, "runs_active_thread_id_unique").await;
        }
    }
}
