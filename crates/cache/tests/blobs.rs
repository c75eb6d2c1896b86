//! Which blobs are cached.

use std::sync::Arc;

use bytes::Bytes;
use colloquy_application::ports::{BlobKey, BlobStore as _};
use colloquy_application::testing::fakes::MemoryBlobs;
use colloquy_cache::CachedBlobStore;

#[tokio::test]
async fn a_blob_is_read_once_and_gone_when_it_is_removed() {
    let store = Arc::new(MemoryBlobs::default());
    let cached = CachedBlobStore::new(store.clone(), 1024);
    let key = BlobKey::parse("avatars/one").unwrap();
    let bytes = Bytes::from_static(b"picture");
    cached.put(&key, bytes.clone()).await.unwrap();
    assert_eq!(cached.get(&key).await.unwrap(), Some(bytes.clone()));
    // Bypasses the cache.
    store.delete(&key).await.unwrap();
    assert_eq!(cached.get(&key).await.unwrap(), Some(bytes));
    cached.delete(&key).await.unwrap();
    assert_eq!(cached.get(&key).await.unwrap(), None);
}
