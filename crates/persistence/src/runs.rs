use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_application::ports::{
    AbandonedRuns, Constraint, FinishedRun, InstanceId, PortError, RunEnd, RunRepository, RunStart,
};
use colloquy_domain::{Message, Run, RunError, RunId, RunStatus, ThreadId};
use sea_orm::sea_query::{Expr, ExprTrait, Query, SimpleExpr};
use sea_orm::{
    DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Set,
};

use crate::Database;
use crate::entities::runs::{ActiveModel, COLUMN, Column, Entity, Model};
use crate::entities::{messages, threads};
use crate::error::Failure;
use crate::rows::all;

/// Keeps the runs in a [`Database`].
///
/// Everything that changes a run's messages changes its thread's row first: writers to one thread
/// pass one by one, and those to different threads do not meet.
#[derive(Debug, Clone)]
pub struct SeaRunRepository {
    database: Database,
}

impl SeaRunRepository {
    /// The runs of that database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl RunRepository for SeaRunRepository {
    async fn start(&self, start: &RunStart) -> Result<Message, PortError> {
        let run = &start.run;
        let is_thread = || threads::COLUMN.id.eq(run.thread_id.as_uuid());
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let places = take_places(&transaction, is_thread(), 1).await?;
                Entity::insert(ActiveModel::started(start))
                    .exec_without_returning(&transaction)
                    .await?;
                let message = start.message.clone();
                let message = message.placed(run.thread_id, run.id, places.first);
                insert_messages(&transaction, std::slice::from_ref(&message)).await?;
                transaction.commit().await?;
                Ok(message)
            })
            .await
    }

    async fn renew(
        &self,
        holder: InstanceId,
        runs: &[RunId],
        expires_at: DateTime<Utc>,
    ) -> Result<Vec<RunId>, PortError> {
        let renewed = ActiveModel {
            lease_expires_at: Set(Some(expires_at)),
            ..Default::default()
        };
        let is_held = COLUMN
            .lease_holder
            .eq(holder.0)
            .and(COLUMN.id.is_in(runs.iter().map(|run| run.as_uuid())));
        self.change(&renewed, &is_held).await
    }

    async fn finish(&self, end: &RunEnd) -> Result<FinishedRun, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let of_run = thread_of(end.run_id);
                let places = take_places(&transaction, of_run, end.messages.len()).await?;
                let run = end_run(&transaction, end).await?;
                let messages: Vec<_> = (places.first..)
                    .zip(end.messages.iter().cloned())
                    .map(|(position, message)| message.placed(places.thread, run.id, position))
                    .collect();
                insert_messages(&transaction, &messages).await?;
                transaction.commit().await?;
                Ok(FinishedRun { run, messages })
            })
            .await
    }

    async fn interrupt(
        &self,
        abandoned: AbandonedRuns,
        error: &RunError,
        finished_at: DateTime<Utc>,
    ) -> Result<Vec<RunId>, PortError> {
        let failed = ActiveModel::stopped(RunStatus::Failed, Some(error), finished_at);
        self.change(&failed, &is_abandoned(abandoned)).await
    }

    async fn get(&self, thread: ThreadId, id: RunId) -> Result<Option<Run>, PortError> {
        self.database
            .read(async {
                let found = of_thread(thread).filter(COLUMN.id.eq(id.as_uuid()));
                let model = found.one(self.database.reader()).await?;
                Ok(model.map(Run::try_from).transpose()?)
            })
            .await
    }

    async fn list(
        &self,
        thread: ThreadId,
        after: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<Run>, PortError> {
        let rows = rows_after(thread, after, limit);
        self.database
            .read(async { Ok(all(rows.all(self.database.reader()).await?)?) })
            .await
    }
}

impl SeaRunRepository {
    /// Changes the runs that the condition describes; which they were.
    async fn change(
        &self,
        change: &ActiveModel,
        condition: &SimpleExpr,
    ) -> Result<Vec<RunId>, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let models = Entity::update_many()
                    .set(change.clone())
                    .filter(condition.clone())
                    .exec_with_returning(&transaction)
                    .await?;
                transaction.commit().await?;
                let ids = models.into_iter().map(|model| RunId::from_uuid(model.id));
                Ok(ids.collect())
            })
            .await
    }
}

