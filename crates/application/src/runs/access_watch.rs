//! Ends runs whose user lost access or whose assistant was deleted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use colloquy_domain::{AssistantId, Role, RunErrorCode, User, UserId};

use super::active::ActiveRun;
use super::engine::RunEngine;
use crate::ports::PortError;

impl RunEngine {
    /// Ends the runs in progress of users who are disabled, deleted or no longer have the role that
    /// the run began with, and of assistants that were deleted. A revoked token ends no run.
    ///
    /// # Errors
    /// The store's own.
    pub(super) async fn end_revoked(&self) -> Result<(), PortError> {
        let active = self.inner.active.all();
        self.end_of_lost_users(&active).await?;
        self.end_of_deleted_assistants(&active).await
    }

    async fn end_of_deleted_assistants(&self, active: &[Arc<ActiveRun>]) -> Result<(), PortError> {
        let ids: HashSet<AssistantId> = active.iter().map(|run| run.assistant).collect();
        for id in ids {
            if self.inner.access.has_assistant(id).await? {
                continue;
            }
            for run in active.iter().filter(|run| run.assistant == id) {
                tracing::info!(run.id = %run.id, assistant.id = %id, "run ended: its assistant was deleted");
                run.stop(RunErrorCode::AccessRevoked);
            }
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

/// Whether the user may still do all that they could when they asked.
fn stands(asked: &User, now: &User) -> bool {
    let is_demoted = asked.role == Role::Admin && now.role != Role::Admin;
    now.is_active && !is_demoted
}
