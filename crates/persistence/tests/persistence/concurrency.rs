//! Concurrent writers.

use std::sync::Arc;

use colloquy_application::Stores;
use colloquy_application::ports::{Constraint, MessageScope, MessagesFrom, PortError};
use colloquy_application::testing::samples::Samples;
use colloquy_application::testing::steps::RunSteps as _;
use colloquy_domain::Thread;
use tokio::task::JoinSet;

use crate::test_databases::TestDatabase;
use crate::{on_both_databases, stores};

on_both_databases! {
    fifty_writers_meet_no_error_but_a_busy_thread,
    starts_and_the_deletion_of_their_user_do_not_block_each_other,
}

const WRITERS: usize = 50;
const ROUNDS: usize = 8;

/// Half of the writers share a thread, the others have their own.
async fn fifty_writers_meet_no_error_but_a_busy_thread(test_database: &TestDatabase) {
    let stores = stores(&test_database.migrated().await);
    let make = Arc::new(Samples::new());
    let shared = new_thread(&stores, &make).await;
    let mut writing = JoinSet::new();
    for writer in 0..WRITERS {
        let (stores, make, shared) = (stores.clone(), make.clone(), shared.clone());
        writing.spawn(async move {
            let is_sharing = writer % 2 == 0;
            let thread = if is_sharing {
                shared
            } else {
                new_thread(&stores, &make).await
            };
            (is_sharing, converse(&stores, &make, &thread).await)
        });
    }
    let mut said_in_shared = 0;
    for (is_sharing, said) in writing.join_all().await {
        if is_sharing {
            said_in_shared += said;
        } else {
            assert_eq!(said, 2 * ROUNDS, "nobody else writes to the thread");
        }
    }
    let messages = stores
        .messages
        .list(
            shared.id,
            MessageScope::Conversation,
            MessagesFrom::OLDEST,
            1000,
        )
        .await
        .unwrap()
        .items;
    let positions: Vec<_> = messages.iter().map(|it| it.position as usize).collect();
    assert!(said_in_shared > 0);
    assert_eq!(positions, (1..=said_in_shared).collect::<Vec<_>>());
}

/// Starts and ends runs whenever the thread is free. Returns the number of accepted messages.
async fn converse(stores: &Stores, make: &Samples, thread: &Thread) -> usize {
    let mut said = 0;
    for _ in 0..ROUNDS {
        let start = make.start(thread, make.instance(), make.question("Well?"));
        match stores.runs.start(&start).await {
            Ok(_) => {}
            Err(PortError::Conflict(Constraint::ActiveRunPerThread)) => continue,
            Err(error) => panic!("{error:?}"),
        }
        let end = make.end(&start, vec![make.answer("Well.")]);
        stores.runs.finish(&end).await.unwrap();
        said += 2;
    }
    said
}

/// On PostgreSQL they lock thread and user in opposite orders: deadlocks that the adapter must
/// retry.
async fn starts_and_the_deletion_of_their_user_do_not_block_each_other(
    test_database: &TestDatabase,
) {
    let stores = stores(&test_database.migrated().await);
    let make = Samples::new();
    let mut working = JoinSet::new();
    for _ in 0..20 {
        let thread = new_thread(&stores, &make).await;
        let start = make.start(&thread, make.instance(), make.question("Still here?"));
        let (runs, users) = (stores.runs.clone(), stores.users.clone());
        working.spawn(async move {
            match runs.start(&start).await {
                Ok(_) | Err(PortError::NotFound) => {}
                Err(error) => panic!("{error:?}"),
            }
        });
        working.spawn(async move { users.delete(thread.owner_id.unwrap()).await.unwrap() });
    }
    assert_eq!(working.join_all().await.len(), 40);
}

async fn new_thread(stores: &Stores, make: &Samples) -> Thread {
    let owner = make.user(&format!("{}@example.org", make.user_id()));
    stores.users.add(&owner, None).await.unwrap();
    let thread = make.thread(owner.id);
    stores.threads.add(&thread).await.unwrap();
    thread
}