/// Consecutive free positions in a thread, reserved for the transaction.
struct Places {
    thread: ThreadId,
    first: u64,
}

/// Reserves `count` positions in the thread that the condition describes, and locks its row.
async fn take_places(
    transaction: &DatabaseTransaction,
    is_thread: SimpleExpr,
    count: usize,
) -> Result<Places, Failure> {
    let count = i64::try_from(count).map_err(PortError::other)?;
    let last_position = threads::COLUMN.last_position;
    let updated = threads::Entity::update_many()
        .col_expr(last_position, Expr::col(last_position).add(count))
        .filter(is_thread)
        .exec_with_returning(transaction)
        .await?;
    let thread = updated.into_iter().next().ok_or(PortError::NotFound)?;
    let first = thread.last_position - count + 1;
    Ok(Places {
        thread: ThreadId::from_uuid(thread.id),
        first: u64::try_from(first).map_err(PortError::other)?,
    })
}

fn thread_of(run: RunId) -> SimpleExpr {
    let thread = Query::select()
        .column(Column::ThreadId)
        .from(Entity)
        .and_where(COLUMN.id.eq(run.as_uuid()))
        .take();
    threads::COLUMN.id.in_subquery(thread)
}

/// The run is there: its thread was found by it, and is locked.
async fn end_run(transaction: &DatabaseTransaction, end: &RunEnd) -> Result<Run, Failure> {
    let updated = Entity::update_many()
        .set(ActiveModel::ended(end))
        .filter(COLUMN.id.eq(end.run_id.as_uuid()))
        .filter(COLUMN.lease_holder.eq(end.holder.0))
        .exec_with_returning(transaction)
        .await?;
    let model: Option<Model> = updated.into_iter().next();
    let model = model.ok_or(PortError::Conflict(Constraint::RunLease))?;
    Ok(model.try_into()?)
}

async fn insert_messages(
    transaction: &DatabaseTransaction,
    messages: &[Message],
) -> Result<(), Failure> {
    let rows = messages
        .iter()
        .map(messages::ActiveModel::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    messages::Entity::insert_many(rows)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Only a run in progress has a lease.
fn is_abandoned(abandoned: AbandonedRuns) -> SimpleExpr {
    match abandoned {
        AbandonedRuns::ExpiredBefore(moment) => COLUMN.lease_expires_at.lt(moment),
        AbandonedRuns::HeldBy(InstanceId(holder)) => COLUMN.lease_holder.eq(holder),
    }
}

fn of_thread(thread: ThreadId) -> Select<Entity> {
    Entity::find().filter(COLUMN.thread_id.eq(thread.as_uuid()))
}

fn rows_after(thread: ThreadId, after: Option<RunId>, limit: u32) -> Select<Entity> {
    let mut rows = of_thread(thread);
    if let Some(after) = after {
        rows = rows.filter(COLUMN.id.lt(after.as_uuid()));
    }
    rows.order_by_desc(COLUMN.id).limit(u64::from(limit))
}

#[cfg(test)]
mod tests {
    use colloquy_application::testing::samples::{Samples, moment};

    use super::*;
    use crate::plans::{assert_served_by, databases};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn runs_of_a_thread_and_abandoned_ones_are_found_by_indexes() {
        let make = Samples::new();
        let (thread, after) = (make.thread_id(), Some(make.run_id()));
        let abandoned = |how| Entity::find().filter(is_abandoned(how));
        let expired = abandoned(AbandonedRuns::ExpiredBefore(moment(0)));
        let lost = abandoned(AbandonedRuns::HeldBy(make.instance()));
        for (_place, database) in databases().await {
            for (rows, index) in [
                (&rows_after(thread, after, 100), "runs_thread_id_id_idx"),
                (&expired, "runs_lease_expires_at_idx"),
                (&lost, "runs_lease_holder_idx"),
            ] {
                assert_served_by(&database, rows, index).await;
            }
        }
    }
}
