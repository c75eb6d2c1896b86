use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use colloquy_domain::Usage;
use tokio::time::Instant;

/// Measures a run: how soon an answer begins, and what the providers count in its course, those
/// of its tools included.
#[derive(Debug)]
pub(super) struct Meter {
    usage: Mutex<Option<Usage>>,
    began: Instant,
    first_token: OnceLock<Duration>,
}

impl Meter {
    /// To be made when the run begins.
    pub(super) fn new() -> Self {
        Self {
            usage: Mutex::default(),
            began: Instant::now(),
            first_token: OnceLock::new(),
        }
    }

    pub(super) fn add(&self, usage: Usage) {
        let mut total = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        let before = total.unwrap_or_default();
        *total = Some(Usage {
            input_tokens: before.input_tokens.saturating_add(usage.input_tokens),
            output_tokens: before.output_tokens.saturating_add(usage.output_tokens),
        });
    }

    /// Nothing where no provider has counted.
    pub(super) fn total(&self) -> Option<Usage> {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a model says something; how long after the run's beginning, if it is the first
    /// time.
    pub(super) fn note_token(&self) -> Option<Duration> {
        let after = self.began.elapsed();
        self.first_token.set(after).is_ok().then_some(after)
    }
}
