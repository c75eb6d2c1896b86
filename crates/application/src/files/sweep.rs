//! Removes expired files, abandoned uploads and their blobs.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::{StreamExt as _, stream};
use tokio::time::sleep;

use super::{Files, upload};
use crate::Error;

/// Interval between rounds.
const PAUSE: Duration = Duration::from_secs(25);
/// Age of an upload that must be abandoned. Instances compare their clocks here.
const ABANDONED: TimeDelta = TimeDelta::hours(1);
/// Rows per transaction.
const BATCH: u32 = 200;
/// Blobs removed at once.
const AT_ONCE: usize = 4;

const _: () = assert!(upload::UPLOADING.as_secs() * 2 <= ABANDONED.num_seconds().unsigned_abs());

impl Files {
    /// Sweeps for as long as it is polled.
    pub async fn keep_swept(&self) {
        loop {
            if let Err(error) = self.sweep().await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "files not swept");
            }
            sleep(PAUSE).await;
        }
    }

    /// One round: removes files that have expired, uploads that began an hour ago, and all blobs
    /// noted for removal.
    ///
    /// # Errors
    /// Only the stores'; the next round goes on.
    pub async fn sweep(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let abandoned = now - ABANDONED;
        while self.files.remove_outdated(now, abandoned, BATCH).await? > 0 {}
        loop {
            let keys = self.files.removals(BATCH).await?;
            if keys.is_empty() {
                return Ok(());
            }
            let count = keys.len();
            let removals = stream::iter(keys.into_iter().map(|key| self.blobs.remove(key)));
            let results: Vec<_> = removals.buffer_unordered(AT_ONCE).collect().await;
            results.into_iter().collect::<Result<(), _>>()?;
            tracing::debug!(removed = count, "blobs of files removed");
        }
    }
}
