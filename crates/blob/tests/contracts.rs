//! Every kind of store satisfies the port's contract.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

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

/// A server that verifies signatures.
mod s3 {
    use colloquy_tests::s3_server::S3Server;

    use super::{Arc, BlobStore, ObjectBlobStore};

    async fn blobs() -> Option<(Arc<dyn BlobStore>, S3Server)> {
        let server = S3Server::start().await;
        let blobs = ObjectBlobStore::open_with(&server.url(), server.settings()).unwrap();
        Some((Arc::new(blobs), server))
    }

    colloquy_application::blob_contracts!(blobs);
}

/// Needs `TEST_S3_URL`, an empty bucket, and `AWS_*` access.
mod another_s3 {
    use std::process;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{Arc, BlobStore, ObjectBlobStore};

    static NEXT: AtomicUsize = AtomicUsize::new(0);

    #[expect(clippy::print_stdout, reason = "reports a skipped test")]
    async fn blobs() -> Option<(Arc<dyn BlobStore>, ())> {
        let Ok(bucket) = std::env::var("TEST_S3_URL") else {
            println!("not run: TEST_S3_URL is not set");
            return None;
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let url = format!("{bucket}/{}/{number}", process::id());
        Some((Arc::new(ObjectBlobStore::open(&url).unwrap()), ()))
    }

    colloquy_application::blob_contracts!(blobs);
}

mod images {
    use colloquy_application::ports::AvatarRenderer;
    use colloquy_blob::ImageAvatarRenderer;

    use super::Arc;

    async fn renderer() -> Option<(Arc<dyn AvatarRenderer>, ())> {
        Some((Arc::new(ImageAvatarRenderer), ()))
    }

    colloquy_application::renderer_contracts!(renderer);
}
