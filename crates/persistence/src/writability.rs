//! Whether the database accepts writes. On an almost full disk, small writes succeed and large ones
//! fail; an outage lasts until no write has failed for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use colloquy_application::ports::PortError;
use tokio::time::Instant;

/// An outage is over after this time without a failed write.
const QUIET: Duration = Duration::from_secs(2);
/// How long a successful write proves writability.
const PROVEN: Duration = Duration::from_secs(2);

/// Times of the latest failed and successful writes. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writability(Arc<Mutex<Writes>>);

#[derive(Debug, Default)]
struct Writes {
    /// The latest write failure of the current outage.
    failed: Option<Instant>,
    succeeded: Option<Instant>,
}

#[derive(Debug, thiserror::Error)]
#[error("a recent write failed")]
struct FailedLately;

impl Writability {
    /// Records a write that failed for lack of space or because of the disk.
    pub(crate) fn note_failure(&self) {
        let before = self.with(|writes| writes.failed.replace(Instant::now()));
        if before.is_none() {
            tracing::error!("the database is not writable: the disk may be full");
        }
    }

    pub(crate) fn note_success(&self) {
        let is_over = self.with(|writes| {
            writes.succeeded = Some(Instant::now());
            let is_over = |failed: &mut Instant| failed.elapsed() >= QUIET;
            writes.failed.take_if(is_over).is_some()
        });
        if is_over {
            tracing::info!("the database is writable again");
        }
    }

    /// Whether an outage may still last.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.with(|writes| writes.failed.is_some())
    }

    /// Whether a recent write succeeded.
    pub(crate) fn has_succeeded_lately(&self) -> bool {
        let is_recent = |succeeded: Instant| succeeded.elapsed() < PROVEN;
        self.with(|writes| writes.succeeded.is_some_and(is_recent))
    }

    pub(crate) fn check(&self) -> Result<(), PortError> {
        if self.is_in_doubt() {
            return Err(PortError::unavailable(FailedLately));
        }
        Ok(())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Writes) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::{PROVEN, QUIET, Writability};

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
        assert!(writability.has_succeeded_lately());
        advance(PROVEN).await;
        assert!(!writability.has_succeeded_lately());
    }
}
