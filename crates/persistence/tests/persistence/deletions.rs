//! Deletions remove all rows, in small transactions.

use colloquy_application::Stores;
use colloquy_application::ports::Grounds;
use colloquy_application::testing::samples::{Samples, token_hash};
use colloquy_application::testing::steps::{RunStart, RunSteps as _};
use colloquy_domain::{Thread, ThreadId, TokenKind};
use sea_orm::sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection, query_scalar};

use crate::test_databases::TestDatabase;
use crate::{on_both_databases, stores};

on_both_databases! {
    nothing_of_a_deleted_thread_is_left_in_the_end,
    a_batch_is_small_however_large_the_messages,
    nothing_names_a_deleted_user_in_the_end,
    nothing_names_a_deleted_assistant_in_the_end,
}

/// Rows per transaction.
const MOST_ROWS: u64 = 500;

async fn has_thread(stores: &Stores, make: &Samples) -> Thread {
    let owner = make.user(&format!("{}@example.org", make.user_id()));
    stores.users.add(&owner, None).await.unwrap();
    let thread = make.thread(owner.id);
    stores.threads.add(&thread).await.unwrap();
    thread
}

async fn has_run(stores: &Stores, make: &Samples, thread: &Thread, answers: &[usize]) -> RunStart {
    let start = make.start(thread, make.instance(), make.question("Hello"));
    stores.runs.start(&start).await.unwrap();
    let answers = answers.iter().map(|bytes| make.answer(&"x".repeat(*bytes)));
    let end = make.end(&start, answers.collect());
    stores.runs.finish(&end).await.unwrap();
    start
}

async fn finish(stores: &Stores) -> Vec<u64> {
    let mut batches = Vec::new();
    loop {
        match stores.deletions.remove_batch(MOST_ROWS).await.unwrap() {
            0 => return batches,
            removed => batches.push(removed),
        }
    }
}

/// Counts by SQL, past the adapter.
async fn count(url: &str, query: &str) -> i64 {
    let query = AssertSqlSafe(query);
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        query_scalar(query)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        query_scalar(query)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }
}

/// Rows of all tables that belong to other threads.
async fn rows_but_of(test_database: &TestDatabase, kept: ThreadId) -> i64 {
    let mark = if test_database.url.starts_with("sqlite:") {
        "x"
    } else {
        ""
    };
    let kept = format!("{mark}'{}'", kept.as_uuid().simple());
    let query = format!(
        "SELECT (SELECT count(*) FROM messages WHERE thread_id <> {kept})
            + (SELECT count(*) FROM runs WHERE thread_id <> {kept})
            + (SELECT count(*) FROM run_events
                WHERE run_id NOT IN (SELECT id FROM runs WHERE thread_id = {kept}))
            + (SELECT count(*) FROM deletions)"
    );
    count(&test_database.url, &query).await
}

async fn nothing_of_a_deleted_thread_is_left_in_the_end(test_database: &TestDatabase) {
    let stores = stores(&test_database.migrated().await);
    let make = Samples::new();
    let (gone, kept) = (
        has_thread(&stores, &make).await,
        has_thread(&stores, &make).await,
    );
    for _ in 0..3 {
        has_run(&stores, &make, &gone, &[3; 400]).await;
    }
    has_run(&stores, &make, &kept, &[3; 4]).await;
    stores.threads.delete(gone.id).await.unwrap();
    let left = rows_but_of(test_database, kept.id).await;
    let batches = finish(&stores).await;
    assert!(batches.iter().all(|rows| *rows <= MOST_ROWS), "{batches:?}");
    assert_eq!(batches.iter().sum::<u64>(), left.unsigned_abs());
    assert_eq!(rows_but_of(test_database, kept.id).await, 0);
    let messages = count(&test_database.url, "SELECT count(*) FROM messages").await;
    assert_eq!(messages, 5);
}

async fn a_batch_is_small_however_large_the_messages(test_database: &TestDatabase) {
    let stores = stores(&test_database.migrated().await);
    let make = Samples::new();
    let thread = has_thread(&stores, &make).await;
    // Of the first two fit, and of the second none.
    has_run(&stores, &make, &thread, &[500_000; 8]).await;
    has_run(&stores, &make, &thread, &[2_000_000; 3]).await;
    stores.threads.delete(thread.id).await.unwrap();
    let batches = finish(&stores).await;
    assert_eq!(batches[..8], [3, 2, 2, 3, 1, 1, 1, 17]);
}

async fn nothing_names_a_deleted_user_in_the_end(test_database: &TestDatabase) {
    let stores = stores(&test_database.migrated().await);
    let make = Samples::new();
    let thread = has_thread(&stores, &make).await;
    let owner = thread.owner_id.unwrap();
    for number in 0..600_u16 {
        let thread = make.thread(owner);
        stores.threads.add(&thread).await.unwrap();
        if number < 20 {
            has_run(&stores, &make, &thread, &[]).await;
        }
        let token = make.token(owner, TokenKind::Session);
        let mut hash = token_hash(0);
        hash.0[..2].copy_from_slice(&number.to_be_bytes());
        let grounds = Grounds::Operator;
        stores.tokens.add(&token, &hash, &grounds).await.unwrap();
    }
    stores.users.delete(owner).await.unwrap();
    let batches = finish(&stores).await;
    assert_eq!(batches, [500, 100, 500, 101, 20, 1]);
    let query = "SELECT (SELECT count(*) FROM threads WHERE owner_id IS NOT NULL)
        + (SELECT count(*) FROM runs WHERE user_id IS NOT NULL)
        + (SELECT count(*) FROM access_tokens) + (SELECT count(*) FROM deletions)";
    assert_eq!(count(&test_database.url, query).await, 0);
    assert_eq!(
        count(&test_database.url, "SELECT count(*) FROM threads").await,
        601
    );
}

async fn nothing_names_a_deleted_assistant_in_the_end(test_database: &TestDatabase) {
    let stores = stores(&test_database.migrated().await);
    let make = Samples::new();
    let owner = has_thread(&stores, &make).await.owner_id.unwrap();
    let assistant = make.assistant("Guide");
    stores.assistants.add(&assistant).await.unwrap();
    for _ in 0..600 {
        let thread = Thread {
            assistant_id: Some(assistant.id),
            ..make.thread(owner)
        };
        stores.threads.add(&thread).await.unwrap();
    }
    stores.assistants.delete(assistant.id).await.unwrap();
    // The last but one is the assistant's revision.
    assert_eq!(finish(&stores).await, [500, 100, 1, 1]);
    let query = "SELECT count(*) FROM threads WHERE assistant_id IS NOT NULL";
    assert_eq!(count(&test_database.url, query).await, 0);
}
