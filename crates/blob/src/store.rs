//! The blob store over `object_store`.

use std::error::Error as StdError;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use colloquy_application::ports::{
    BlobKey, BlobStore, BlobStream, BlobUpload, HealthCheck, PortError,
};
use futures_util::{StreamExt as _, TryStreamExt as _, future};
use object_store::path::Path;
use object_store::{Error as StoreError, GetOptions, ObjectStore, ObjectStoreExt as _};

use crate::OpenError;
use crate::upload::{ObjectUpload, Parts, clear};

/// Blobs in an object store; clones share it.
#[derive(Debug, Clone)]
pub struct ObjectBlobStore {
    store: Arc<dyn ObjectStore>,
    parts: Parts,
}

impl ObjectBlobStore {
    /// Opens the store at a URL. `file://` creates the folder and removes what interrupted puts
    /// left; `memory://` lives as long as the process. Blocks briefly.
    ///
    /// # Errors
    /// One line naming what is wrong.
    pub fn open(url: &str) -> Result<Self, OpenError> {
        Self::open_with(url, crate::open::environment_settings())
    }

    /// [`open`](Self::open) with S3 settings from `AWS_*` pairs instead of the environment; other
    /// names are ignored.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_with(
        url: &str,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, OpenError> {
        crate::open::open(url, settings).map(|(store, parts)| Self { store, parts })
    }
}

#[async_trait]
impl BlobStore for ObjectBlobStore {
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), PortError> {
        let put = self.store.put(&path(key), bytes.into()).await;
        put.map(drop).map_err(port_error)
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Bytes>, PortError> {
        match self.store.get(&path(key)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(port_error),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(port_error(error)),
        }
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), PortError> {
        match self.store.delete(&path(key)).await {
            Err(error) if !is_absent(&error) => Err(port_error(error)),
            _ => Ok(()),
        }
    }

    async fn list(&self, prefix: &BlobKey) -> Result<Vec<BlobKey>, PortError> {
        let blobs = self.store.list(Some(&path(prefix)));
        // Skips foreign objects, whose names are not blob keys.
        let keys = blobs
            .try_filter_map(|blob| future::ready(Ok(BlobKey::parse(blob.location.as_ref()).ok())));
        keys.map(|key| key.map_err(port_error)).try_collect().await
    }

    async fn upload(&self, key: &BlobKey) -> Result<Box<dyn BlobUpload>, PortError> {
        let (store, parts) = (Arc::clone(&self.store), self.parts.clone());
        Ok(Box::new(ObjectUpload::new(store, parts, path(key))))
    }

    async fn read(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<Option<BlobStream>, PortError> {
        let options = GetOptions {
            range: range.map(Into::into),
            ..GetOptions::default()
        };
        match self.store.get_opts(&path(key), options).await {
            Ok(found) => Ok(Some(found.into_stream().map_err(port_error).boxed())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(port_error(error)),
        }
    }

    async fn discard(&self, key: &BlobKey) -> Result<(), PortError> {
        clear(&self.store, &self.parts, &path(key)).await?;
        self.delete(key).await
    }
}

#[async_trait]
impl HealthCheck for ObjectBlobStore {
    fn name(&self) -> &'static str {
        "blobs"
    }

    async fn check(&self) -> Result<(), PortError> {
        // Reading one blob could not tell a missing blob from a missing bucket.
        let mut listed = self.store.list(Some(&Path::from("health")));
        match listed.next().await {
            Some(Err(error)) => Err(PortError::unavailable(error)),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}

/// Blob keys are valid paths without escaping.
fn path(key: &BlobKey) -> Path {
    Path::from(key.as_str())
}

/// Also a local path that leads through a file.
pub(crate) fn is_absent(error: &StoreError) -> bool {
    matches!(error, StoreError::NotFound { .. })
        || io_kind(error) == Some(io::ErrorKind::NotADirectory)
}

fn io_kind(error: &StoreError) -> Option<io::ErrorKind> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

/// `Generic`: disk and network errors. The rest are rejections.
pub(crate) fn port_error(error: StoreError) -> PortError {
    match error {
        StoreError::Generic { .. } => PortError::unavailable(error),
        error => PortError::other(error),
    }
}
