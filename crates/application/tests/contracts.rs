//! The fakes keep every contract that the adapters keep.

use colloquy_application::testing::contracts::Stores;
use colloquy_application::testing::fakes::Memory;

async fn stores() -> Option<(Stores, ())> {
    Some((Memory::new().stores(), ()))
}

colloquy_application::user_contracts!(stores);
colloquy_application::token_contracts!(stores);
colloquy_application::assistant_contracts!(stores);
colloquy_application::thread_contracts!(stores);
colloquy_application::message_contracts!(stores);
