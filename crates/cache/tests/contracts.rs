//! The cached repositories keep the contract of the repository they wrap.

use std::sync::Arc;

use colloquy_application::Stores;
use colloquy_application::ports::BlobStore;
use colloquy_application::testing::fakes::{Memory, MemoryBlobs};
use colloquy_cache::{
    CachedAssistantRepository, CachedBlobStore, CachedTokenRepository,
    TokenForgettingUserRepository,
};

async fn stores() -> Option<(Stores, ())> {
    let mut stores = Memory::new().stores();
    stores.assistants = Arc::new(CachedAssistantRepository::new(stores.assistants));
    let tokens = Arc::new(CachedTokenRepository::new(stores.tokens));
    stores.users = Arc::new(TokenForgettingUserRepository::new(
        stores.users,
        tokens.clone(),
    ));
    stores.tokens = tokens;
    Some((stores, ()))
}

async fn blobs() -> Option<(Arc<dyn BlobStore>, ())> {
    let cached = CachedBlobStore::new(Arc::new(MemoryBlobs::default()), 1024 * 1024);
    Some((Arc::new(cached), ()))
}

colloquy_application::user_contracts!(stores);
colloquy_application::token_contracts!(stores);
colloquy_application::assistant_contracts!(stores);
colloquy_application::blob_contracts!(blobs);
