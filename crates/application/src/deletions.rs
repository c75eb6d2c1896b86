//! Finishing deletions, which answer before everything is removed.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::ports::{DeletionRepository, PortError};

/// How often new deletions are looked for.
const IDLE: Duration = Duration::from_secs(1);
/// The wait after a failure: the store may be away.
const BACKOFF: Duration = Duration::from_secs(5);

/// Removes what deletions have left, while the service runs. What a crash interrupts, the next
/// process goes on with, or another instance.
#[derive(Clone)]
pub struct Deletions {
    /// Where they are kept.
    pub deletions: Arc<dyn DeletionRepository>,
}

impl Deletions {
    /// Removes in batches, with time for others between them, for as long as the future is polled.
    pub async fn keep_finishing(&self) {
        loop {
            let pause = match self.finish_some().await {
                Ok(pause) => pause,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "deleted rows not removed yet");
                    BACKOFF
                }
            };
            sleep(pause).await;
        }
    }

    /// Removes one batch; how long to wait until the next one.
    async fn finish_some(&self) -> Result<Duration, PortError> {
        let begun = Instant::now();
        let removed = self.deletions.remove_batch().await?;
        Ok(match removed {
            0 => IDLE,
            // Others may write for as long as they could not.
            _ => begun.elapsed(),
        })
    }
}
