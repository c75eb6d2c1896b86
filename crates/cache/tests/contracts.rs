//! A cached repository keeps the contract of the one behind it.

use std::sync::Arc;

use colloquy_application::testing::contracts::Stores;
use colloquy_application::testing::fakes::Memory;
use colloquy_cache::CachedTokenRepository;

async fn stores() -> Option<(Stores, ())> {
    let mut stores = Memory::new().stores();
    stores.tokens = Arc::new(CachedTokenRepository::new(stores.tokens));
    Some((stores, ()))
}

colloquy_application::token_contracts!(stores);
