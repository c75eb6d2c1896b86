//! The port behind the background removal of deleted rows.

use async_trait::async_trait;

use super::PortError;

/// Finishes deletions. A deleted thread, user or assistant is gone for every reader at once, with
/// all that belonged to it; a store may remove those rows later, in batches.
#[async_trait]
pub trait DeletionRepository: Send + Sync {
    /// Removes or changes about `max_rows` rows of what is left, bounded in bytes too, in one
    /// transaction; how many rows. 0 when nothing is left, or others are at work on all of it. May
    /// be called concurrently, on several instances.
    async fn remove_batch(&self, max_rows: u64) -> Result<u64, PortError>;
}
