//! A cached repository keeps the contract of the one behind it.

use std::sync::Arc;

use colloquy_application::testing::contracts::Stores;
use colloquy_application::testing::fakes::Memory;
use colloquy_cache::{CachedAssistantRepository, CachedTokenRepository};

async fn stores() -> Option<(Stores, ())> {
    let mut stores = Memory::new().stores();
    stores.assistants = Arc::new(CachedAssistantRepository::new(stores.assistants));
    stores.tokens = Arc::new(CachedTokenRepository::new(stores.tokens));
    Some((stores, ()))
}

colloquy_application::token_contracts!(stores);
colloquy_application::assistant_contracts!(stores);
