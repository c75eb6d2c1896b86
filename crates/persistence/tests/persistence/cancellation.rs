//! Calls whose future is dropped midway.

use std::time::Duration;

use colloquy_application::ports::{MessageScope, MessagesFrom};
use colloquy_application::testing::samples::Samples;
use colloquy_application::testing::steps::RunSteps as _;
use tokio::time::timeout;

use crate::test_databases::TestDatabase;
use crate::{on_both_databases, stores};

on_both_databases! {
    a_dropped_start_is_whole_or_not_there,
}

async fn a_dropped_start_is_whole_or_not_there(test_database: &TestDatabase) {
    let database = test_database.migrated().await;
    let first = stores(&database);
    let make = Samples::new();
    let owner = make.user("ada@example.org");
    first.users.add(&owner, None).await.unwrap();
    let mut started = Vec::new();
    for step in 0..60 {
        let thread = make.thread(owner.id);
        first.threads.add(&thread).await.unwrap();
        let start = make.start(&thread, make.instance(), make.question("Well?"));
        let limit = Duration::from_micros(step * 50);
        let is_answered = timeout(limit, first.runs.start(&start)).await.is_ok();
        started.push((start, is_answered));
    }
    // Everything sent has reached the database by now.
    database.close().await;

    let stores = stores(&test_database.open().await);
    for (start, is_answered) in started {
        let thread = start.run.thread_id;
        let messages = stores
            .messages
            .list(thread, MessageScope::Conversation, MessagesFrom::OLDEST, 10)
            .await
            .unwrap()
            .items;
        let run = stores.runs.get(thread, start.run.id).await.unwrap();
        assert_eq!(messages.len(), usize::from(run.is_some()));
        assert!(
            run.is_some() || !is_answered,
            "acknowledged writes are stored"
        );
    }
}
