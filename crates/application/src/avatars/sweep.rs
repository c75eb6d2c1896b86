use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::sleep;

use super::{Avatars, blobs};
use crate::Error;
use crate::ports::BlobKey;

/// Between two rounds. Two of them pass before an orphan is gone: less than a minute. Each costs a
/// list of the blobs and, where there are any, one of the rows that name them.
const PAUSE: Duration = Duration::from_secs(25);
/// How many rows are read at once.
const PAGE: u32 = 1_000;

// Whatever upload is under way when a round begins has ended when the next one does.
const _: () = assert!(super::upload::STORING.as_secs() < PAUSE.as_secs());

impl Avatars {
    /// Removes orphans for as long as it runs.
    pub async fn keep_swept(&self) {
        let mut suspects = BTreeSet::new();
        loop {
            match self.sweep(&suspects).await {
                Ok(found) => suspects = found,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "avatars not swept");
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// One round: removes the blobs that no assistant names and that are among the `suspects`,
    /// which is what an earlier round has returned. Returns the other blobs without a name.
    ///
    /// A blob without a name may be one that is just being stored, here or by another instance.
    /// Storing has a time limit, so after a longer time it is a blob that will never be named. The
    /// time is the one between two rounds of the same process: neither clocks nor what the store
    /// says about times matter.
    ///
    /// # Errors
    /// Only the stores' own; nothing was removed then.
    pub async fn sweep(&self, suspects: &BTreeSet<BlobKey>) -> Result<BTreeSet<BlobKey>, Error> {
        // The blobs first: a row that is written meanwhile names one of them or a later one.
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
