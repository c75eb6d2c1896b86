//! Measurements that a run's log does not contain.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use super::log::RunLog;

/// Measures the time to the first token, and gives access to the run's log, which also counts the
/// model calls of assistants called as tools.
#[derive(Debug)]
pub(super) struct Meter {
    run_log: Arc<RunLog>,
    began: Instant,
    first_token: OnceLock<Duration>,
}

impl Meter {
    /// Starts the clock.
    pub(super) fn new(run_log: Arc<RunLog>) -> Self {
        Self {
            run_log,
            began: Instant::now(),
            first_token: OnceLock::new(),
        }
    }

    /// The run's log, shared with its tools' conversations.
    pub(super) fn run_log(&self) -> &RunLog {
        &self.run_log
    }

    /// Records output; on the first, returns the time since the start.
    pub(super) fn note_token(&self) -> Option<Duration> {
        let after = self.began.elapsed();
        self.first_token.set(after).is_ok().then_some(after)
    }
}
