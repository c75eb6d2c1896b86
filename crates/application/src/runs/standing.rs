//! Whether those who asked may still have runs.

use std::collections::{HashMap, HashSet};

use colloquy_domain::{Role, RunErrorCode, User, UserId};

use super::engine::RunEngine;
use crate::ports::PortError;

impl RunEngine {
    /// Ends the runs under way of users who are disabled, deleted or no longer have the role that
    /// their run began with. A token that is revoked ends none: the user's state counts.
    ///
    /// # Errors
    /// The store's own.
    pub(super) async fn end_revoked(&self) -> Result<(), PortError> {
        let active = self.inner.active.all();
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
        for run in &active {
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
