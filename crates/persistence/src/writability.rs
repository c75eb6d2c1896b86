//! Whether the database can be written to. On a disk that is nearly full small writes succeed and
//! large ones fail: the outage lasts until none has failed for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use colloquy_application::ports::PortError;
use tokio::time::Instant;

/// How long no write may have failed before the outage counts as over.
const QUIET: Duration = Duration::from_secs(2);

/// When a write last failed for lack of room or because of the disk, while that is in doubt. Clones
/// share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writability(Arc<Mutex<Option<Instant>>>);

#[derive(Debug, thiserror::Error)]
#[error("a write has failed a moment ago")]
struct FailedLately;

impl Writability {
    /// A write failed because nothing can be written.
    pub(crate) fn note_failure(&self) {
        let before = self.with(|failed| failed.replace(Instant::now()));
        if before.is_none() {
            tracing::error!("the database cannot be written to: its disk may be full");
        }
    }

    /// A write succeeded.
    pub(crate) fn note_success(&self) {
        let is_over = self.with(|failed| {
            let is_over = failed.is_some_and(|failed| failed.elapsed() >= QUIET);
            if is_over {
                *failed = None;
            }
            is_over
        });
        if is_over {
            tracing::info!("the database can be written to again");
        }
    }

    /// Whether a write has failed, and none since has shown that it is over.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.with(|failed| failed.is_some())
    }

    /// Refuses while the last failure is too recent.
    pub(crate) fn check(&self) -> Result<(), PortError> {
        if self.is_in_doubt() {
            return Err(PortError::unavailable(FailedLately));
        }
        Ok(())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Option<Instant>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::{QUIET, Writability};

    #[tokio::test(start_paused = true)]
    async fn a_small_write_that_succeeds_does_not_end_the_outage() {
        let writability = Writability::default();
        writability.note_success();
        assert!(writability.check().is_ok());
        writability.note_failure();
        writability.note_success();
        assert!(writability.is_in_doubt() && writability.check().is_err());
        advance(QUIET).await;
        assert!(writability.is_in_doubt());
        writability.note_success();
        assert!(writability.check().is_ok());
    }
}
