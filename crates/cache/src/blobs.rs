//! Read cache for blobs.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use colloquy_application::ports::{
    BlobKey, BlobStore, BlobStream, BlobUpload, PortError, Reading, Readings,
};
use moka::future::Cache;

use crate::lookups::Lookups;

const IDLE: Duration = Duration::from_secs(600);
const BASE_BYTES: usize = 256;
/// Larger blobs are not cached.
const MAX_BLOB_BYTES: usize = 1024 * 1024;

/// Caches blobs in front of another store, for write-once keys such as avatars: it does not see
/// other instances' changes. Uploads and ranges bypass it.
pub struct CachedBlobStore {
    inner: Arc<dyn BlobStore>,
    blobs: Cache<BlobKey, Bytes>,
    lookups: Lookups,
}

impl CachedBlobStore {
    /// Creates an empty cache of about `max_bytes` in front of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn BlobStore>, max_bytes: u64) -> Self {
        let weight = |_: &BlobKey, bytes: &Bytes| {
            u32::try_from(bytes.len() + BASE_BYTES).unwrap_or(u32::MAX)
        };
        Self {
            inner,
            blobs: Cache::builder()
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
        // Also after a failure: the change may have been applied.
        self.blobs.invalidate(key).await;
        put
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Bytes>, PortError> {
        self.lookups.note();
        if let Some(bytes) = self.blobs.get(key).await {
            return Ok(Some(bytes));
        }
        self.lookups.record_load();
        let found = self.inner.get(key).await?;
        if let Some(bytes) = found.as_ref().filter(|it| it.len() <= MAX_BLOB_BYTES) {
            self.blobs.insert(key.clone(), bytes.clone()).await;
        }
        Ok(found)
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), PortError> {
        let deleted = self.inner.delete(key).await;
        self.blobs.invalidate(key).await;
        deleted
    }

    async fn list(&self, prefix: &BlobKey) -> Result<Vec<BlobKey>, PortError> {
        self.inner.list(prefix).await
    }
    async fn upload(&self, key: &BlobKey) -> Result<Box<dyn BlobUpload>, PortError> {
        self.inner.upload(key).await
    }

    async fn read(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<Option<BlobStream>, PortError> {
        self.inner.read(key, range).await
    }

    async fn discard(&self, key: &BlobKey) -> Result<(), PortError> {
        let discarded = self.inner.discard(key).await;
        self.blobs.invalidate(key).await;
        discarded
    }
}
