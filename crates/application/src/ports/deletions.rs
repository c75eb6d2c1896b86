use async_trait::async_trait;

use super::PortError;

/// Finishes deletions. A thread, user or assistant that was deleted is gone for every reader at
/// once, and with it all that was its own; a store may remove the rows of that later, in batches.
#[async_trait]
pub trait DeletionRepository: Send + Sync {
    /// Removes a part of what is left, in one short transaction that is bounded in rows and in
    /// bytes; how many rows. 0 when nothing is left, or others are about to remove all there is.
    /// May be called by many at once, on many instances.
    async fn remove_batch(&self) -> Result<u64, PortError>;
}
