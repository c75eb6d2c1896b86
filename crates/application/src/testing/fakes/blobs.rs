//! In-memory blob store.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};

use crate::ports::{BlobKey, BlobStore, BlobStream, BlobUpload, PortError};

/// Blobs in a map. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryBlobs {
    blobs: Arc<Mutex<BTreeMap<BlobKey, Bytes>>>,
}

impl MemoryBlobs {
    fn blobs(&self) -> MutexGuard<'_, BTreeMap<BlobKey, Bytes>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), PortError> {
        self.blobs().insert(key.clone(), bytes);
        Ok(())
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Bytes>, PortError> {
        Ok(self.blobs().get(key).cloned())
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), PortError> {
        self.blobs().remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &BlobKey) -> Result<Vec<BlobKey>, PortError> {
        let folder = format!("{}/", prefix.as_str());
        let blobs = self.blobs();
        let inside = blobs.keys().filter(|key| key.as_str().starts_with(&folder));
        Ok(inside.cloned().collect())
    }

    async fn upload(&self, key: &BlobKey) -> Result<Box<dyn BlobUpload>, PortError> {
        Ok(Box::new(MemoryUpload {
            blobs: self.clone(),
            key: key.clone(),
            bytes: BytesMut::new(),
        }))
    }

    async fn read(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<Option<BlobStream>, PortError> {
        let Some(bytes) = self.blobs().get(key).cloned() else {
            return Ok(None);
        };
        let part = match range {
            None => bytes,
            Some(range) => {
                let [start, end] = [range.start, range.end].map(usize::try_from);
                let bounds = start.map_err(PortError::other)?..end.map_err(PortError::other)?;
                bytes.slice(bounds)
            }
        };
        Ok(Some(stream::iter([Ok(part)]).boxed()))
    }

    async fn discard(&self, key: &BlobKey) -> Result<(), PortError> {
        self.delete(key).await
    }
}

struct MemoryUpload {
    blobs: MemoryBlobs,
    key: BlobKey,
    bytes: BytesMut,
}

#[async_trait]
impl BlobUpload for MemoryUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), PortError> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), PortError> {
        let bytes = self.bytes.split().freeze();
        self.blobs.put(&self.key, bytes).await
    }

    async fn abort(&mut self) -> Result<(), PortError> {
        self.bytes.clear();
        Ok(())
    }
}
