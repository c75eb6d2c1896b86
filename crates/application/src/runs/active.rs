//! Runs in progress in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use colloquy_domain::{Actor, AssistantId, RunErrorCode, RunId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::log::RunLog;

/// Runs in progress in this process.
#[derive(Default)]
pub(super) struct ActiveRuns {
    runs: Mutex<HashMap<RunId, Arc<ActiveRun>>>,
}

pub(super) struct ActiveRun {
    pub(super) id: RunId,
    /// The caller, with the role held when asking.
    pub(super) actor: Actor,
    /// The assistant that answers.
    pub(super) assistant: AssistantId,
    pub(super) log: Arc<RunLog>,
    /// Held while storing events, to keep their order.
    pub(super) writing: tokio::sync::Mutex<()>,
    /// Cancelled when the store is down too long to wait for the end.
    pub(super) store_is_away: CancellationToken,
    /// When the end was first to be stored, if it could not be.
    unstored_since: OnceLock<Instant>,
    stop: CancellationToken,
    reason: OnceLock<RunErrorCode>,
}

impl ActiveRun {
    pub(super) fn new(id: RunId, actor: Actor, assistant: AssistantId, log: RunLog) -> Self {
        Self {
            id,
            actor,
            assistant,
            log: Arc::new(log),
            writing: tokio::sync::Mutex::default(),
            store_is_away: CancellationToken::new(),
            unstored_since: OnceLock::new(),
            stop: CancellationToken::new(),
            reason: OnceLock::new(),
        }
    }

    /// Notes that the end should have been stored at this time.
    pub(super) fn note_unstored(&self, since: Instant) {
        let _ = self.unstored_since.set(since);
    }

    /// Ends the run without an answer; the first reason counts.
    pub(super) fn stop(&self, reason: RunErrorCode) {
        let _ = self.reason.set(reason);
        self.stop.cancel();
    }

    /// Waits for [`stop`](Self::stop); returns the reason.
    pub(super) async fn stopped(&self) -> RunErrorCode {
        self.stop.cancelled().await;
        *self.reason.get().unwrap_or(&RunErrorCode::Interrupted)
    }
}

impl ActiveRuns {
    pub(super) fn insert(&self, run: Arc<ActiveRun>) {
        self.runs().insert(run.id, run);
    }

    pub(super) fn remove(&self, run: RunId) {
        self.runs().remove(&run);
    }

    pub(super) fn get(&self, run: RunId) -> Option<Arc<ActiveRun>> {
        self.runs().get(&run).cloned()
    }

    pub(super) fn count(&self) -> usize {
        self.runs().len()
    }

    /// Whether the end of a run has been waiting for the store for longer than this.
    pub(super) fn has_end_unstored_for(&self, time: Duration) -> bool {
        let is_late = |since: &Instant| since.elapsed() > time;
        let mut since = self.all().into_iter();
        since.any(|run| run.unstored_since.get().is_some_and(is_late))
    }

    pub(super) fn all(&self) -> Vec<Arc<ActiveRun>> {
        self.runs().values().cloned().collect()
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<RunId, Arc<ActiveRun>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
