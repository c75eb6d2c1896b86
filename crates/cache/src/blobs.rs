use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use colloquy_application::ports::{BlobKey, BlobStore, PortError, Reading, Readings};
use moka::future::Cache;

use crate::lookups::Lookups;

/// How long a copy stays that nobody asks for.
const IDLE: Duration = Duration::from_secs(600);
/// What a copy takes beside its bytes.
const BASE_BYTES: usize = 256;
/// The longest blob of which a copy is kept.
const MAX_BLOB_BYTES: usize = 1024 * 1024;

/// A blob store that remembers what it was asked for. It is for keys that are written once, such
/// as those of avatars: of what another instance puts in a key's place, or removes, it learns
/// nothing. What is put or removed through it counts at once.
pub struct CachedBlobStore {
    inner: Arc<dyn BlobStore>,
    copies: Cache<BlobKey, Bytes>,
    lookups: Lookups,
}

impl CachedBlobStore {
    /// A cache of about `max_bytes`, still empty, around the store.
    #[must_use]
    pub fn new(inner: Arc<dyn BlobStore>, max_bytes: u64) -> Self {
        let weight = |_: &BlobKey, bytes: &Bytes| {
            u32::try_from(bytes.len() + BASE_BYTES).unwrap_or(u32::MAX)
        };
        Self {
            inner,
            copies: Cache::builder()
                .max_capacity(max_bytes)
                .weigher(weight)
                .time_to_idle(IDLE)
                .build(),
            lookups: Lookups::default(),
        }
    }
}

impl Readings for CachedBlobStore {
    fn readings(&self) -> Vec<Reading> {
        self.lookups.readings("blobs")
    }
}

#[async_trait]
impl BlobStore for CachedBlobStore {
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), PortError> {
        let put = self.inner.put(key, bytes).await;
        // Also when it failed: it may have been done all the same.
        self.copies.invalidate(key).await;
        put
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Bytes>, PortError> {
        self.lookups.note();
        if let Some(copy) = self.copies.get(key).await {
            return Ok(Some(copy));
        }
        self.lookups.note_load();
        let found = self.inner.get(key).await?;
        if let Some(bytes) = found.as_ref().filter(|it| it.len() <= MAX_BLOB_BYTES) {
            self.copies.insert(key.clone(), bytes.clone()).await;
        }
        Ok(found)
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), PortError> {
        let deleted = self.inner.delete(key).await;
        self.copies.invalidate(key).await;
        deleted
    }

    async fn list(&self, prefix: &BlobKey) -> Result<Vec<BlobKey>, PortError> {
        self.inner.list(prefix).await
    }
}
