//! Every kind of store keeps the contract of the port.

#![expect(clippy::unwrap_used, reason = "a test ends where no store can be made")]

use std::sync::Arc;

use colloquy_application::ports::BlobStore;
use colloquy_blob::ObjectBlobStore;

mod memory {
    use super::{Arc, BlobStore, ObjectBlobStore};

    async fn blobs() -> Option<(Arc<dyn BlobStore>, ())> {
        Some((Arc::new(ObjectBlobStore::open("memory://").unwrap()), ()))
    }

    colloquy_application::blob_contracts!(blobs);
}

mod folder {
    use tempfile::TempDir;

    use super::{Arc, BlobStore, ObjectBlobStore};

    async fn blobs() -> Option<(Arc<dyn BlobStore>, TempDir)> {
        let folder = TempDir::new().unwrap();
        let url = format!("file://{}/blobs", folder.path().display());
        Some((Arc::new(ObjectBlobStore::open(&url).unwrap()), folder))
    }

    colloquy_application::blob_contracts!(blobs);
}
