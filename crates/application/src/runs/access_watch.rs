//! Ends runs whose user lost access or whose assistant was disabled or deleted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use colloquy_domain::{Role, RunEnding, RunErrorCode, User, UserId};

use super::active::ActiveRun;
use super::engine::RunEngine;
use super::forced_end::force_end;
use super::outcome::summary;
use crate::ports::{AbandonedRuns, ActiveRun as StoredRun, PortError};

impl RunEngine {
    /// Ends the runs in progress of users who are disabled, deleted or no longer have the role that
    /// the run began with, and of assistants that were disabled or deleted. A revoked token ends no run.
    ///
    /// # Errors
    /// The store's own.
    pub(super) async fn end_revoked(&self) -> Result<(), PortError> {
        let active = self.inner.active.all();
        self.end_of_lost_users(&active).await?;
        self.end_of_lost_assistants(&active).await
    }

    /// Ends the runs of a user who lost access, on whichever instance.
    /// [`end_revoked`](Self::end_revoked) alone would miss a user whose access is restored before
    /// its next check.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn end_of_user(&self, user: UserId) -> Result<(), PortError> {
        let active = self.inner.active.all();
        for run in active.iter().filter(|it| it.actor.user_id() == Some(user)) {
            run.stop(RunErrorCode::AccessRevoked);
        }
        let ports = &self.inner.ports;
        let abandoned = AbandonedRuns::OfUser(user);
        for run in ports.runs.abandoned(abandoned).await? {
            if self.inner.active.get(run).is_some() {
                continue;
            }
            let now = ports.clock.now();
            let revoked = RunEnding::without_answer(RunErrorCode::AccessRevoked, now);
            let ending = |run: &StoredRun| abandoned.contains(run).then(|| revoked.clone());
            let stores = (&*ports.runs, &*ports.events);
            if let Some(ended) = force_end(stores, run, ending).await? {
                ports.observer.run_ended(summary(&ended));
            }
        }
        Ok(())
    }

    async fn end_of_lost_assistants(&self, active: &[Arc<ActiveRun>]) -> Result<(), PortError> {
        for run in active {
            let access = &self.inner.access;
            if access.keeps_assistant(&run.actor, run.assistant).await? {
                continue;
            }
            tracing::info!(run.id = %run.id, assistant.id = %run.assistant, "run ended: its assistant was disabled or deleted");
            run.stop(RunErrorCode::AccessRevoked);
        }
        Ok(())
    }

    async fn end_of_lost_users(&self, active: &[Arc<ActiveRun>]) -> Result<(), PortError> {
        let ids: HashSet<UserId> = active
            .iter()
            .filter_map(|run| run.actor.user_id())
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<UserId> = ids.into_iter().collect();
        let found = self.inner.ports.users.find_all(&ids).await?;
        let users: HashMap<UserId, User> = found.into_iter().map(|it| (it.id, it)).collect();
        for run in active {
            let Some(asked) = run.actor.user() else {
                continue;
            };
            if !users.get(&asked.id).is_some_and(|user| stands(asked, user)) {
                tracing::info!(run.id = %run.id, user.id = %asked.id, "run ended: its user lost access");
                run.stop(RunErrorCode::AccessRevoked);
            }
        }
        Ok(())
    }
}

/// Whether the user still has the rights held when asking.
fn stands(asked: &User, now: &User) -> bool {
    let is_demoted = asked.role == Role::Admin && now.role != Role::Admin;
    now.is_active && !is_demoted
}
