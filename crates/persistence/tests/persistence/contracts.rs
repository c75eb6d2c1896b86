//! The contract suites, on both databases.

macro_rules! contracts {
    ($database:ident) => {
        mod $database {
            use colloquy_application::Stores;

            use crate::test_databases::{self, TestDatabase};

            async fn stores() -> Option<(Stores, TestDatabase)> {
                let test_database = test_databases::$database().await?;
                let database = test_database.migrated().await;
                Some((crate::stores(&database), test_database))
            }

            colloquy_application::user_contracts!(stores);
            colloquy_application::token_contracts!(stores);
            colloquy_application::sign_in_contracts!(stores);
            colloquy_application::assistant_contracts!(stores);
            colloquy_application::thread_contracts!(stores);
            colloquy_application::deletion_contracts!(stores);
            colloquy_application::file_contracts!(stores);
            colloquy_application::message_contracts!(stores);
            colloquy_application::run_contracts!(stores);
        }
    };
}

contracts!(sqlite);
contracts!(postgres);
