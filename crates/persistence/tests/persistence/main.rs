//! The repositories on real databases: SQLite in a file, and PostgreSQL if available.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a failure ends the test, and a skipped test says so"
)]

use std::sync::Arc;

use colloquy_application::Stores;
use colloquy_persistence::{
    Database, SeaAssistantRepository, SeaDeletionRepository, SeaFileRepository,
    SeaMessageRepository, SeaRunEventRepository, SeaRunRepository, SeaSignInRepository,
    SeaThreadRepository, SeaTokenRepository, SeaUserRepository,
};

mod cancellation;
mod changes;
mod concurrency;
mod contracts;
mod corruption;
mod deletions;
mod dropped;
mod growth;
mod logs;
mod migrations;
mod outages;
mod races;
mod test_databases;

/// Makes a test of each function on SQLite and on PostgreSQL, given an empty database.
macro_rules! on_both_databases {
    ($($test:ident,)+) => {
        on_both_databases! { @on sqlite $($test,)+ }
        on_both_databases! { @on postgres $($test,)+ }
    };
    (@on $database:ident $($test:ident,)+) => {
        mod $database {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    if let Some(test_database) = crate::test_databases::$database().await {
                        super::$test(&test_database).await;
                    }
                }
            )+
        }
    };
}
use on_both_databases;

fn stores(database: &Database) -> Stores {
    Stores {
        users: Arc::new(SeaUserRepository::new(database.clone())),
        tokens: Arc::new(SeaTokenRepository::new(database.clone())),
        sign_ins: Arc::new(SeaSignInRepository::new(database.clone())),
        assistants: Arc::new(SeaAssistantRepository::new(database.clone())),
        threads: Arc::new(SeaThreadRepository::new(database.clone())),
        messages: Arc::new(SeaMessageRepository::new(database.clone())),
        runs: Arc::new(SeaRunRepository::new(database.clone())),
        events: Arc::new(SeaRunEventRepository::new(database.clone())),
        deletions: Arc::new(SeaDeletionRepository::new(database.clone())),
        files: Arc::new(SeaFileRepository::new(database.clone())),
    }
}
