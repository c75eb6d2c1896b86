//! Measures of a run that its log does not hold.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use super::log::RunLog;

/// Measures how soon an answer begins, and knows the run's log, where the model calls of assistants
/// that are used as tools are counted too.
#[derive(Debug)]
pub(super) struct Meter {
    run_log: Arc<RunLog>,
    began: Instant,
    first_token: OnceLock<Duration>,
}

impl Meter {
    /// To be made when the run begins.
    pub(super) fn new(run_log: Arc<RunLog>) -> Self {
        Self {
            run_log,
            began: Instant::now(),
            first_token: OnceLock::new(),
        }
    }

    /// The log of the run, also in the conversations of its tools.
    pub(super) fn run_log(&self) -> &RunLog {
        &self.run_log
    }

    /// Notes that a model says something; how long after the run's beginning, if it is the first
    /// time.
    pub(super) fn note_token(&self) -> Option<Duration> {
        let after = self.began.elapsed();
        self.first_token.set(after).is_ok().then_some(after)
    }
}
