//! Removes orphaned blobs of avatars.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::sleep;

use super::{Avatars, blobs};
use crate::Error;
use crate::ports::BlobKey;

/// Interval between rounds. An orphan is removed in its second round, within a minute.
const PAUSE: Duration = Duration::from_secs(25);
const PAGE: u32 = 1_000;

// An upload that is in progress in one round has ended by the next.
const _: () = assert!(super::upload::STORING.as_secs() < PAUSE.as_secs());

impl Avatars {
    /// Sweeps for as long as it is polled.
    pub async fn keep_swept(&self) {
        let mut suspects = BTreeSet::new();
        loop {
            match self.sweep(&suspects).await {
                Ok(found) => suspects = found,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "orphaned avatars not removed");
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// One round: removes unnamed blobs that are among `suspects`, the previous round's result.
    /// Returns the other unnamed blobs.
    ///
    /// An unnamed blob may be an upload in progress, here or on another instance. Storing has a
    /// time limit shorter than the interval, so a blob that is unnamed in two rounds never gets a
    /// name. No clocks are compared.
    ///
    /// # Errors
    /// Only the stores'; nothing was removed.
    pub async fn sweep(&self, suspects: &BTreeSet<BlobKey>) -> Result<BTreeSet<BlobKey>, Error> {
        // Blobs before rows: a row written meanwhile names one of them or a later one.
        let mut nameless = self.blobs.all().await?;
        self.forget_the_named(&mut nameless).await?;
        let (orphans, suspects): (BTreeSet<_>, BTreeSet<_>) =
            nameless.into_iter().partition(|key| suspects.contains(key));
        for key in &orphans {
            self.blobs.discard(key).await;
        }
        if !orphans.is_empty() {
            tracing::info!(removed = orphans.len(), "orphaned avatars removed");
        }
        Ok(suspects)
    }

    async fn forget_the_named(&self, keys: &mut BTreeSet<BlobKey>) -> Result<(), Error> {
        let mut after = None;
        while !keys.is_empty() {
            let page = self.assistants.assistants.avatars(after, PAGE).await?;
            let Some((last, _)) = page.last() else {
                break;
            };
            after = Some(*last);
            for (assistant, image) in &page {
                keys.remove(&blobs::key(*assistant, image)?);
            }
        }
        Ok(())
    }
}
