//! Stores runs.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_application::ports::{
    AbandonedRuns, ActiveRun, Committed, Expected, Idempotency, InstanceId, PortError, RunCommit,
    RunRepository,
};
use colloquy_domain::{Run, RunId, ThreadId};
use sea_orm::sea_query::UnionType;
use sea_orm::{EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Set};
use uuid::Uuid;

use crate::entities::runs::{ActiveModel, COLUMN, Column, Entity, find, find_listed, find_whole};
use crate::locks::lock_held;
use crate::rows::all;
use crate::{Database, run_commits};

/// Stores runs in a [`Database`].
///
/// Every transition locks its thread's row first: writers to one thread are serialised, others are
/// independent.
#[derive(Debug, Clone)]
pub struct SeaRunRepository {
    database: Database,
}

impl SeaRunRepository {
    /// The runs of this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl RunRepository for SeaRunRepository {
    async fn commit(&self, commit: &RunCommit) -> Result<Committed, PortError> {
        let Expected::New {
            idempotency: Some(asked),
            ..
        } = &commit.expected
        else {
            return self.write(commit).await;
        };
        if let Some(known) = self.known(commit, asked).await? {
            return Ok(Committed::Known(known));
        }
        match self.write(commit).await {
            // The same request may have been stored meanwhile and cause the conflict.
            Err(conflict @ PortError::Conflict(_)) => match self.known(commit, asked).await? {
                Some(known) => Ok(Committed::Known(known)),
                None if self.frees_key(commit, asked).await? => self.write(commit).await,
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

    async fn abandoned(&self, abandoned: AbandonedRuns) -> Result<Vec<RunId>, PortError> {
        let rows = ids_of(abandoned);
        self.database
            .read(async {
                let ids: Vec<Uuid> = rows.into_tuple().all(self.database.reader()).await?;
                Ok(ids.into_iter().map(RunId::from_uuid).collect())
            })
            .await
    }

    async fn active(&self, id: RunId) -> Result<Option<ActiveRun>, PortError> {
        let rows = find_whole().filter(COLUMN.id.eq(id.as_uuid()));
        self.database
            .read(async {
                let Some(model) = rows.one(self.database.reader()).await? else {
                    return Ok(None);
                };
                let active = ActiveRun {
                    lease: model.lease(),
                    instructions: model.given_instructions()?,
                    run: Run::try_from(model)?,
                };
                Ok(Some(active).filter(|active| active.run.status.is_active()))
            })
            .await
    }

    async fn find(&self, id: RunId) -> Result<Option<Run>, PortError> {
        self.one(find().filter(COLUMN.id.eq(id.as_uuid()))).await
    }

    async fn get(&self, thread: ThreadId, id: RunId) -> Result<Option<Run>, PortError> {
        let of_thread = find().filter(COLUMN.thread_id.eq(thread.as_uuid()));
        self.one(of_thread.filter(COLUMN.id.eq(id.as_uuid()))).await
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

    async fn known(
        &self,
        commit: &RunCommit,
        asked: &Idempotency,
    ) -> Result<Option<Run>, PortError> {
        let Some(user) = commit.run.user_id else {
            return Ok(None);
        };
        self.database
            .read(run_commits::known(self.database.reader(), user, asked))
            .await
    }

    /// Takes the key from a run of a deleted thread; returns whether there was one.
    async fn frees_key(&self, commit: &RunCommit, asked: &Idempotency) -> Result<bool, PortError> {
        let Some(user) = commit.run.user_id else {
            return Ok(false);
        };
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let freed = run_commits::free_key(&transaction, user, asked).await?;
                transaction.commit().await?;
                Ok(freed)
            })
            .await
    }

    async fn write(&self, commit: &RunCommit) -> Result<Committed, PortError> {
        let written = self
            .database
            .write(|| run_commits::commit(&self.database, commit));
        Ok(Committed::Written(written.await?))
    }
}

/// Only runs in progress have a lease, and only paused ones a deadline.
fn ids_of(abandoned: AbandonedRuns) -> Select<Entity> {
    let ids = |rows: Select<Entity>| rows.select_only().column(Column::Id);
    match abandoned {
        AbandonedRuns::OverdueAt(moment) => {
            // A union, since each half has its own index.
            let waited = Entity::find().filter(COLUMN.expires_at.lt(moment));
            let mut overdue = ids(Entity::find().filter(COLUMN.lease_expires_at.lt(moment)));
            QueryTrait::query(&mut overdue).union(UnionType::All, ids(waited).into_query());
            overdue
        }
        AbandonedRuns::HeldBy(InstanceId(holder)) => {
            ids(Entity::find().filter(COLUMN.lease_holder.eq(holder)))
        }
        AbandonedRuns::OfUser(user) => ids(run_commits::in_progress_of(user)),
    }
}

fn rows_after(thread: ThreadId, after: Option<RunId>, limit: u32) -> Select<Entity> {
    let mut rows = find_listed().filter(COLUMN.thread_id.eq(thread.as_uuid()));
    if let Some(after) = after {
        rows = rows.filter(COLUMN.id.lt(after.as_uuid()));
    }
    rows.order_by_desc(COLUMN.id).limit(u64::from(limit))
}

#[cfg(test)]
mod tests {
    use colloquy_application::testing::samples::{Samples, moment};

    use super::*;
    use crate::query_plan::{assert_served_by, databases};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn runs_of_a_thread_abandoned_ones_and_a_users_are_found_by_indexes() {
        let make = Samples::new();
        let (thread, after) = (make.thread_id(), Some(make.run_id()));
        let overdue = ids_of(AbandonedRuns::OverdueAt(moment(0)));
        let lost = ids_of(AbandonedRuns::HeldBy(make.instance()));
        let of_user = ids_of(AbandonedRuns::OfUser(make.user_id()));
        for (_place, database) in databases().await {
            for (rows, index) in [
                (&rows_after(thread, after, 100), "runs_thread_id_id_idx"),
                (&overdue, "runs_lease_expires_at_idx"),
                (&overdue, "runs_expires_at_idx"),
                (&lost, "runs_lease_holder_idx"),
                (&of_user, "runs_active_user_id_idx"),
            ] {
                assert_served_by(&database, rows, index).await;
            }
        }
    }
}
