//! In-memory deletions.

use async_trait::async_trait;

use super::memory::Memory;
use crate::ports::{DeletionRepository, PortError};

/// Deletes everything at once.
#[async_trait]
impl DeletionRepository for Memory {
    async fn remove_batch(&self, _max_rows: u64) -> Result<u64, PortError> {
        self.with(|_| Ok(0))
    }
}
