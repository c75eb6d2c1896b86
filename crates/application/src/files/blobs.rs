//! The blobs of files.

use std::sync::Arc;

use colloquy_domain::FileId;

use crate::ports::{BlobKey, BlobStore, FileRepository, PortError};

/// Blobs of files, at `files/<upload>`. A key is written once and never reused.
#[derive(Clone)]
pub(super) struct FileBlobs {
    files: Arc<dyn FileRepository>,
    pub(super) store: Arc<dyn BlobStore>,
}

impl FileBlobs {
    pub(super) fn new(files: Arc<dyn FileRepository>, store: Arc<dyn BlobStore>) -> Self {
        Self { files, store }
    }

    /// Removes a blob that is noted for removal, then the note.
    pub(super) async fn remove(&self, key: BlobKey) -> Result<(), PortError> {
        self.store.discard(&key).await?;
        self.files.note_removed(&[key]).await
    }

    /// Like [`remove`](Self::remove). The sweep retries after a failure.
    pub(super) async fn remove_now(&self, key: BlobKey) {
        if let Err(error) = self.remove(key).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "blob of a file not removed yet");
        }
    }
}

/// The key of an upload.
pub(super) fn key(upload: FileId) -> Result<BlobKey, PortError> {
    BlobKey::parse(format!("files/{upload}")).map_err(PortError::other)
}
