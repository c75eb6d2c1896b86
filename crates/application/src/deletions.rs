//! Background removal of deleted rows.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::ports::{DeletionRepository, PortError};

/// How often to look for new deletions.
const IDLE: Duration = Duration::from_secs(1);
const BACKOFF: Duration = Duration::from_secs(5);
/// Target time of a batch. On SQLite, other writers wait meanwhile.
const BATCH_TIME: Duration = Duration::from_millis(20);
const FIRST_ROWS: u64 = 200;
const MIN_ROWS: u64 = 25;
const MAX_ROWS: u64 = 2_000;

/// Removes the rows of deleted records in the background. After a crash, the next process or
/// another instance continues.
#[derive(Clone)]
pub struct Deletions {
    pub(crate) deletions: Arc<dyn DeletionRepository>,
}

impl Deletions {
    /// Removes batches while polled, with pauses for other writers.
    pub async fn keep_finishing(&self) {
        let mut rows = FIRST_ROWS;
        loop {
            let pause = match self.finish_some(&mut rows).await {
                Ok(pause) => pause,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "removing deleted rows failed");
                    BACKOFF
                }
            };
            sleep(pause).await;
        }
    }

    /// Removes one batch and adapts its size. Returns how long to wait.
    async fn finish_some(&self, rows: &mut u64) -> Result<Duration, PortError> {
        let begun = Instant::now();
        if self.deletions.remove_batch(*rows).await? == 0 {
            return Ok(IDLE);
        }
        let elapsed = begun.elapsed();
        *rows = adapted(*rows, elapsed);
        // Leaves others as much time as the batch took.
        Ok(elapsed)
    }
}

fn adapted(rows: u64, elapsed: Duration) -> u64 {
    let next = if elapsed > BATCH_TIME {
        rows / 2
    } else if elapsed < BATCH_TIME / 2 {
        rows.saturating_mul(2)
    } else {
        rows
    };
    next.clamp(MIN_ROWS, MAX_ROWS)
}

#[cfg(test)]
mod tests {
    use super::{BATCH_TIME, MAX_ROWS, MIN_ROWS, adapted};

    #[test]
    fn batches_grow_and_shrink_within_bounds() {
        assert_eq!(adapted(200, BATCH_TIME / 4), 400);
        assert_eq!(adapted(200, BATCH_TIME), 200);
        assert_eq!(adapted(200, 2 * BATCH_TIME), 100);
        assert_eq!(adapted(MAX_ROWS, BATCH_TIME / 4), MAX_ROWS);
        assert_eq!(adapted(MIN_ROWS, 2 * BATCH_TIME), MIN_ROWS);
    }
}
