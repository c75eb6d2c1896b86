use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_application::ports::{
    AbandonedRuns, FinishedRun, ForcedEnd, InstanceId, PortError, RunEnd, RunRepository, RunStart,
    SavedRun,
};
use colloquy_domain::{Run, RunId, ThreadId};
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Set};
use uuid::Uuid;

use crate::entities::runs::{ActiveModel, COLUMN, Column, Entity, find};
use crate::locks::lock_held;
use crate::rows::all;
use crate::{Database, run_ends, run_starts};

/// Keeps the runs in a [`Database`].
///
/// Everything that begins or ends a run locks its thread's row first: writers to one thread pass
/// one by one, and those to different threads do not meet.
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
    async fn start(&self, start: &RunStart) -> Result<SavedRun, PortError> {
        if let Some(known) = self.known(start).await? {
            return Ok(SavedRun::Known(known));
        }
        match self.insert(start).await {
            // The same request may have been stored since, and be what is in the way.
            Err(conflict @ PortError::Conflict(_)) => match self.known(start).await? {
                Some(known) => Ok(SavedRun::Known(known)),
                None if self.frees_key(start).await? => self.insert(start).await,
                None => Err(conflict),
            },
            result => result,
        }
    }

    async fn renew(
        &self,
        holder: InstanceId,
        runs: &[RunId],
        expires_at: DateTime<Utc>,
    ) -> Result<Vec<RunId>, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let held = lock_held(&transaction, holder, runs.iter().copied()).await?;
                let renewed = ActiveModel {
                    lease_expires_at: Set(Some(expires_at)),
                    ..Default::default()
                };
                Entity::update_many()
                    .set(renewed)
                    .filter(COLUMN.id.is_in(held.iter().map(|run| run.as_uuid())))
                    .exec(&transaction)
                    .await?;
                transaction.commit().await?;
                Ok(held)
            })
            .await
    }

    async fn finish(&self, end: &RunEnd) -> Result<FinishedRun, PortError> {
        self.database
            .write(|| async {
                if let Some(number) = end.log_end {
                    let finished = run_ends::finish_at_once(&self.database, end, number);
                    if let Some(finished) = finished.await? {
                        return Ok(finished);
                    }
                }
                let transaction = self.database.begin().await?;
                let finished = run_ends::finish(&transaction, end).await?;
                transaction.commit().await?;
                Ok(finished)
            })
            .await
    }

    async fn force_end(&self, run: RunId, end: &ForcedEnd) -> Result<Run, PortError> {
        match self
            .end_if(run, COLUMN.lease_holder.is_not_null(), end)
            .await?
        {
            Some(ended) => Ok(ended),
            None => self.find(run).await?.ok_or(PortError::NotFound),
        }
    }

    async fn interrupt(
        &self,
        abandoned: AbandonedRuns,
        end: &ForcedEnd,
    ) -> Result<Vec<RunId>, PortError> {
        let mut ended = Vec::new();
        let mut failure = None;
        for run in self.abandoned(abandoned).await? {
            // One that was renewed, ended or deleted meanwhile is passed over.
            match self.end_if(run, is_abandoned(abandoned), end).await {
                Ok(Some(_)) => ended.push(run),
                Ok(None) | Err(PortError::NotFound) => {}
                Err(error @ PortError::Unavailable(_)) => return Err(error),
                // One that cannot be ended must not keep the others busy.
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if ended.is_empty() => Err(error),
            _ => Ok(ended),
        }
    }

    async fn find(&self, id: RunId) -> Result<Option<Run>, PortError> {
        self.one(find().filter(COLUMN.id.eq(id.as_uuid()))).await
    }

    async fn get(&self, thread: ThreadId, id: RunId) -> Result<Option<Run>, PortError> {
        self.one(of_thread(thread).filter(COLUMN.id.eq(id.as_uuid())))
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
    async fn one(&self, rows: Select<Entity>) -> Result<Option<Run>, PortError> {
        self.database
            .read(async {
                let model = rows.one(self.database.reader()).await?;
                Ok(model.map(Run::try_from).transpose()?)
            })
            .await
    }

    async fn known(&self, start: &RunStart) -> Result<Option<Run>, PortError> {
        self.database
            .read(run_starts::known(self.database.reader(), start))
            .await
    }

    /// Takes the start's key from a run whose thread was deleted; whether there was one.
    async fn frees_key(&self, start: &RunStart) -> Result<bool, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let freed = run_starts::free_key(&transaction, start).await?;
                transaction.commit().await?;
                Ok(freed)
            })
            .await
    }

    async fn insert(&self, start: &RunStart) -> Result<SavedRun, PortError> {
        self.database
            .write(|| async {
                let message = run_starts::insert_at_once(&self.database, start);
                if let Some(message) = message.await? {
                    return Ok(SavedRun::New(message));
                }
                let transaction = self.database.begin().await?;
                let message = run_starts::insert(&transaction, start).await?;
                transaction.commit().await?;
                Ok(SavedRun::New(message))
            })
            .await
    }

    /// Ends the run if the condition holds for it, whoever works on it.
    async fn end_if(
        &self,
        run: RunId,
        condition: SimpleExpr,
        end: &ForcedEnd,
    ) -> Result<Option<Run>, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let ended = run_ends::force(&transaction, run, condition.clone(), end).await?;
                transaction.commit().await?;
                Ok(ended)
            })
            .await
    }

    async fn abandoned(&self, abandoned: AbandonedRuns) -> Result<Vec<RunId>, PortError> {
        let rows = Entity::find().filter(is_abandoned(abandoned));
        self.database
            .read(async {
                let ids: Vec<Uuid> = rows
                    .select_only()
                    .column(Column::Id)
                    .into_tuple()
                    .all(self.database.reader())
                    .await?;
                Ok(ids.into_iter().map(RunId::from_uuid).collect())
            })
            .await
    }
}

/// Only a run in progress has a lease.
fn is_abandoned(abandoned: AbandonedRuns) -> SimpleExpr {
    match abandoned {
        AbandonedRuns::ExpiredBefore(moment) => COLUMN.lease_expires_at.lt(moment),
        AbandonedRuns::HeldBy(InstanceId(holder)) => COLUMN.lease_holder.eq(holder),
    }
}

fn of_thread(thread: ThreadId) -> Select<Entity> {
    find().filter(COLUMN.thread_id.eq(thread.as_uuid()))
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
    async fn runs_of_a_thread_abandoned_ones_and_a_users_are_found_by_indexes() {
        let make = Samples::new();
        let (thread, after) = (make.thread_id(), Some(make.run_id()));
        let abandoned = |how| Entity::find().filter(is_abandoned(how));
        let expired = abandoned(AbandonedRuns::ExpiredBefore(moment(0)));
        let lost = abandoned(AbandonedRuns::HeldBy(make.instance()));
        let of_user = run_starts::active_of(make.user_id());
        for (_place, database) in databases().await {
            for (rows, index) in [
                (&rows_after(thread, after, 100), "runs_thread_id_id_idx"),
                (&expired, "runs_lease_expires_at_idx"),
                (&lost, "runs_lease_holder_idx"),
                (&of_user, "runs_active_user_id_idx"),
            ] {
                assert_served_by(&database, rows, index).await;
            }
        }
    }
}
