//! Port: background removal of deleted rows.

use async_trait::async_trait;

use super::PortError;

/// Removes the rows of deleted threads, users and assistants. Those are hidden from all readers at
/// once; a store may remove their rows later, in batches.
#[async_trait]
pub trait DeletionRepository: Send + Sync {
    /// Removes or updates about `max_rows` rows, also bounded in bytes, in one transaction. Returns
    /// their number; 0 if nothing is left or others hold it all. Safe to call concurrently, also
    /// across instances.
    async fn remove_batch(&self, max_rows: u64) -> Result<u64, PortError>;
}
